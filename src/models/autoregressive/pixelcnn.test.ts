import { describe, expect, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { PixelCnn, type PixelCnnConfig, pixelcnn, rasterModel } from "./pixelcnn.ts";
import { expectFilled, expectSamePictures, strengthen } from "./testing/draw.ts";

const smoke = pixelcnn.presets.smoke.config;

describe.each<[string, Partial<PixelCnnConfig>]>([
  ["plain, four levels", {}],
  ["plain, black and white", { levels: 2, binarize: "stochastic" }],
  ["plain, colour", { image: [3, 6, 6], channels: 12, head: 12 }],
  ["gated", { gated: true }],
  ["gated, not square", { gated: true, image: [1, 6, 9], levels: 2, binarize: "stochastic" }],
])("%s", (_name, change) => {
  const model = rasterModel(strengthen(new PixelCnn({ ...smoke, ...change }, new RandomStream(0, "net")), 4));

  test("painting with what the layers remember gives the pictures of the whole network for every pixel", () => expectSamePictures(model));

  test("given pixels stay exactly, and what follows depends on them", () => expectFilled(model));
});

test("settings that do not go together are refused", () => {
  const fits = (change: Partial<PixelCnnConfig>) => pixelcnn.config.safeParse({ ...smoke, ...change }).success;
  expect(fits({})).toBe(true);
  expect(fits({ gated: true, image: [3, 8, 8] })).toBe(false);
  expect(fits({ binarize: "stochastic" })).toBe(false);
  expect(fits({ channels: 7 })).toBe(false);
  expect(fits({ image: [3, 8, 8], channels: 12, head: 8 })).toBe(false);
});
