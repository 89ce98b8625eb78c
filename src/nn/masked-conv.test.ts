import { describe, expect, test } from "vitest";
import { gradients } from "../autodiff/gradient.ts";
import { RandomStream } from "../core/random.ts";
import type { Tensor } from "../graph/tensor.ts";
import { openBackend } from "../runtime/node/open.ts";
import { compile } from "../runtime/program.ts";
import { GatedPixelNet } from "./gated-pixels.ts";
import { MaskedConv2d, type MaskedConv2dOptions, ShiftedConv2d } from "./masked-conv.ts";

const rng = new RandomStream(0, "masked");

/** Which inputs the outputs of channel `channel` at (y, x) depend on: the gradient's largest size over input channels, [H][W], or one map a channel. */
async function influence(network: (x: Tensor) => Tensor, shape: readonly number[], at: readonly [number, number], channel = 0) {
  const [channels, height, width] = shape;
  const program = await compile(
    await openBackend(),
    ({ x }) => {
      const out = network(x)
        .slice(1, channel, channel + 1)
        .slice(2, at[0], at[0] + 1)
        .slice(3, at[1], at[1] + 1);
      return { dx: gradients(out.sum(), [x])[0] };
    },
    { inputs: { x: { shape: [1, ...shape] } } },
  );
  const x = program.inputs.x as Float32Array;
  new RandomStream(1, "picture").fillNormal(x);
  const { dx } = await program.run();
  const maps = Array.from({ length: channels }, (_, c) =>
    Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, i) => Math.abs(Number(dx[(c * height + y) * width + i])))),
  );
  await program.dispose();
  return maps;
}

const before = (y: number, x: number, at: readonly [number, number]) => y < at[0] || (y === at[0] && x < at[1]);

describe("masked convolution", () => {
  const masked = (options: Partial<MaskedConv2dOptions>) => new MaskedConv2d({ in: 1, out: 4, kernel: 3, mask: "A", rng, ...options });

  test("a filter keeps the rows above and the present one", () => {
    expect(masked({ kernel: 7 }).weight.shape).toEqual([4, 1, 4, 7]);
  });

  test("mask A hides the present pixel, mask B shows it", async () => {
    for (const mask of ["A", "B"] as const) {
      const layer = masked({ mask });
      const [map] = await influence((x) => layer.call(x), [1, 5, 5], [2, 2]);
      const open = map.flatMap((row, y) => row.flatMap((value, x) => (value > 0 ? [`${y}${x}`] : [])));
      expect(open).toEqual(["11", "12", "13", "21", ...(mask === "B" ? ["22"] : [])]);
    }
  });

  test("colours see those before them at the present pixel", async () => {
    const seen = async (mask: "A" | "B", channel: number) => {
      const layer = masked({ in: 3, out: 6, mask, colours: 3 });
      return (await influence((x) => layer.call(x), [3, 3, 3], [1, 1], channel)).map((map) => map[1][1] > 0);
    };
    expect(await seen("A", 0)).toEqual([false, false, false]);
    expect(await seen("A", 2)).toEqual([true, false, false]);
    expect(await seen("A", 5)).toEqual([true, true, false]);
    expect(await seen("B", 1)).toEqual([true, false, false]);
    expect(await seen("B", 3)).toEqual([true, true, false]);
    expect(await seen("B", 4)).toEqual([true, true, true]);
  });

  test("a stack has the known blind spot, and never looks ahead", async () => {
    const layers = [masked({ out: 8 }), ...[0, 1, 2, 3].map(() => masked({ in: 8, out: 8, mask: "B" }))];
    const [map] = await influence((x) => layers.reduce((value, layer) => layer.call(value), x), [1, 9, 9], [6, 4]);
    map.forEach((row, y) => {
      row.forEach((value, x) => {
        if (!before(y, x, [6, 4])) expect(value).toBe(0);
        // Each layer climbs one row and one column: of the rows above, what lies further to the right than they climb is never seen.
        else if (x - 4 > 6 - y || 6 - y > 5) expect(value).toBe(0);
        else expect(value).toBeGreaterThan(0);
      });
    });
  });

  test("refuses what cannot be", () => {
    expect(() => masked({ kernel: 4 })).toThrow(/odd/);
    expect(() => masked({ colours: 3 })).toThrow(/3 colours/);
    expect(() => new ShiftedConv2d({ in: 1, out: 1, kernel: [2, 2], align: "centre", rng })).toThrow(/middle column/);
  });
});

test("gated stacks see every pixel before, and none after", async () => {
  const network = new GatedPixelNet({ in: 1, out: 2, channels: 4, layers: 6, firstKernel: 3, rng });
  for (const at of [
    [0, 0],
    [4, 2],
    [5, 5],
  ] as const) {
    const [map] = await influence((x) => network.call(x), [1, 6, 6], at, 1);
    map.forEach((row, y) => {
      row.forEach((value, x) => {
        if (before(y, x, at)) expect(value, `${y} ${x} of ${at}`).toBeGreaterThan(0);
        else expect(value).toBe(0);
      });
    });
  }
});

test("a condition reaches every pixel of a gated network", async () => {
  const network = new GatedPixelNet({ in: 1, out: 1, channels: 4, layers: 2, conditions: 3, rng });
  const program = await compile(
    await openBackend(),
    ({ x, who }) => ({ difference: network.call(x, who).sub(network.call(x, who.mul(0))) }),
    { inputs: { x: { shape: [1, 1, 5, 5] }, who: { shape: [1, 3] } } },
  );
  const { difference } = await program.run({ who: [0, 1, 0] });
  expect((difference as Float32Array).every((value) => value !== 0)).toBe(true);
  await program.dispose();
});
