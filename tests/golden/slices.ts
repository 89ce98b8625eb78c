import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { gradients } from "../../src/autodiff/gradient.ts";
import { allocate, type DType, type Shape, sizeOf, type TypedArray } from "../../src/core/dtype.ts";
import { collect, isInput } from "../../src/graph/graph.ts";
import { constant, input } from "../../src/graph/ops/source.ts";
import { simplify } from "../../src/graph/passes/simplify.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { lower } from "../../src/lower/lower.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { spread, weightedSum } from "../../src/runtime/testing/check.ts";
import { recordError } from "./record.ts";

// The stored results of PyTorch (make.sh makes them) and how ours are compared with them.

/** A number, or the name of one that JSON has no word for. */
export type Stored = number | "Infinity" | "-Infinity" | "NaN";

export interface StoredInput {
  shape: Shape;
  dtype?: DType;
  range?: [number, number];
  values?: Stored[];
}

export interface StoredResults {
  outputs: Stored[][];
  /** Of weightedSum(outputs, 11) with respect to each float input. */
  gradients: Stored[][];
}

/** The cases of one file of slices. */
export function slices<C>(name: string): C[] {
  return (JSON.parse(readFileSync(new URL(`data/${name}.json`, import.meta.url), "utf8")) as { cases: C[] }).cases;
}

/** Every number within 1e-5 of the stored one relative to the largest stored entry; what is not finite must be equal. */
export function expectClose(got: ArrayLike<number | bigint>, stored: readonly Stored[], what: string): void {
  const expected = stored.map(Number);
  expect(got.length, `${what}: length`).toBe(expected.length);
  const scale = Math.max(1e-30, ...expected.filter(Number.isFinite).map(Math.abs));
  const off = expected.map((v, i) => (Object.is(Number(got[i]), v) ? 0 : Math.abs(Number(got[i]) - v) / scale));
  const worst = off.reduce((top, v, i) => (v <= off[top] ? top : i), 0);
  const text = expected.length === 0 ? "" : `at ${worst}: ${got[worst]} for ${expected[worst]}`;
  recordError(what, Math.max(0, ...off));
  expect(Math.max(0, ...off), `${what} ${text}`).toBeLessThan(1e-5);
}

/** Flat results by name, from both evaluators. */
export interface Results {
  runtime: Record<string, TypedArray>;
  interpreter: Record<string, Float64Array>;
}

/** Evaluate tensors on the CPU runtime (simplified and lowered) and in the interpreter (as traced), on the same float32 feeds. */
export async function evaluate(outputs: Record<string, Tensor>, feeds: Record<string, TypedArray>): Promise<Results> {
  const backend = await openBackend({ device: "cpu" });
  const graph = collect(Object.entries(outputs).map(([name, tensor]) => ({ name, tensor })));
  const simple = simplify(graph);
  const executable = await backend.load(lower(simple, { target: backend.target }), { name: "slice", optimize: "none" });
  const runtime = Object.fromEntries(graph.outputs.map(({ name, tensor }) => [name, allocate(tensor.dtype, tensor.size)]));
  const binding = executable.bind(Object.fromEntries(simple.inputs.map(({ name }) => [name, feeds[name]])), runtime);
  await binding.run();
  binding.dispose();
  await executable.dispose();
  const values = interpret(graph, feeds);
  return { runtime, interpreter: Object.fromEntries(Object.entries(values).map(([name, { data }]) => [name, data])) };
}

/** Operands of a stored case: floats are fed and differentiated, the rest are constants. Salt i, as make_torch.py has it. */
export function operandsOf(specs: readonly StoredInput[]): { operands: Tensor[]; trained: Tensor[]; feeds: Record<string, Float32Array> } {
  const feeds: Record<string, Float32Array> = {};
  const operands = specs.map(({ shape, dtype = "float32", range = [-1, 1], values }, i) => {
    if (dtype !== "float32") return constant(values!.map(Number), dtype, shape);
    feeds[`x${i}`] = Float32Array.from(values?.map(Number) ?? spread(sizeOf(shape), range, i));
    return input(`x${i}`, shape);
  });
  return { operands, trained: operands.filter((x) => isInput(x.node)), feeds };
}

/** Compare a function of stored inputs, and its gradients, with what PyTorch found. */
export async function expectSlice(
  what: string,
  specs: readonly StoredInput[],
  stored: StoredResults,
  build: (operands: readonly Tensor[]) => readonly Tensor[],
): Promise<void> {
  const { operands, trained, feeds } = operandsOf(specs);
  await expectResults(what, build(operands), trained, feeds, stored);
}

/** Compare outputs, and the gradients of their weighted sum with respect to `trained`. */
export async function expectResults(
  what: string,
  outputs: readonly Tensor[],
  trained: readonly Tensor[],
  feeds: Record<string, TypedArray>,
  stored: StoredResults,
): Promise<void> {
  expect(outputs.length).toBe(stored.outputs.length);
  expect(trained.length).toBe(stored.gradients.length);
  const derived = gradients(weightedSum(outputs, 11), trained);
  const wanted = [...outputs, ...derived].map((tensor, i) => [`y${i}`, tensor] as const);
  const results = await evaluate(Object.fromEntries(wanted), feeds);
  for (const [evaluator, values] of Object.entries(results)) {
    [...stored.outputs, ...stored.gradients].forEach((expected, i) => {
      const part = i < outputs.length ? `output ${i}` : `gradient ${i - outputs.length}`;
      expectClose(values[`y${i}`], expected, `${what}, ${part}, ${evaluator}`);
    });
  }
}
