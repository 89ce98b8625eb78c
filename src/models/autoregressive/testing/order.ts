import { expect } from "vitest";
import { gradients } from "../../../autodiff/gradient.ts";
import { RandomStream } from "../../../core/random.ts";
import type { Tensor } from "../../../graph/tensor.ts";
import { openBackend } from "../../../runtime/node/open.ts";
import { compile } from "../../../runtime/program.ts";

/**
 * The logits of some places depend on no pixel from their own on, by gradients: in the order of reading, and within a pixel red before green before blue.
 * What comes just before them counts.
 * @param call pictures [1, C, H, W] to logits [1, C · K, H, W], grouped by channel
 */
export async function expectOrder(
  call: (x: Tensor) => Tensor,
  [channels, height, width]: readonly [number, number, number],
): Promise<void> {
  const backend = await openBackend();
  const area = height * width;
  for (const [y, x, channel] of [
    [0, 0, 0],
    [2, 3, channels - 1],
    [height - 1, 1, 0],
    [height - 1, width - 1, channels - 1],
  ]) {
    const program = await compile(
      backend,
      ({ pixels }) => {
        const logits = call(pixels);
        const each = logits.shape[1] / channels;
        const here = logits.slice(1, channel * each, (channel + 1) * each).slice(2, y, y + 1);
        return {
          slope: gradients(
            here
              .slice(3, x, x + 1)
              .square()
              .sum(),
            [pixels],
          )[0],
        };
      },
      { inputs: { pixels: { shape: [1, channels, height, width] } } },
    );
    new RandomStream(1, "picture").fillUniform(program.inputs.pixels as Float32Array);
    const slope = (await program.run()).slope as Float32Array;
    const place = (y * width + x) * channels + channel;
    slope.forEach((value, i) => {
      const at = (i % area) * channels + Math.floor(i / area);
      if (at >= place) expect(value, `${at} of ${place}`).toBe(0);
    });
    const left = y * width + x - 1;
    if (x > 0) expect(slope[left], `left of ${place}`).not.toBe(0);
    if (channel > 0) expect(slope[left + 1], `red of ${place}`).not.toBe(0);
    await program.dispose();
  }
}
