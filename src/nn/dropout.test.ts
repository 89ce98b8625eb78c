import { expect, test } from "vitest";
import { gradients } from "../autodiff/gradient.ts";
import { RandomStreams } from "../core/streams.ts";
import type { Tensor } from "../graph/tensor.ts";
import { openBackend } from "../runtime/node/open.ts";
import { compile } from "../runtime/program.ts";
import { Dropout } from "./dropout.ts";

const count = 40_000;
const x = Float32Array.from({ length: count }, (_, i) => 1 + (i % 7));

async function dropping(training: boolean, probability = 0.3) {
  const layer = new Dropout(probability);
  const build = ({ x }: { x: Tensor }) => {
    const y = layer.call(x);
    return { y, dx: gradients(y, [x])[0] };
  };
  return compile(await openBackend(), build, { inputs: { x: { shape: [count] } }, training, streams: new RandomStreams(5) });
}

test("while training the wanted share is zeroed, the rest is scaled, and the gradient has the same mask", async () => {
  const program = await dropping(true);
  const { y, dx } = await program.run({ x });
  const kept = y.filter((v) => Number(v) !== 0).length / count;
  expect(Math.abs(kept - 0.7)).toBeLessThan(4 * Math.sqrt((0.7 * 0.3) / count));
  const scale = Math.fround(1 / 0.7);
  for (let i = 0; i < count; i++) {
    if (y[i] === 0) expect(dx[i]).toBe(0);
    else {
      expect(Number(y[i]) / x[i]).toBeCloseTo(scale, 5);
      expect(dx[i]).toBeCloseTo(scale, 6);
    }
  }
  const first = y.slice();
  await program.run({ x });
  expect(y).not.toEqual(first);
  await program.dispose();
});

test("otherwise, and at probability 0, it is the identity", async () => {
  for (const program of [await dropping(false), await dropping(true, 0)]) {
    expect((await program.run({ x })).y).toEqual(x);
    expect(program.inputNames("random")).toEqual([]);
    await program.dispose();
  }
});

test("probabilities outside of [0, 1) are refused", () => {
  expect(() => new Dropout(1)).toThrowErrorMatchingInlineSnapshot(`
    [AtelierError: Dropout: the probability must be in [0, 1).
      got:      1]
  `);
  expect(() => new Dropout(Number.NaN)).toThrow("must be in [0, 1)");
});
