import { describe, expect, test } from "vitest";
import { gradients } from "../../src/autodiff/gradient.ts";
import { collect, isInput } from "../../src/graph/graph.ts";
import type { Example, OpRecord } from "../../src/graph/op.ts";
import { ops } from "../../src/graph/ops/index.ts";
import { simplify } from "../../src/graph/passes/simplify.ts";
import { verify } from "../../src/graph/verify.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { gradientError, probe, weightedSum } from "../../src/runtime/testing/check.ts";

/** Ops without examples, each with the reason; their own tests cover them. */
const withoutExamples: Record<string, string> = {
  input: "it has no value of its own",
  scan: "a body is no plain data: see scan.test.ts",
  while: "a body is no plain data: see while.test.ts",
  customGradient: "its rule is a function, which attributes cannot hold: see control.test.ts",
};

/** Folded constants are rounded to float32 once more, hence not exactly equal. */
function expectClose(got: Float64Array, expected: Float64Array): void {
  expect(got.length).toBe(expected.length);
  expect(Math.max(0, ...got.map((v, i) => Math.abs(v - expected[i])))).toBeLessThan(1e-7);
}

const records = Object.entries(ops) as [string, OpRecord][];

test("every op has examples, or a reason why not", () => {
  const bare = records.filter(([, op]) => op.examples.length === 0).map(([name]) => name);
  expect(bare.sort()).toEqual(Object.keys(withoutExamples).sort());
});

test("every op is listed under its own name", () => {
  for (const [name, op] of records) expect(op.name).toBe(name);
});

describe.each(records.filter(([, op]) => op.examples.length > 0))("%s", (_name, op) => {
  const differentiable = typeof op.gradient === "function";
  const examples = op.examples as readonly Example<never>[];

  test("keeps the verifier and the simplifier content", () => {
    for (const example of examples) {
      const { outputs, feeds } = probe(op, example);
      const graph = collect(outputs.map((tensor, i) => ({ name: `y${i}`, tensor })));
      verify(graph, "tracing");
      const simple = simplify(graph);
      verify(simple, "simplify");
      expect(interpret(simple, feeds)).toEqual(interpret(graph, feeds));
    }
  });

  test.runIf(differentiable)("gradient equals finite differences", () => {
    for (const example of examples) {
      const { total, inputs, feeds } = probe(op, example);
      if (inputs.length > 0) expect(gradientError(total, inputs, feeds)).toBeLessThan(2e-6);
    }
  });

  test.runIf(differentiable)("second derivative equals finite differences of the first", () => {
    for (const example of examples) {
      const { total, inputs, feeds } = probe(op, example);
      if (inputs.length === 0) continue;
      // Squaring the outputs' sum makes the first derivative depend on every input, also for linear ops.
      const first = gradients(total.mul(total), inputs);
      expect(gradientError(weightedSum(first, 23), inputs, feeds)).toBeLessThan(2e-5);
    }
  });

  test.runIf(differentiable)("gradient graphs survive the simplifier", () => {
    for (const example of examples) {
      const { total, inputs, feeds } = probe(op, example);
      if (inputs.length === 0) continue;
      const graph = collect(gradients(total, inputs).map((tensor, i) => ({ name: `g${i}`, tensor })));
      const simple = simplify(graph);
      verify(simple, "simplify");
      expect(simple.nodes.filter((node) => !isInput(node)).length).toBeLessThanOrEqual(graph.nodes.length);
      const expected = interpret(graph, feeds);
      const got = interpret(simple, feeds);
      for (const name of Object.keys(expected)) expectClose(got[name].data, expected[name].data);
    }
  });
});
