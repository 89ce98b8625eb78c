import { describe, expect, test } from "vitest";
import { checkpoint } from "../autodiff/checkpoint.ts";
import { gradients } from "../autodiff/gradient.ts";
import { collect, type Graph } from "../graph/graph.ts";
import { input } from "../graph/ops/source.ts";
import { simplify } from "../graph/passes/simplify.ts";
import type { Tensor } from "../graph/tensor.ts";
import { memoryPlan } from "./memory-plan.ts";

const plan = (tensors: Record<string, Tensor>) => {
  const graph: Graph = collect(Object.entries(tensors).map(([name, tensor]) => ({ name, tensor })));
  return memoryPlan(simplify(graph), { target: "portable" });
};
/** Bytes of `count` float32 matrices of 64 by 64. */
const matrices = (count: number) => count * 64 * 64 * 4;

describe("memory plan", () => {
  test("values live from their making to their last use; elementwise results take the place of what dies", () => {
    const x = input("x", [64, 64]);
    const y = x.matmul(x).exp().add(1).tanh();
    const { bound, peak, operators } = plan({ y: y.matmul(y) });
    expect({ bound, peak, operators }).toEqual({ bound: matrices(2), peak: matrices(1), operators: 5 });
    // The first product is still wanted when the second is made.
    const a = x.matmul(x);
    const b = a.matmul(x);
    expect(plan({ y: a.add(b).matmul(b) }).peak).toBe(matrices(2));
  });

  test("what nothing reads, and what leaves the program, takes no room between", () => {
    const x = input("x", [64, 64]);
    expect(plan({ y: x.exp() }).peak).toBe(0);
    expect(plan({ y: x.exp().reshape([32, 128]) }).peak).toBe(matrices(1));
  });

  test("a gradient's parts are not kept for later ones", () => {
    const deep = (blocks: number) => {
      const ws = Array.from({ length: blocks }, (_, i) => input(`w${i}`, [64, 64]));
      const y = ws.reduce((value, w) => value.matmul(w).tanh(), input("x", [64, 64]));
      const derived = gradients(y.sum(), ws);
      return plan(Object.fromEntries(derived.map((d, i) => [`d${i}`, d]))).peak;
    };
    // One kept activation a block, and a few for the block at work.
    expect(deep(30) - deep(20)).toBe(matrices(10));
  });

  test("recomputation keeps block inputs instead of what is inside of blocks", () => {
    const deep = (blocks: number, recompute: boolean) => {
      const block = (value: Tensor, w: Tensor) => value.add(value.matmul(w).tanh().exp().matmul(w).tanh());
      const ws = Array.from({ length: blocks }, (_, i) => input(`w${i}`, [64, 64], "float32", "parameter"));
      const y = ws.reduce((value, w) => (recompute ? checkpoint((v) => block(v, w), [value]) : block(value, w)), input("x", [64, 64]));
      const derived = gradients(y.mul(y).sum(), ws);
      return plan(Object.fromEntries(derived.map((d, i) => [`d${i}`, d]))).peak;
    };
    expect(deep(30, false) - deep(20, false)).toBe(matrices(40));
    expect(deep(30, true) - deep(20, true)).toBe(matrices(10));
  });
});

test("values that lowerings make are counted: the views of a convolution's filter gradient", () => {
  const x = input("x", [2, 16, 32, 32]);
  const w = input("w", [4, 16, 3, 3]);
  const [dw] = gradients(x.conv(w, { padding: 1 }).square().sum(), [w]);
  const views = 2 * 16 * 9 * 32 * 32 * 4;
  expect(plan({ dw }).peak).toBeGreaterThan(Math.min(views, 2 * 4 * 9 * 32 * 32 * 4));
});

test("sums over the first axis, which the processor's lowering makes products with a vector, have a size", () => {
  const graph = simplify(collect([{ name: "y", tensor: input("x", [16, 8, 8]).sum(0).exp() }]));
  const { peak, traffic } = memoryPlan(graph, { target: "cpu" });
  expect(peak).toBe(256);
  expect(traffic).toBeGreaterThan(0);
});
