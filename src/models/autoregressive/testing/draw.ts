import { expect } from "vitest";
import { RandomStreams } from "../../../core/streams.ts";
import { type Module, namedParameters } from "../../../nn/module.ts";
import { openBackend } from "../../../runtime/node/open.ts";
import { compile } from "../../../runtime/program.ts";
import type { GivenPictures, Pictures, SampleContext } from "../../model.ts";
import { type RasterModel, sampleRaster } from "../raster.ts";

/** Larger weights, so that pixels depend on each other before any training. */
export function strengthen<M extends Module>(network: M, factor: number): M {
  for (const [name, { data }] of namedParameters(network))
    if (name.endsWith("weight")) for (let i = 0; i < data.length; i++) data[i] *= factor;
  return network;
}

/** What a sampler yields, all of it, by the same random streams each time. */
export async function drawn(model: RasterModel, how: "cached" | "whole", count: number, given?: GivenPictures): Promise<Pictures[]> {
  const backend = await openBackend();
  const streams = new RandomStreams(4);
  const context: SampleContext = { count, given, compile: (build, options) => compile(backend, build, { ...options, streams }) };
  const pictures: Pictures[] = [];
  for await (const next of sampleRaster(model, context, how)) pictures.push(next);
  return pictures;
}

/** Whoever stops looking after the first row leaves no program behind. */
export async function expectDisposed(model: RasterModel, how: "cached" | "whole"): Promise<void> {
  const backend = await openBackend();
  let open = 0;
  const counted: SampleContext["compile"] = async (build, options) => {
    const program = await compile(backend, build, { ...options, streams: new RandomStreams(0) });
    open++;
    const dispose = program.dispose.bind(program);
    program.dispose = () => {
      open--;
      return dispose();
    };
    return program;
  };
  for await (const _ of sampleRaster(model, { count: 1, compile: counted }, how)) break;
  expect(open).toBe(0);
}

/** Pictures whose upper half is given. */
function halfGiven(count: number, [channels, height, width]: readonly number[]): GivenPictures {
  const data = Float32Array.from({ length: count * channels * height * width }, (_, i) => ((i * 7) % 11) / 11);
  const known = Uint8Array.from({ length: count * height * width }, (_, i) => (i % (height * width) < (height * width) / 2 ? 1 : 0));
  return { data, known, shape: [count, channels, height, width] };
}

/** Painting with what the layers remember gives the pictures of the whole network for every pixel, and keeps what it has painted. */
export async function expectSamePictures(model: RasterModel): Promise<void> {
  const [cached, whole] = [await drawn(model, "cached", 3), await drawn(model, "whole", 3)];
  expect(cached.at(-1)).toEqual(whole.at(-1));
  expect(new Set(cached.at(-1)!.data).size).toBeGreaterThan(1);
  expect(cached.length).toBe(model.image[1]);
  const row = model.image[2];
  expect(cached[0].data.subarray(0, row)).toEqual(cached.at(-1)!.data.subarray(0, row));
}

/** Given pixels stay exactly, and what follows depends on them. */
export async function expectFilled(model: RasterModel): Promise<void> {
  const given = halfGiven(2, model.image);
  const { data } = (await drawn(model, "cached", 2, given)).at(-1)!;
  expect(data).toEqual((await drawn(model, "whole", 2, given)).at(-1)!.data);
  const [colours, height, width] = model.image;
  const area = height * width;
  data.forEach((value, i) => {
    if (given.known[Math.floor(i / (area * colours)) * area + (i % area)] === 1) expect(value).toBe(given.data[i]);
  });
  const free = (await drawn(model, "cached", 2)).at(-1)!.data;
  expect(data.some((value, i) => i % area >= area / 2 && value !== free[i])).toBe(true);
}
