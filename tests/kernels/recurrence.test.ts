import { describe, expect, test } from "vitest";
import { gradients } from "../../src/autodiff/gradient.ts";
import { RandomStream } from "../../src/core/random.ts";
import { conv } from "../../src/graph/ops/conv.ts";
import * as ops from "../../src/graph/ops/elementwise.ts";
import { matmul } from "../../src/graph/ops/linalg.ts";
import { concat } from "../../src/graph/ops/movement.ts";
import { sum } from "../../src/graph/ops/reduce.ts";
import { scan } from "../../src/graph/ops/scan.ts";
import { input } from "../../src/graph/ops/source.ts";
import { split } from "../../src/graph/ops/split.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { available, compare } from "./compare.ts";

function normal(size: number, name: string): Float32Array {
  const values = new Float32Array(size);
  new RandomStream(0, name).fillNormal(values);
  return values.map((v) => v * 0.5);
}

type Step = Parameters<typeof scan>[0];

/** A scan over [T, B, n] with its gradients; `parts` inputs are captured. */
async function run(step: (captured: Tensor[]) => Step, carries: number[][], slices: number[][], captured: number[][], reverse = false) {
  const all = [...carries, ...slices, ...captured].map((shape, i) => input(`x${i}`, shape));
  const init = all.slice(0, carries.length);
  const xs = all.slice(carries.length, carries.length + slices.length);
  const { carry, outputs } = scan(step(all.slice(carries.length + slices.length)), { init, xs, reverse });
  const ends = [...carry, ...outputs];
  const loss = ends.map((end) => sum(ops.mul(end, ops.tanh(end)))).reduce((a, b) => ops.add(a, b));
  const grads = gradients(loss, all);
  const named = Object.fromEntries([...ends, ...grads].map((tensor, i) => [`y${i}`, tensor]));
  return compare(named, Object.fromEntries(all.map(({ size }, i) => [`x${i}`, normal(size, `x${i}`)])));
}

const recurrent = (kernels: string[]) => kernels.filter((name) => name.startsWith("recurrence")).length;

const lstm =
  ([u, b]: Tensor[]): Step =>
  ([h, c], [x]) => {
    const [i, f, g, o] = split(ops.add(ops.add(x, matmul(h, u)), b), h.shape[1], 1);
    const next = ops.add(ops.mul(ops.sigmoid(f), c), ops.mul(ops.sigmoid(i), ops.tanh(g)));
    const out = ops.mul(ops.sigmoid(o), ops.tanh(next));
    return { carry: [out, next], outputs: [out] };
  };
const gru =
  ([u]: Tensor[]): Step =>
  ([h], [x]) => {
    const [r, z, n] = split(x, h.shape[1], 1);
    const [hr, hz, hn] = split(matmul(h, u), h.shape[1], 1);
    const update = ops.sigmoid(ops.add(z, hz));
    const candidate = ops.tanh(ops.add(n, ops.mul(ops.sigmoid(ops.add(r, hr)), hn)));
    const next = ops.add(ops.mul(ops.sub(1, update), candidate), ops.mul(update, h));
    return { carry: [next], outputs: [next] };
  };
const rnn =
  (f: (x: Tensor) => Tensor) =>
  ([u]: Tensor[]): Step =>
  ([h], [x]) => {
    const next = f(ops.add(x, matmul(h, u)));
    return { carry: [next], outputs: [next] };
  };

const sizes: [number, number, boolean][] = [
  [6, 37, false],
  [7, 37, true],
  [1, 37, false],
  [4, 5, true],
  [66, 16, false],
];

