// How the families differ on points in the plane whose density is known: each model's preset for points on the same data.
//   node bin/ts.js bench/experiments/toys.ts DATA [--models a,b] [--samples 2000] [--seed 0] [--out PICTURE.png]
// A run is `atelier train MODEL --preset toy --data DATA --seed 0 --run toy-DATA-MODEL`; finished ones are taken as they are, so that an interrupted
// experiment goes on. Printed is a table, one line a model; the picture has one panel a model: samples over the data's density.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isPoint } from "../../src/data/dataset.ts";
import { loadExamples } from "../../src/data/node/load.ts";
import type { PointSet } from "../../src/data/points.ts";
import { isText } from "../../src/data/token-set.ts";
import { type ModelRecord, models } from "../../src/models/index.ts";
import { type PlanePanel, planePanels } from "../../src/report/plane.ts";
import { encodePng } from "../../src/report/png.ts";
import { loadModel } from "../../src/runs/load.ts";
import { readMetrics } from "../../src/runs/metrics-log.ts";
import { measurePoints, type PointMeasureName, type PointReport } from "../../src/runs/point-report.ts";
import { samplePanel, truthPanel } from "../../src/runs/points.ts";
import { openRun, type Run, runState, runsFolder } from "../../src/runs/registry.ts";
import type { Backend } from "../../src/runtime/backend.ts";
import { openBackend } from "../../src/runtime/node/open.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    models: { type: "string" },
    samples: { type: "string", default: "2000" },
    seed: { type: "string", default: "0" },
    out: { type: "string" },
  },
});
const [data = "moons"] = positionals;
const bin = fileURLToPath(new URL("../../bin/atelier.js", import.meta.url));

interface Row {
  record: ModelRecord;
  parameters: number;
  /** Of training steps. */
  seconds: number;
  report: PointReport;
  panel: PlanePanel;
}

/** `toy`, or `small` of a model that is for points in the first place. */
function pointPreset({ presets, data: { shape } }: ModelRecord): string | undefined {
  if (presets.toy !== undefined) return "toy";
  const example = shape(presets.small.config);
  return isText(example) || !isPoint(example) ? undefined : "small";
}

/** The finished run of a model; what stands still is gone on with. */
async function trained({ name }: ModelRecord, preset: string): Promise<Run> {
  const run = `toy-${data}-${name}`;
  const there = existsSync(path.join(runsFolder(), run));
  if (!there || runState(await openRun(run)) !== "finished") {
    const fresh = [name, "--preset", preset, "--data", data, "--seed", values.seed];
    const { status } = spawnSync(process.execPath, [bin, "train", ...(there ? ["--resume"] : fresh), "--run", run], { stdio: "inherit" });
    if (status !== 0) throw new Error(`${name} was not trained to the end`);
  }
  return openRun(run);
}

async function measured(record: ModelRecord, preset: string, backend: Backend, held: PointSet, training: PointSet): Promise<Row> {
  const run = await trained(record, preset);
  const model = { ...(await loadModel(run)), backend };
  const logged = await readMetrics(run.metricsFile);
  return {
    record,
    parameters: model.network.parameterCount,
    seconds: logged.reduce((sum, row) => sum + Number(row.seconds ?? 0), 0),
    report: await measurePoints({ model, held, training, samples: Number(values.samples), seed: values.seed }),
    panel: await samplePanel(model, held, { seed: values.seed, title: record.name }),
  };
}

const columns: readonly PointMeasureName[] = ["nll", "kl", "dense", "mmd"];

function line({ record, parameters, seconds, report: { measures, modes } }: Row): string {
  const cells = columns.map((name) => {
    const measure = measures[name];
    if (measure === undefined || !Number.isFinite(measure.value)) return "";
    return `${measure.value.toFixed(4)}${measure.error === undefined ? "" : ` ± ${measure.error.toFixed(4)}`}`;
  });
  const hit = modes === undefined ? "" : `${modes.hit} of ${modes.count}`;
  return `| ${[record.name, record.family, parameters, seconds.toFixed(0), ...cells, hit].join(" | ")} |`;
}

async function main(): Promise<void> {
  const [held, training] = (await Promise.all([
    loadExamples(data, { split: "test" }),
    loadExamples(data, { split: "train" }),
  ])) as PointSet[];
  const backend = await openBackend({ device: "cpu" });
  const wanted = values.models?.split(",");
  const rows: Row[] = [];
  for (const record of models) {
    const preset = pointPreset(record);
    if (preset === undefined || (wanted !== undefined && !wanted.includes(record.name))) continue;
    rows.push(await measured(record, preset, backend, held, training));
  }
  const real = columns.map((name) =>
    rows.find(({ report }) => report.measures[name] !== undefined)?.report.measures[name]?.real.toFixed(4),
  );
  const head = ["model", "family", "parameters", "seconds", ...columns, "modes"];
  const table = [head, head.map(() => "---"), ["the data", "", "", "", ...real, ""]].map((cells) => `| ${cells.join(" | ")} |`);
  process.stdout.write(`${[...table, ...rows.map(line)].join("\n")}\n`);
  if (values.out === undefined) return;
  const data0 = { ...truthPanel(held), title: "the data", points: training.points.subarray(0, 2000) };
  await writeFile(values.out, encodePng(planePanels([data0, ...rows.map(({ panel }) => panel)], { columns: 4, side: 200 })));
}

await main();
