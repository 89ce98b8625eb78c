// The GANs' experiments: how samples get better while a game is played.
//   node bin/ts.js bench/experiments/gans.ts train [NAME ...]    runs of ATELIER_HOME, going on where they stand; all experiments without a name
//   node bin/ts.js bench/experiments/gans.ts table               the tables, from the samples that the runs left
// A run is `atelier train MODEL --preset PRESET --seed 0 --run NAME`, stopped at every tenth for 2,000 samples of one seed.
import { existsSync } from "node:fs";
import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { processIo } from "../../src/cli/process-io.ts";
import { prepareRun } from "../../src/cli/train-setup.ts";
import { spearman } from "../../src/metrics/index.ts";
import { loadModel } from "../../src/runs/load.ts";
import { readMetrics } from "../../src/runs/metrics-log.ts";
import { drawSamples } from "../../src/runs/pictures.ts";
import { openRun, type Run, runsFolder } from "../../src/runs/registry.ts";
import { trainRun } from "../../src/runs/training.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { type Distances, openReference, type Reference } from "./measure.ts";
import { decodeNpy, encodeNpy, toBytes } from "./npy.ts";

interface Experiment {
  model: string;
  preset: string;
  data: string;
}

const experiments: Readonly<Record<string, Experiment>> = {
  "conditional-gan-small-0": { model: "conditional-gan", preset: "small", data: "mnist" },
  "dcgan-small-0": { model: "dcgan", preset: "small", data: "fashion-mnist" },
  "wgan-gp-small-0": { model: "wgan-gp", preset: "small", data: "fashion-mnist" },
  "wgan-clipping-0": { model: "wgan-gp", preset: "clipping", data: "fashion-mnist" },
  "dcgan-upsampling-0": { model: "dcgan", preset: "upsampling", data: "fashion-mnist" },
};
const samples = 2000;
const parts = 10;
const io = processIo();
const say = (text: string): void => io.stderr.write(`${text}\n`);

/** What a stop of a run leaves: a line of `experiment.jsonl` beside the samples' file. */
interface Stop {
  step: number;
  /** Seconds of training steps so far. */
  seconds: number;
  file: string;
  /** Held-out metrics. */
  results: Record<string, number>;
}

const logOf = (run: Run): string => path.join(run.folder, "experiment.jsonl");

async function readLines<T>(file: string): Promise<T[]> {
  const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as T);
}

async function stopsOf(run: Run): Promise<Stop[]> {
  return existsSync(logOf(run)) ? readLines<Stop>(logOf(run)) : [];
}

/** Train to `step` of the run, from where it stands. */
async function trainTo(name: string, { model, preset, data }: Experiment, step: number): Promise<Run> {
  const resume = existsSync(path.join(runsFolder(), name));
  const own = resume ? {} : { preset, data };
  const options = { ...own, run: name, resume, steps: step, seed: "0", device: "cpu", checkpoint: 600 };
  const prepared = await prepareRun(model, options, io, () => {});
  for await (const event of trainRun({ ...prepared, checkpointSeconds: 600 })) {
    if (event.type === "warning") say(`${name}: ${event.text}`);
  }
  return prepared.run;
}

/** Samples of a run as it stands, and what is known of it. */
async function stop(run: Run): Promise<Stop> {
  const model = await loadModel(run);
  const backend = await openBackend({ device: "cpu" });
  const { data, shape } = await drawSamples({ ...model, backend }, samples, "distances");
  const file = path.join(run.folder, "experiment", `step-${String(model.step).padStart(8, "0")}.npy`);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, encodeNpy({ data: toBytes(data), shape }));
  const rows = await readMetrics(run.metricsFile);
  const seconds = rows.reduce((sum, row) => sum + Number(row.seconds), 0);
  return { step: model.step, seconds, file: path.basename(file), results: run.record.results };
}

/** All steps of a preset. */
async function stepsOf(experiment: Experiment): Promise<number> {
  const { findModel, defaultTraining, pictureShape } = await import("../../src/models/index.ts");
  const { loadDataset } = await import("../../src/data/node/load.ts");
  const { batchesPerStep } = await import("../../src/train/phase.ts");
  const record = findModel(experiment.model);
  const { config, training } = record.presets[experiment.preset];
  const { count } = await loadDataset(experiment.data, { split: "train", shape: pictureShape(record, config) });
  const { epochs, batch } = { ...defaultTraining, ...training };
  const perStep = batchesPerStep(record.players?.(config).phases ?? [{}]);
  return Math.round((epochs * Math.floor(count / batch)) / perStep);
}

