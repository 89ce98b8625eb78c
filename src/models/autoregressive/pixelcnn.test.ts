import { describe, expect, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { RandomStreams } from "../../core/streams.ts";
import { namedParameters } from "../../nn/module.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import type { GivenPictures, Pictures, SampleContext } from "../model.ts";
import { PixelCnn, type PixelCnnConfig, pixelcnn, rasterModel } from "./pixelcnn.ts";
import { type RasterModel, sampleRaster } from "./raster.ts";

const smoke = pixelcnn.presets.smoke.config;

/** A network whose weights are large enough that its pixels depend on each other. */
function networkOf(change: Partial<PixelCnnConfig>): PixelCnn {
  const network = new PixelCnn({ ...smoke, ...change }, new RandomStream(0, "net"));
  for (const [name, { data }] of namedParameters(network)) if (name.endsWith("weight")) for (let i = 0; i < data.length; i++) data[i] *= 4;
  return network;
}

async function drawn(model: RasterModel, how: "cached" | "whole", count: number, given?: GivenPictures): Promise<Pictures[]> {
  const backend = await openBackend();
  const streams = new RandomStreams(4);
  const context: SampleContext = { count, given, compile: (build, options) => compile(backend, build, { ...options, streams }) };
  const pictures: Pictures[] = [];
  for await (const next of sampleRaster(model, context, how)) pictures.push(next);
  return pictures;
}

/** A bright diagonal whose lower half is unknown. */
function halfGiven(count: number, [channels, height, width]: readonly number[]): GivenPictures {
  const data = Float32Array.from({ length: count * channels * height * width }, (_, i) => ((i * 7) % 11) / 11);
  const known = Uint8Array.from({ length: count * height * width }, (_, i) => (i % (height * width) < (height * width) / 2 ? 1 : 0));
  return { data, known, shape: [count, channels, height, width] };
}

describe.each<[string, Partial<PixelCnnConfig>]>([
  ["plain, four levels", {}],
  ["plain, black and white", { levels: 2, binarize: "stochastic" }],
  ["plain, colour", { image: [3, 6, 6], channels: 12, head: 12 }],
  ["gated", { gated: true }],
  ["gated, not square", { gated: true, image: [1, 6, 9], levels: 2, binarize: "stochastic" }],
])("%s", (_name, change) => {
  const model = rasterModel(networkOf(change));

  test("painting with what the layers remember gives the pictures of the whole network for every pixel", async () => {
    const [cached, whole] = [await drawn(model, "cached", 3), await drawn(model, "whole", 3)];
    expect(cached.at(-1)).toEqual(whole.at(-1));
    expect(new Set(cached.at(-1)!.data).size).toBeGreaterThan(1);
    expect(cached.length).toBe(model.image[1]);
    // What has been painted stays.
    const row = model.image[2];
    expect(cached[0].data.subarray(0, row)).toEqual(cached.at(-1)!.data.subarray(0, row));
  });

  test("given pixels stay exactly, and what follows depends on them", async () => {
    const given = halfGiven(2, model.image);
    const [cached, whole] = [await drawn(model, "cached", 2, given), await drawn(model, "whole", 2, given)];
    const { data } = cached.at(-1)!;
    expect(data).toEqual(whole.at(-1)!.data);
    const area = model.image[1] * model.image[2];
    const colours = model.image[0];
    data.forEach((value, i) => {
      if (given.known[Math.floor(i / (area * colours)) * area + (i % area)] === 1) expect(value).toBe(given.data[i]);
    });
    const free = (await drawn(model, "cached", 2)).at(-1)!.data;
    expect(data.some((value, i) => i % area >= area / 2 && value !== free[i])).toBe(true);
  });
});

test("settings that do not go together are refused", () => {
  const refused = (change: Partial<PixelCnnConfig>) => pixelcnn.config.safeParse({ ...smoke, ...change }).success;
  expect(refused({})).toBe(true);
  expect(refused({ gated: true, image: [3, 8, 8] })).toBe(false);
  expect(refused({ binarize: "stochastic" })).toBe(false);
  expect(refused({ channels: 7 })).toBe(false);
  expect(refused({ image: [3, 8, 8], channels: 12, head: 8 })).toBe(false);
});