describe.skipIf(!available)("recurrences by kernel", () => {
  test.each(sizes)("batch %i, width %i, reverse %s: forward and gradients", async (batch, n, reverse) => {
    const shape = (gates: number) => [9, batch, gates * n];
    const results = [
      await run(
        lstm,
        [
          [batch, n],
          [batch, n],
        ],
        [shape(4)],
        [[n, 4 * n], [4 * n]],
        reverse,
      ),
      await run(gru, [[batch, n]], [shape(3)], [[n, 3 * n]], reverse),
      await run(rnn(ops.tanh), [[batch, n]], [shape(1)], [[n, n]], reverse),
      await run(rnn(ops.relu), [[batch, n]], [shape(1)], [[n, n]], reverse),
    ];
    for (const { error, kernels } of results) {
      expect(error).toBeLessThan(2e-5);
      expect(recurrent(kernels)).toBeGreaterThan(0);
    }
  });

  test("captured vectors and a captured [B, n]; parts joined", async () => {
    const step =
      ([vector, rows, w]: Tensor[]): Step =>
      ([h], [x]) => {
        const next = ops.tanh(ops.add(ops.mul(matmul(concat([h, x], 1), w), vector), rows));
        return { carry: [next], outputs: [ops.mul(next, 2)] };
      };
    const { error, kernels } = await run(step, [[6, 20]], [[10, 6, 5]], [[20], [6, 20], [25, 20]]);
    expect(error).toBeLessThan(2e-5);
    expect(recurrent(kernels)).toBeGreaterThan(0);
  });

  const refused: [string, () => ReturnType<typeof run>][] = [
    [
      "a carry that becomes another",
      () =>
        run(
          () =>
            ([a, b], [x]) => ({ carry: [ops.tanh(ops.add(b, x)), a], outputs: [b] }),
          [
            [6, 20],
            [6, 20],
          ],
          [[9, 6, 20]],
          [],
        ),
    ],
    [
      "columns of a carry that become another",
      () =>
        run(
          () =>
            ([a, b], [x]) => {
              const [left, right] = split(a, 10, 1);
              return { carry: [concat([ops.tanh(ops.add(right, b)), x], 1), left], outputs: [b] };
            },
          [
            [6, 20],
            [6, 10],
          ],
          [[9, 6, 10]],
          [],
        ),
    ],
    ["few steps", () => run(rnn(ops.tanh), [[6, 20]], [[5, 6, 20]], [[20, 20]])],
  ];
  test.each(refused)("%s: right numbers by the portable form where a kernel would be wrong", async (_, go) => {
    expect((await go()).error).toBeLessThan(2e-5);
  });

  test("few steps are left to the portable form", async () => {
    expect(recurrent((await refused[2][1]()).kernels)).toBe(0);
  });
});

describe.skipIf(!available)("not-a-number", () => {
  test("in the input it reaches the outputs it belongs to, and only those, as in the interpreter", async () => {
    const [x, w] = [input("x", [9, 3, 12, 12]), input("w", [33, 3, 3, 3])];
    const y = conv(x, w, { padding: 1 });
    const outputs = { y, z: ops.relu(ops.add(y, 1)), total: sum(ops.mul(y, 2), [2, 3]) };
    const feeds = { x: normal(x.size, "x"), w: normal(w.size, "w") };
    feeds.x[200] = Number.NaN;
    const { error, results } = await compare(outputs, feeds);
    expect(error).toBeLessThan(1e-5);
    expect(results.y.filter(Number.isNaN)).toHaveLength(33 * 9);
  });

  test("maximum, minimum, clip's parts, abs and the logarithm below zero", async () => {
    const x = input("x", [600]);
    const values = normal(600, "x");
    values.set([Number.NaN, -0, 0, -2, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    const outputs = {
      a: ops.mul(ops.maximum(x, 1), 2),
      b: ops.mul(ops.maximum(1, x), 2),
      c: ops.mul(ops.minimum(x, 1), 2),
      d: ops.mul(ops.log(x), 2),
      e: ops.reciprocal(ops.abs(x)),
      f: ops.mul(ops.step(x), 2),
      g: ops.mul(ops.sqrt(x), 2),
    };
    expect((await compare(outputs, { x: values })).error).toBeLessThan(2e-6);
  });
});
