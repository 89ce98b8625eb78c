import { describe, expect, test } from "vitest";
import { gradients } from "../../autodiff/gradient.ts";
import { allocate, type TypedArray } from "../../core/dtype.ts";
import { RandomStream } from "../../core/random.ts";
import { lower } from "../../lower/lower.ts";
import { interpret } from "../../runtime/interpreter.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { spread } from "../../runtime/testing/check.ts";
import { collect } from "../graph.ts";
import type { Target } from "../onnx.ts";
import type { Tensor } from "../tensor.ts";
import { cholesky, determinant, inverse, logAbsDeterminant, solve, triangularInverse, triangularSolve } from "./matrix.ts";
import { input } from "./source.ts";

async function run(outputs: Record<string, Tensor>, feeds: Record<string, Float32Array>, target: Target) {
  const graph = collect(Object.entries(outputs).map(([name, tensor]) => ({ name, tensor })));
  const backend = await openBackend({ device: "cpu" });
  const executable = await backend.load(lower(graph, { target }), { name: "matrix", optimize: "none" });
  const results: Record<string, TypedArray> = {};
  for (const { name, tensor } of graph.outputs) results[name] = allocate(tensor.dtype, tensor.size);
  const binding = executable.bind(feeds, results);
  await binding.run();
  binding.dispose();
  await executable.dispose();
  return { runtime: results, expected: interpret(graph, feeds) };
}

async function expectAgreement(outputs: Record<string, Tensor>, feeds: Record<string, Float32Array>, target: Target, tolerance = 1e-5) {
  const { runtime, expected } = await run(outputs, feeds, target);
  for (const [name, { data }] of Object.entries(expected)) {
    const scale = Math.max(...data.map(Math.abs));
    const worst = Math.max(...data.map((v, i) => Math.abs(Number(runtime[name][i]) - v) / scale));
    expect(worst, name).toBeLessThan(tolerance);
  }
}

/** Well-conditioned and in need of row exchanges: noise plus a shuffled multiple of the identity. */
function matrices(batch: number, n: number, weight: number): Float32Array {
  const data = new Float32Array(batch * n * n);
  const stream = new RandomStream(0, `matrices ${n}`);
  stream.fillNormal(data);
  for (let b = 0; b < batch; b++) for (let i = 0; i < n; i++) data[(b * n + i) * n + ((i * 7 + b) % n)] += weight * Math.sqrt(n);
  return data;
}

/** Two matrices with a diagonal of about 4, so that each triangle alone is well-conditioned too. */
function dominant(n: number): Float32Array {
  const data = matrices(2, n, 0).map((v) => v / Math.sqrt(n));
  for (let i = 0; i < data.length; i++) if (Math.floor(i / n) % n === i % n) data[i] += 4;
  return data;
}

describe.each<Target>(["cpu", "portable"])("%s form", (target) => {
  test.each([1, 2, 5, 12, 48, 96])("inverse, determinants and gradients at n = %d", async (n) => {
    const a = input("a", [2, n, n]);
    const { sign, logAbs } = logAbsDeterminant(a);
    const [gradient] = gradients(logAbs.sum(), [a]);
    const outputs = { sign, logAbs, gradient, inverse: inverse(a), ...(n <= 12 ? { det: determinant(a) } : {}) };
    await expectAgreement(outputs, { a: matrices(2, n, 3) }, target);
  });

  test.each([1, 3, 8, 33, 64])("triangular inverse, solve and Cholesky at n = %d", async (n) => {
    const a = input("a", [2, n, n]);
    const b = input("b", [n, 3]);
    const l = cholesky(a, { jitter: n });
    const data = dominant(n);
    const outputs = {
      lower: triangularInverse(a),
      upper: triangularInverse(a, { upper: true }),
      unit: triangularInverse(a.mul(0.1), { unitDiagonal: true }),
      turned: triangularSolve(a, b, { upper: true, transposed: true }),
      solved: solve(a, b),
      l,
      gradient: gradients(l.square().sum().add(l.sum()), [a])[0],
    };
    await expectAgreement(outputs, { a: data, b: Float32Array.from(spread(3 * n, [-1, 1], 1)) }, target, 2e-5);
  });

  test("a determinant far outside of float32's range keeps its logarithm", async () => {
    const a = input("a", [1, 40, 40]);
    for (const weight of [1e-12, 1e9]) {
      const { sign, logAbs } = logAbsDeterminant(a);
      await expectAgreement({ sign, logAbs }, { a: matrices(1, 40, 3).map((v, i) => (i % 40 === 3 ? v : v * weight)) }, target);
    }
  });

  test("a singular matrix has sign 0 and logarithm -Infinity, and leaves its neighbours alone", async () => {
    const a = input("a", [3, 2, 2]);
    const { sign, logAbs } = logAbsDeterminant(a);
    const { runtime } = await run({ sign, logAbs }, { a: Float32Array.of(0, 2, 2, 0, 1, 2, 2, 4, 3, 0, 0, 1) }, target);
    expect(Array.from(runtime.sign as Float32Array, (v) => v + 0)).toEqual([-1, 0, 1]);
    expect(Array.from(runtime.logAbs as Float32Array, (v) => Number(v.toFixed(4)))).toEqual([1.3863, Number.NEGATIVE_INFINITY, 1.0986]);
  });

  test("a matrix that is not positive definite gives NaN", async () => {
    const a = input("a", [2, 2]);
    const { runtime } = await run({ l: cholesky(a) }, { a: Float32Array.of(1, 2, 2, 1) }, target);
    expect(runtime.l[3]).toBeNaN();
  });
});

test("other shapes are refused", () => {
  expect(() => inverse(input("a", [2, 3]))).toThrow(/square matrices/);
  expect(() => determinant(input("a", [3]))).toThrow(/square matrices/);
  expect(() => cholesky(input("a", [2, 2], "int32"))).toThrow(/float32/);
});
