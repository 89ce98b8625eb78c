// The GANs' experiments: how samples get better while a game is played.
//   node bin/ts.js bench/experiments/gans.ts train [NAME ...]    runs of ATELIER_HOME, going on where they stand; all experiments without a name
//   node bin/ts.js bench/experiments/gans.ts table               the tables, from the samples that the runs left
// A run is `atelier train MODEL --preset PRESET --seed 0 --run NAME`, stopped at every tenth for 2,000 samples of one seed.
import { existsSync } from "node:fs";
import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { processIo } from "../../src/cli/process-io.ts";
import { prepareRun } from "../../src/cli/train-setup.ts";
import { loadModel } from "../../src/runs/load.ts";
import { readMetrics } from "../../src/runs/metrics-log.ts";
import { drawSamples } from "../../src/runs/pictures.ts";
import { openRun, type Run, runsFolder } from "../../src/runs/registry.ts";
import { trainRun } from "../../src/runs/training.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { encodeNpy, toBytes } from "./npy.ts";

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

async function stopsOf(run: Run): Promise<Stop[]> {
  if (!existsSync(logOf(run))) return [];
  const lines = (await readFile(logOf(run), "utf8")).split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Stop);
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
  const { findModel, defaultTraining } = await import("../../src/models/index.ts");
  const { loadDataset } = await import("../../src/data/node/load.ts");
  const { batchesPerStep } = await import("../../src/train/phase.ts");
  const record = findModel(experiment.model);
  const { config, training } = record.presets[experiment.preset];
  const { count } = await loadDataset(experiment.data, { split: "train", shape: record.data.shape(config) });
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

const [command, ...names] = process.argv.slice(2);
if (command === "train") for (const name of names.length > 0 ? names : Object.keys(experiments)) await train(name);
else throw new Error("use: gans.ts train [NAME ...] | table");
