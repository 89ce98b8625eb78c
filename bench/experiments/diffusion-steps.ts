// Steps against quality: the kernel distance of a diffusion run's samples by sampler and number of steps, with standard errors.
//   node bin/ts.js bench/experiments/diffusion-steps.ts RUN [--samplers ddim,dpm-solver++,euler,ancestral] [--steps 5,10,20,50,100] [--samples 1000] [--out PLOT.png]
// Every point of the plot is a line of `diffusion-steps.jsonl` in the run's folder; what is there is not measured again, so it can be stopped and started.
import { existsSync } from "node:fs";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { loadDataset } from "../../src/data/node/load.ts";
import { pictureShape } from "../../src/models/index.ts";
import { linePlot, type Series } from "../../src/report/plot.ts";
import { encodePng } from "../../src/report/png.ts";
import { drawPictures } from "../../src/runs/drawn.ts";
import { loadModel } from "../../src/runs/load.ts";
import { openRun, type Run } from "../../src/runs/registry.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { type Distances, openReference } from "./measure.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    samplers: { type: "string", default: "ddim,dpm-solver++" },
    steps: { type: "string", default: "5,10,20,50,100" },
    samples: { type: "string", default: "1000" },
    out: { type: "string" },
  },
});

/** One point: a sampler with a number of steps, at one checkpoint. */
interface Point extends Pick<Distances, "samples" | "fd" | "fdError" | "kd" | "kdError" | "covered"> {
  checkpoint: string;
  sampler: string;
  steps: number;
  /** Of drawing, on this machine as it was. */
  seconds: number;
}

const fileOf = (run: Run): string => path.join(run.folder, "diffusion-steps.jsonl");

async function known(run: Run): Promise<Point[]> {
  if (!existsSync(fileOf(run))) return [];
  const lines = (await readFile(fileOf(run), "utf8")).split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Point);
}

/** Every point that is wanted, those of before read and not measured again. */
async function measure(run: Run, samplers: readonly string[], steps: readonly number[], samples: number): Promise<Point[]> {
  const model = await loadModel(run);
  const { record, config, hash: checkpoint } = model;
  const data = run.record.data?.name ?? record.data.sets[0];
  const held = await loadDataset(data, { split: "test", shape: pictureShape(record, config) });
  const reference = await openReference(data, held.shape);
  const backend = await openBackend({ device: "cpu" });
  const before = await known(run);
  const points: Point[] = [];
  for (const sampler of samplers) {
    for (const count of steps) {
      const done = before.find((p) => p.checkpoint === checkpoint && p.sampler === sampler && p.steps === count && p.samples === samples);
      if (done === undefined) {
        const started = performance.now();
        // One seed for all: what is compared begins with the same noise.
        const { set } = await drawPictures({ ...model, backend }, held, samples, { seed: "steps", sampling: { sampler, steps: count } });
        const seconds = (performance.now() - started) / 1000;
        const found = await reference.measure({ data: set.images, shape: [samples, ...held.shape] });
        const { fd, fdError, kd, kdError, covered } = found;
        const point = { checkpoint, sampler, steps: count, samples, seconds, fd, fdError, kd, kdError, covered };
        await appendFile(fileOf(run), `${JSON.stringify(point)}\n`);
        points.push(point);
        process.stderr.write(`${sampler}, ${count} steps: kd ${kd.toFixed(4)} ± ${kdError.toFixed(4)}, ${seconds.toFixed(0)} s\n`);
      } else points.push(done);
    }
  }
  const { kd, kdError } = await reference.real(samples);
  process.stderr.write(`as many training pictures: kd ${kd.toFixed(4)} ± ${kdError.toFixed(4)}\n`);
  return points;
}

/** Kernel distance against steps, which stand at equal distances; thin bars of one standard error to each side. */
function plot(points: readonly Point[], samplers: readonly string[], steps: readonly number[]): Series[] {
  const shown = samplers.flatMap((sampler) => {
    const own = steps.map((count) => points.find((point) => point.sampler === sampler && point.steps === count)!);
    const x = steps.map((_, i) => i);
    return [{ name: sampler, x, y: own.map(({ kd }) => kd) }];
  });
  const bars = samplers.map((sampler) => {
    const own = points.filter((point) => point.sampler === sampler);
    return {
      name: `${sampler}, 1 s.e.`,
      x: own.flatMap(({ steps: count }) => [steps.indexOf(count), steps.indexOf(count), Number.NaN]),
      y: own.flatMap(({ kd, kdError }) => [kd - kdError, kd + kdError, Number.NaN]),
    };
  });
  return [...shown, ...bars];
}

const [name] = positionals;
if (name === undefined) throw new Error("use: diffusion-steps.ts RUN [--samplers ...] [--steps ...] [--samples N] [--out PLOT.png]");
const run = await openRun(name);
const samplers = values.samplers.split(",");
const steps = values.steps.split(",").map(Number);
const samples = Number(values.samples);
const points = await measure(run, samplers, steps, samples);
const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |\n`;
process.stdout.write(line(["sampler", "steps", "kd", "fd", "classes", "seconds"]) + line(["---", "---", "---", "---", "---", "---"]));
for (const { sampler, steps: count, kd, kdError, fd, fdError, covered, seconds } of points) {
  const cells = [`${kd.toFixed(4)} ± ${kdError.toFixed(4)}`, `${fd.toFixed(2)} ± ${fdError.toFixed(2)}`, covered, seconds.toFixed(0)];
  process.stdout.write(line([sampler, count, ...cells]));
}
const out = path.resolve(values.out ?? path.join(run.folder, "diffusion-steps.png"));
const raster = linePlot({
  title: `kd of ${samples} samples`,
  xLabel: `0 to ${steps.length - 1}: ${steps.join(", ")} steps`,
  yLabel: "kernel distance to held-out pictures",
  width: 760,
  height: 520,
  series: plot(points, samplers, steps),
});
await writeFile(out, encodePng(raster, { Software: "atelier", run: run.name }));
process.stdout.write(`${out}\n`);
