import { describe, expect, test } from "vitest";
import { gradients } from "../../autodiff/gradient.ts";
import { RandomStream } from "../../core/random.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import { PixelCnnPlusPlus, type PixelCnnPlusPlusConfig, pixelCnnPlusPlus, rasterModel } from "./pixelcnn-plus-plus.ts";
import { expectFilled, expectSamePictures, strengthen } from "./testing/draw.ts";

const smoke = pixelCnnPlusPlus.presets.smoke.config;
const networkOf = (change: Partial<PixelCnnPlusPlusConfig>) =>
  strengthen(new PixelCnnPlusPlus({ ...smoke, ...change }, new RandomStream(0, "net")), 1.5);

describe.each<[string, Partial<PixelCnnPlusPlusConfig>]>([
  ["colour", { scales: 1, image: [3, 6, 7], blocks: 2, firstKernel: 7 }],
  ["grey, 16 levels", { scales: 1, image: [1, 6, 6], levels: 16 }],
])("%s", (_name, change) => {
  const model = rasterModel(networkOf(change));

  test("painting with what the layers remember gives the pictures of the whole network for every pixel", () => expectSamePictures(model));

  test("given pixels stay exactly, and what follows depends on them", () => expectFilled(model));
});

test.each([1, 2, 3])("with %i scales no place sees itself or what follows, and all places before are seen", async (scales) => {
  const size = 8;
  const network = networkOf({ scales, blocks: 4, image: [1, size, size] });
  for (const at of [
    [0, 0],
    [3, 5],
    [7, 2],
  ]) {
    const program = await compile(
      await openBackend(),
      ({ x }) => {
        const out = network
          .call(x)
          .slice(2, at[0], at[0] + 1)
          .slice(3, at[1], at[1] + 1);
        return { dx: gradients(out.sum(), [x])[0] };
      },
      { inputs: { x: { shape: [1, 1, size, size] } } },
    );
    new RandomStream(1, "picture").fillUniform(program.inputs.x as Float32Array);
    const { dx } = await program.run();
    const place = at[0] * size + at[1];
    (dx as Float32Array).forEach((value, i) => {
      if (i >= place) expect(value).toBe(0);
      else expect(value, `${i} of ${place}`).not.toBe(0);
    });
    await program.dispose();
  }
});
