import { RandomStreams } from "../core/streams.ts";
import type { ImageSet } from "../data/dataset.ts";
import { Loader } from "../data/loader.ts";
import type { ModelRecord, Pictures } from "../models/index.ts";
import type { Module } from "../nn/module.ts";
import { imageGrid, imagePairs } from "../report/grid.ts";
import { scatterPlot } from "../report/plot.ts";
import type { Raster } from "../report/png.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";

// What a model can show of itself, by what it can do: samples, reconstructions, a map of its codes.

export interface ViewContext {
  record: ModelRecord;
  config: unknown;
  network: Module;
  backend: Backend;
}

/** Fresh pictures; the same seed gives the same codes, so grids of one run compare. The model must be able to sample. */
export async function drawSamples({ record, network, backend }: ViewContext, count: number, seed: number | string): Promise<Pictures> {
  const streams = new RandomStreams(seed);
  let last: Pictures | undefined;
  const compileSample = ((build, options) =>
    compile(backend, build, { name: `${record.name} sampling`, ...options, streams })) as Parameters<
    NonNullable<ModelRecord["sample"]>
  >[1]["compile"];
  for await (const pictures of record.sample!(network, { count, compile: compileSample })) last = pictures;
  return last!;
}

/** Columns that make a grid of `count` pictures about as wide as high. */
export function gridColumns(count: number): number {
  return Math.ceil(Math.sqrt(count));
}

/** Every view the model has, by name: `samples`, `reconstructions`, `latent`. `held` is held-out data. */
export async function views(context: ViewContext, held: ImageSet, seed: number | string): Promise<Record<string, Raster>> {
  const { record } = context;
  const result: Record<string, Raster> = {};
  if (record.sample !== undefined) {
    const pictures = await drawSamples(context, 64, `${seed}/samples`);
    result.samples = imageGrid(pictures, { columns: gridColumns(64), scale: scaleFor(pictures.shape[2]) });
  }
  if (record.reconstruct !== undefined) result.reconstructions = await reconstructionPairs(context, held);
  if (record.encode !== undefined) {
    const map = await latentMap(context, held);
    if (map !== undefined) result.latent = map;
  }
  return result;
}

function scaleFor(height: number): number {
  return Math.max(1, Math.round(64 / height));
}

async function reconstructionPairs({ record, config, network, backend }: ViewContext, held: ImageSet): Promise<Raster> {
  const count = Math.min(16, held.count);
  const shape = [count, ...record.data.shape(config)] as [number, number, number, number];
  const program = await compile(backend, ({ images }) => ({ pictures: record.reconstruct!(network, images) }), {
    name: `${record.name} reconstruction`,
    inputs: { images: { shape } },
  });
  const images = program.inputs.images as Float32Array;
  new Loader(held, { batch: count, seed: 0, shuffle: true }).fill({ images });
  const { pictures } = await program.run();
  await program.dispose();
  return imagePairs({ data: images, shape }, { data: pictures as Float32Array, shape }, { columns: 8, scale: scaleFor(shape[2]) });
}

/** Two-number codes as points, coloured by class; undefined for longer codes. */
async function latentMap({ record, config, network, backend }: ViewContext, held: ImageSet): Promise<Raster | undefined> {
  const batch = Math.min(200, held.count);
  const shape = [batch, ...record.data.shape(config)];
  const program = await compile(backend, ({ images }) => ({ codes: record.encode!(network, images) }), {
    name: `${record.name} encoding`,
    inputs: { images: { shape } },
  });
  if (program.outputs.codes.length !== 2 * batch) {
    await program.dispose();
    return undefined;
  }
  const points = new Float32Array(2 * held.count);
  const target = { images: program.inputs.images as Float32Array };
  for (const { start, valid } of new Loader(held, { batch, dropLast: false }).evaluationBatches(target)) {
    const { codes } = await program.run();
    points.set((codes as Float32Array).subarray(0, 2 * valid), 2 * start);
  }
  await program.dispose();
  const title = `${record.title}: codes of ${held.count} held-out pictures`;
  return scatterPlot({ points, classes: held.labels, names: held.classes, title, xLabel: "code 1", yLabel: "code 2" });
}
