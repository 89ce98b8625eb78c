import { describe, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { PixelRnn, pixelrnn, rasterModel } from "./pixelrnn.ts";
import { expectFilled, expectSamePictures, strengthen } from "./testing/draw.ts";
import { expectOrder } from "./testing/order.ts";

describe("row LSTM", () => {
  const settings = { ...pixelrnn.presets.smoke.config, image: [1, 6, 7] as [1, number, number], layers: 2 };
  const network = strengthen(new PixelRnn(settings, new RandomStream(0, "net")), 2.2);
  const model = rasterModel(network);

  test("no logit depends on its own pixel or a later one", () => expectOrder((x) => network.pixels(x), settings.image));

  test("painting with what the layers remember gives the pictures of the whole network for every pixel", () => expectSamePictures(model));

  test("given pixels stay exactly, and what follows depends on them", () => expectFilled(model));
});
