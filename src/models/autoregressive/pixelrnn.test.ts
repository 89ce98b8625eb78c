import { describe, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { PixelRnn, pixelrnn, rasterModel } from "./pixelrnn.ts";
import { expectFilled, expectSamePictures, strengthen } from "./testing/draw.ts";

describe("row LSTM", () => {
  const settings = { ...pixelrnn.presets.smoke.config, image: [1, 6, 7] as [1, number, number], layers: 2 };
  const model = rasterModel(strengthen(new PixelRnn(settings, new RandomStream(0, "net")), 2.2));

  test("painting with what the layers remember gives the pictures of the whole network for every pixel", () => expectSamePictures(model));

  test("given pixels stay exactly, and what follows depends on them", () => expectFilled(model));
});