async function train(name: string): Promise<void> {
  const experiment = experiments[name];
  if (experiment === undefined) throw new Error(`no experiment ${name}; there are ${Object.keys(experiments).join(", ")}`);
  const total = await stepsOf(experiment);
  const done = existsSync(path.join(runsFolder(), name)) ? await stopsOf(await openRun(name)) : [];
  for (let part = done.length + 1; part <= parts; part++) {
    const run = await trainTo(name, experiment, Math.round((part * total) / parts));
    const stopped = await stop(run);
    await appendFile(logOf(run), `${JSON.stringify(stopped)}\n`);
    say(`${name}: step ${stopped.step} of ${total}, ${stopped.seconds.toFixed(0)} s, ${JSON.stringify(stopped.results)}`);
  }
}

/** A stop with what its samples are measured by. */
interface Point extends Stop, Distances {}

const measuredOf = (run: Run): string => path.join(run.folder, "experiment-measured.jsonl");

/** Every stop of a run, measured; those measured before are read. */
async function pointsOf(run: Run, data: string): Promise<Point[]> {
  const known = existsSync(measuredOf(run)) ? await readLines<Point>(measuredOf(run)) : [];
  let reference: Reference | undefined;
  const points: Point[] = [];
  for (const stopped of await stopsOf(run)) {
    const before = known.find(({ step }) => step === stopped.step);
    if (before !== undefined) {
      points.push(before);
      continue;
    }
    const pictures = decodeNpy(await readFile(path.join(run.folder, "experiment", stopped.file)));
    const [, channels, height, width] = pictures.shape;
    reference ??= await openReference(data, [channels, height, width]);
    const point = { ...stopped, ...(await reference.measure(pictures)) };
    await appendFile(measuredOf(run), `${JSON.stringify(point)}\n`);
    points.push(point);
  }
  return points;
}

const plusMinus = (value: number, error: number, digits: number): string => `${value.toFixed(digits)} ± ${error.toFixed(digits)}`;

/** How a run got better: a table in Markdown, and the rank correlation of the critic's estimate with the kernel distance. */
function tell(name: string, points: readonly Point[]): string {
  const metrics = Object.keys(points[0].results);
  const head = ["step", "seconds", "fd", "kd", "classes", ...metrics];
  const rows = points.map((point) => [
    String(point.step),
    point.seconds.toFixed(0),
    plusMinus(point.fd, point.fdError, 2),
    plusMinus(point.kd, point.kdError, 4),
    `${point.covered} of ${point.counts.length}`,
    ...metrics.map((metric) => point.results[metric].toFixed(3)),
  ]);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const text = [`### ${name}`, "", line(head), line(head.map(() => "---")), ...rows.map(line), ""];
  if (metrics.includes("estimate") && points.length > 2) {
    const rank = spearman(
      points.map(({ results }) => results.estimate),
      points.map(({ kd }) => kd),
    );
    text.push(`Spearman's rank correlation of the estimate and the kernel distance over ${points.length} stops: ${rank.toFixed(3)}`, "");
  }
  const last = points[points.length - 1];
  text.push(
    `Samples by class at the end: ${last.counts.join(", ")}. Named as asked for, were each class asked for in turn: ${plusMinus(100 * last.inTurn, 100 * last.inTurnError, 2)} %.`,
    "",
  );
  return text.join("\n");
}

/** The DCGAN and the Wasserstein GAN where they have taken as many generator steps, and as many seconds, as the shorter of both runs. */
function compare(a: readonly Point[], b: readonly Point[], by: "step" | "seconds"): string {
  const end = Math.min(a[a.length - 1][by], b[b.length - 1][by]);
  const at = (points: readonly Point[]) =>
    points.reduce((best, point) => (Math.abs(point[by] - end) < Math.abs(best[by] - end) ? point : best));
  const cells = [a, b].map(at).map(({ step, seconds, fd, fdError, kd, kdError }) => {
    return `step ${step}, ${seconds.toFixed(0)} s: fd ${plusMinus(fd, fdError, 2)}, kd ${plusMinus(kd, kdError, 4)}`;
  });
  return `| equal ${by === "step" ? "generator steps" : "time"} | ${cells.join(" | ")} |`;
}

async function table(): Promise<void> {
  const all = new Map<string, Point[]>();
  for (const [name, { data }] of Object.entries(experiments)) {
    if (!existsSync(path.join(runsFolder(), name))) continue;
    const points = await pointsOf(await openRun(name), data);
    if (points.length === 0) continue;
    all.set(name, points);
    io.stdout.write(`${tell(name, points)}\n`);
  }
  const [dcgan, wgan] = [all.get("dcgan-small-0"), all.get("wgan-gp-small-0")];
  if (dcgan === undefined || wgan === undefined) return;
  const lines = ["| at | DCGAN | WGAN-GP |", "| --- | --- | --- |", compare(dcgan, wgan, "step"), compare(dcgan, wgan, "seconds")];
  io.stdout.write(`### DCGAN and WGAN-GP\n\n${lines.join("\n")}\n`);
}

const [command, ...names] = process.argv.slice(2);
if (command === "train") for (const name of names.length > 0 ? names : Object.keys(experiments)) await train(name);
else if (command === "table") await table();
else throw new Error("use: gans.ts train [NAME ...] | table");
