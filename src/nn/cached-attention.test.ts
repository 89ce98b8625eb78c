import { describe, expect, it } from "vitest";
import { concat } from "../graph/ops/movement.ts";
import { constant } from "../graph/ops/source.ts";
import { openBackend } from "../runtime/node/open.ts";
import { compile } from "../runtime/program.ts";
import { spread } from "../runtime/testing/check.ts";
import { scaledDotProductAttention } from "./attention.ts";
import { cachedAttention } from "./cached-attention.ts";

const [B, H, K, D, T] = [2, 4, 2, 3, 6];
const [before, S] = [4, 7];

/** [B, 1, T - before, S + T - before]: the places filled before, then the new tokens causally. */
function mask(): number[] {
  const made = T - before;
  return Array.from({ length: B * made }, (_, row) =>
    Array.from({ length: S + made }, (_, i) => (i < S ? Number(i < before) : Number(i - S <= row % made))),
  ).flat();
}

describe("cachedAttention", () => {
  it("with the past in a padded buffer gives what attention over everything gives", async () => {
    const program = await compile(
      await openBackend(),
      ({ q, k, v, rubbish }) => {
        const whole = scaledDotProductAttention(q, k, v, { causal: true }).slice(2, before, T);
        const buffer = (t: typeof k) => concat([t.slice(2, 0, before), rubbish], 2);
        const past = { keys: [buffer(k)], values: [buffer(v)], mask: constant(mask(), "bool", [B, 1, T - before, S + T - before]) };
        const made = (t: typeof k) => t.slice(2, before, T);
        return { whole, pieces: cachedAttention(made(q), made(k), made(v), past, 0) };
      },
      {
        inputs: {
          q: { shape: [B, H, T, D] },
          k: { shape: [B, K, T, D] },
          v: { shape: [B, K, T, D] },
          rubbish: { shape: [B, K, S - before, D] },
        },
      },
    );
    Object.values(program.inputs).forEach((array, i) => {
      array.set(spread(array.length, [-2, 2], i) as never);
    });
    const { whole, pieces } = await program.run();
    expect(pieces.length).toBe(whole.length);
    for (const [i, value] of (pieces as Float32Array).entries()) expect(value).toBeCloseTo(Number(whole[i]), 5);
    await program.dispose();
  });

  it("names the mask's shape when it is wrong", async () => {
    const building = compile(
      await openBackend(),
      ({ q, k }) => ({ y: cachedAttention(q, k, k, { keys: [k], values: [k], mask: constant([1], "bool", [1, 1, 1, 1]) }, 0) }),
      { inputs: { q: { shape: [1, 2, 1, 2] }, k: { shape: [1, 2, 1, 2] } } },
    );
    await expect(building).rejects.toThrow(/\[1, 1, 1, 2\]/);
  });
});
