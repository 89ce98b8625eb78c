import { describe, expect, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { PixelCnn, type PixelCnnConfig, pixelcnn, rasterModel } from "./pixelcnn.ts";
import { expectDisposed, expectFilled, expectSamePictures, strengthen } from "./testing/draw.ts";
import { expectOrder } from "./testing/order.ts";

const smoke = pixelcnn.presets.smoke.config;

describe.each<[string, Partial<PixelCnnConfig>]>([
  ["plain, four levels", {}],
  ["plain, black and white", { levels: 2, binarize: "stochastic" }],
  ["plain, colour", { image: [3, 6, 6], channels: 12, head: 12 }],
  ["gated", { gated: true }],
  ["gated, not square", { gated: true, image: [1, 6, 9], levels: 2, binarize: "stochastic" }],
])("%s", (_name, change) => {
  const network = strengthen(new PixelCnn({ ...smoke, ...change }, new RandomStream(0, "net")), 4);
  const model = rasterModel(network);

  test("no logit depends on its own pixel or a later one", () => expectOrder((x) => network.call(x), model.image));

  test("painting with what the layers remember gives the pictures of the whole network for every pixel", () => expectSamePictures(model));

  test("given pixels stay exactly, and what follows depends on them", () => expectFilled(model));
});

test.each(["cached", "whole"] as const)("a drawing that is broken off leaves no program behind: %s", (how) =>
  expectDisposed(rasterModel(new PixelCnn({ ...smoke, gated: true }, new RandomStream(0, "net"))), how),
);

test("settings that do not go together are refused", () => {
  const fits = (change: Partial<PixelCnnConfig>) => pixelcnn.config.safeParse({ ...smoke, ...change }).success;
  expect(fits({})).toBe(true);
  expect(fits({ gated: true, image: [3, 8, 8] })).toBe(false);
  expect(fits({ binarize: "stochastic" })).toBe(false);
  expect(fits({ channels: 7 })).toBe(false);
  expect(fits({ image: [3, 8, 8], channels: 12, head: 8 })).toBe(false);
});
