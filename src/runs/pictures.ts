import { conditionNames, type ExampleSet, type ImageSet } from "../data/dataset.ts";
import { type BatchTarget, Loader } from "../data/loader.ts";
import { numericShape, type Pictures } from "../models/index.ts";
import { imageGrid, imagePairs } from "../report/grid.ts";
import { scatterPlot } from "../report/plot.ts";
import type { Raster } from "../report/png.ts";
import { compile, type InputSpec } from "../runtime/program.ts";
import { attributeConditions, classConditions, conditionList } from "./conditions.ts";
import { rowsOf } from "./drawn.ts";
import { pointViews } from "./points.ts";
import { drawSamples, type ViewContext } from "./sampling.ts";

// What a model can show of itself, by what it can do: samples, reconstructions, a map of its codes.

export { drawSamples, type ViewContext };

/** Columns that make a grid of `count` pictures about as wide as high. */
export function gridColumns(count: number): number {
  return Math.ceil(Math.sqrt(count));
}

/** Frames [N, C, H, W] each, as one set of pictures that shows frame after frame in the row of its picture. */
export function stripOf(frames: readonly Pictures[]): Pictures {
  const [count, ...shape] = frames[0].shape;
  const size = shape.reduce((a, b) => a * b, 1);
  const data = new Float32Array(count * frames.length * size);
  for (let n = 0; n < count; n++)
    frames.forEach((frame, k) => {
      data.set(frame.data.subarray(n * size, (n + 1) * size), (n * frames.length + k) * size);
    });
  return { data, shape: [count * frames.length, ...shape] };
}

/** Every view the model has, by name: `samples`, `reconstructions`, `latent`. `held` is held-out data. */
export async function views(context: ViewContext, held: ExampleSet, seed: number | string): Promise<Record<string, Raster>> {
  if (held.kind === "points") return await pointViews(context, held, seed);
  if (held.kind !== "images") return {};
  const { record } = context;
  const result: Record<string, Raster> = {};
  if (record.sample !== undefined) {
    const { count, columns, conditions } = sampleGrid(context, held, seed);
    const from = record.starts === "needs" ? rowsOf(held, 0, count) : undefined;
    const pictures = await drawSamples(context, count, `${seed}/samples`, { conditions, from });
    result.samples = imageGrid(pictures, { columns, scale: scaleFor(pictures.shape[2]) });
  }
  if (record.reconstruct !== undefined) result.reconstructions = await reconstructionPairs(context, held);
  if (record.encode !== undefined) {
    const map = await latentMap(context, held);
    if (map !== undefined) result.latent = map;
  }
  return result;
}

/** The samples of a view: 64, or for models that know classes eight of each, a class a row. */
function sampleGrid({ record }: ViewContext, held: ImageSet, seed: number | string) {
  const list = record.data.conditions === undefined ? undefined : conditionList(held);
  if (list === undefined) return { count: 64, columns: gridColumns(64), conditions: undefined };
  if (list.kind === "attributes") {
    const { conditions } = attributeConditions(held.attributes!, 64, new Map(), `${seed}/samples`);
    return { count: 64, columns: gridColumns(64), conditions };
  }
  const [rows, columns] = [Math.min(list.names.length, MOST_ROWS), 8];
  const each = Array.from({ length: rows }, (_, k) => classConditions(list.names.length, columns, k));
  const conditions = new Float32Array(rows * columns * list.names.length);
  each.forEach((row, k) => {
    conditions.set(row, k * row.length);
  });
  return { count: rows * columns, columns, conditions };
}

/** Classes shown in a grid of samples: the first ones where there are more. */
const MOST_ROWS = 16;

function scaleFor(height: number): number {
  return Math.max(1, Math.round(64 / height));
}

async function reconstructionPairs({ record, config, network, backend }: ViewContext, held: ImageSet): Promise<Raster> {
  const count = Math.min(16, held.count);
  const shape = [count, ...numericShape(record, config)] as [number, number, number, number];
  const program = await compile<string, "pictures">(
    backend,
    ({ images, conditions }) => ({ pictures: record.reconstruct!(network, images, conditions) }),
    { name: `${record.name} reconstruction`, inputs: pictureInputs(record, held, shape) },
  );
  const images = program.inputs.images as Float32Array;
  new Loader(held, { batch: count, seed: 0, shuffle: true }).fill(program.inputs as BatchTarget);
  const { pictures } = await program.run();
  await program.dispose();
  return imagePairs({ data: images, shape }, { data: pictures as Float32Array, shape }, { columns: 8, scale: scaleFor(shape[2]) });
}

/** Two-number codes as points, coloured by class; undefined for longer codes. */
async function latentMap({ record, config, network, backend }: ViewContext, held: ImageSet): Promise<Raster | undefined> {
  // Where the size of a code is known, nothing is compiled only to find out.
  if ((record.codes?.(config) ?? [2]).reduce((product, size) => product * size, 1) !== 2) return undefined;
  const batch = Math.min(200, held.count);
  const shape = [batch, ...numericShape(record, config)];
  const program = await compile<string, "codes">(
    backend,
    ({ images, conditions }) => ({ codes: record.encode!(network, images, conditions) }),
    { name: `${record.name} encoding`, inputs: pictureInputs(record, held, shape) },
  );
  if (program.outputs.codes.length !== 2 * batch) {
    await program.dispose();
    return undefined;
  }
  const points = new Float32Array(2 * held.count);
  for (const { start, valid } of new Loader(held, { batch, dropLast: false }).evaluationBatches(program.inputs as BatchTarget)) {
    const { codes } = await program.run();
    points.set((codes as Float32Array).subarray(0, 2 * valid), 2 * start);
  }
  await program.dispose();
  const title = `${record.title}: codes of ${held.count} held-out pictures`;
  return scatterPlot({ points, classes: held.labels, names: held.classes, title, xLabel: "code 1", yLabel: "code 2" });
}

/** Pictures, and what is known of them for models that take conditions. */
function pictureInputs(record: ViewContext["record"], held: ImageSet, shape: readonly number[]): Record<string, InputSpec> {
  const images = { shape };
  return record.data.conditions === undefined ? { images } : { images, conditions: { shape: [shape[0], conditionNames(held).length] } };
}
