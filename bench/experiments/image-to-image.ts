// Image to image: how much of a given picture is left, by strength.
//   node bin/ts.js bench/experiments/image-to-image.ts RUN [--strengths 0.1,0.2,...] [--pictures 200] [--steps 20] [--out PLOT.png]
// Held-out pictures are taken up at each strength and painted anew. Told are the mean correlation of the result with its picture, and, for data with classes that
// come with a feature network, the share of results that are named as their picture's class. Every strength is a line of `image-to-image.jsonl` in the run's
// folder; what is there is not made again.
import { existsSync } from "node:fs";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { loadDataset } from "../../src/data/node/load.ts";
import { selectImages } from "../../src/data/select.ts";
import { pictureShape } from "../../src/models/model.ts";
import { linePlot } from "../../src/report/plot.ts";
import { encodePng } from "../../src/report/png.ts";
import { rowsOf } from "../../src/runs/drawn.ts";
import { assetClassifier, featuresFor } from "../../src/runs/features.ts";
import { conditionsOf } from "../../src/runs/latent/source.ts";
import { loadModel } from "../../src/runs/load.ts";
import { openRun, type Run } from "../../src/runs/registry.ts";
import { drawSamples } from "../../src/runs/sampling.ts";
import { openBackend } from "../../src/runtime/node/open.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    strengths: { type: "string", default: "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1" },
    pictures: { type: "string", default: "200" },
    steps: { type: "string", default: "20" },
    out: { type: "string" },
  },
});

interface Point {
  checkpoint: string;
  strength: number;
  pictures: number;
  steps: number;
  /** Mean over pictures of the correlation of pixels, and its standard error. */
  correlation: number;
  correlationError: number;
  /** Share named as the picture's own class; absent where nothing names them. */
  sameClass?: number;
}

/** Correlation of two pictures' numbers; 0 where one has no contrast. */
function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const mean = (x: ArrayLike<number>) => Array.from(x).reduce((sum, value) => sum + value, 0) / x.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += (a[i] - ma) * (b[i] - mb);
    aa += (a[i] - ma) ** 2;
    bb += (b[i] - mb) ** 2;
  }
  return aa * bb === 0 ? 0 : ab / Math.sqrt(aa * bb);
}

async function known(run: Run): Promise<Point[]> {
  const file = path.join(run.folder, "image-to-image.jsonl");
  if (!existsSync(file)) return [];
  const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Point);
}

async function measure(run: Run, strengths: readonly number[], count: number, steps: number): Promise<Point[]> {
  const model = await loadModel(run);
  const { record, config, hash: checkpoint } = model;
  const data = run.record.data?.name ?? record.data.sets[0];
  const held = await loadDataset(data, { split: "test", shape: pictureShape(record, config) });
  // Pictures evenly from the whole split, which may be sorted by class.
  const rows = Array.from({ length: count }, (_, i) => Math.floor((i * held.count) / count));
  const set = selectImages(held, rows);
  const from = rowsOf(set, 0, count);
  const conditions = record.data.conditions === undefined ? undefined : conditionsOf(set);
  const backend = await openBackend({ device: "cpu" });
  const asset = featuresFor(data);
  const classifier = asset === undefined || set.labels === undefined ? undefined : assetClassifier(asset, backend);
  const before = await known(run);
  const points: Point[] = [];
  for (const strength of strengths) {
    const own = (p: Point) => p.checkpoint === checkpoint && p.strength === strength && p.pictures === count && p.steps === steps;
    let point = before.find(own);
    if (point === undefined) {
      // No more steps than there are from this strength on.
      const most = Math.max(1, Math.round(strength * Number(config.timesteps)));
      const made = await drawSamples({ ...model, backend }, count, "image to image", {
        ...{ from, conditions },
        sampling: { strength, steps: Math.min(steps, most) },
      });
      const size = made.data.length / count;
      const each = rows.map((_, i) =>
        correlation(made.data.subarray(i * size, (i + 1) * size), from.data.subarray(i * size, (i + 1) * size)),
      );
      const mean = each.reduce((a, b) => a + b) / count;
      const error = Math.sqrt(each.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count * (count - 1)));
      point = { checkpoint, strength, pictures: count, steps, correlation: mean, correlationError: error };
      if (classifier !== undefined) {
        const images = Uint8Array.from(made.data, (value) => Math.round(255 * value));
        const scores = await classifier.scores({ ...set, images });
        const width = scores.length / count;
        const named = rows.filter((_, i) => {
          const row = scores.subarray(i * width, (i + 1) * width);
          return row.indexOf(Math.max(...row)) === set.labels![i];
        });
        point.sameClass = named.length / count;
      }
      await appendFile(path.join(run.folder, "image-to-image.jsonl"), `${JSON.stringify(point)}\n`);
      process.stderr.write(`${JSON.stringify(point)}\n`);
    }
    points.push(point);
  }
  return points;
}

const [name] = positionals;
if (name === undefined) throw new Error("use: image-to-image.ts RUN [--strengths ...] [--pictures N] [--steps N] [--out PLOT.png]");
const run = await openRun(name);
const points = await measure(run, values.strengths.split(",").map(Number), Number(values.pictures), Number(values.steps));
process.stdout.write("| strength | correlation | same class |\n| --- | --- | --- |\n");
for (const { strength, correlation: found, correlationError, sameClass } of points) {
  const share = sameClass === undefined ? "" : `${(100 * sameClass).toFixed(1)} %`;
  process.stdout.write(`| ${strength} | ${found.toFixed(3)} ± ${correlationError.toFixed(3)} | ${share} |\n`);
}
const out = path.resolve(values.out ?? path.join(run.folder, "image-to-image.png"));
const x = points.map(({ strength }) => strength);
const classes = points.every(({ sameClass }) => sameClass !== undefined);
const raster = linePlot({
  ...{ title: `${run.name}: what is left of ${values.pictures} pictures`, xLabel: "strength", width: 760, height: 520 },
  series: [
    { name: "correlation with the picture", x, y: points.map(({ correlation: found }) => found) },
    ...(classes ? [{ name: "share of the same class", x, y: points.map(({ sameClass }) => sameClass!) }] : []),
  ],
});
await writeFile(out, encodePng(raster, { Software: "atelier", run: run.name }));
process.stdout.write(`${out}\n`);
