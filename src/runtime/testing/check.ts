import { gradients } from "../../autodiff/gradient.ts";
import { sizeOf } from "../../core/dtype.ts";
import { collect } from "../../graph/graph.ts";
import type { Example, OpRecord } from "../../graph/op.ts";
import { mul } from "../../graph/ops/elementwise.ts";
import { constant, input } from "../../graph/ops/source.ts";
import { apply, type Tensor } from "../../graph/tensor.ts";
import { interpret } from "../interpreter.ts";

// Finite-difference checks of op records, in the float64 interpreter.

/** A scalar made of an op's example: its float outputs weighted by fixed numbers and summed, so that every output element matters. */
export interface Probe {
  /** The float inputs of the example, as graph inputs `x0`, `x1`, ... */
  inputs: Tensor[];
  /** Values for them, deterministic. */
  feeds: Record<string, Float64Array>;
  outputs: readonly Tensor[];
  total: Tensor;
}

/** Deterministic numbers in a range, different for each salt: a low-discrepancy walk. */
export function spread(length: number, [low, high]: readonly [number, number], salt: number): Float64Array {
  return Float64Array.from({ length }, (_, i) => low + (high - low) * ((0.137 + salt * 0.311 + i * 0.61803398875) % 1));
}

/** @param fixed what becomes of inputs with fixed content: constants of the graph (default), or inputs that are fed it */
export function probe(op: OpRecord, example: Example<never>, fixed: "constants" | "inputs" = "constants"): Probe {
  const inputs: Tensor[] = [];
  const feeds: Record<string, Float64Array> = {};
  const operands = example.inputs.map((spec, i) => {
    if (spec.values !== undefined && fixed === "constants") return constant(spec.values, spec.dtype ?? "float32", spec.shape);
    if (spec.values !== undefined) {
      feeds[`x${i}`] = Float64Array.from(spec.values);
      return input(`x${i}`, spec.shape, spec.dtype);
    }
    const tensor = input(`x${i}`, spec.shape);
    inputs.push(tensor);
    feeds[`x${i}`] = spread(sizeOf(spec.shape), spec.range ?? [-1, 1], i);
    return tensor;
  });
  const outputs = apply(op, operands, example.attrs);
  return { inputs, feeds, outputs, total: weightedSum(outputs, 11) };
}

/** Σ w_i y_i over every float output element with fixed weights. */
export function weightedSum(tensors: readonly Tensor[], salt: number): Tensor {
  const parts = tensors
    .filter((tensor) => tensor.dtype === "float32")
    .map((tensor, i) => mul(tensor, constant(spread(tensor.size, [0.5, 1.5], salt + i), "float32", tensor.shape)).sum());
  return parts.reduce((a, b) => a.add(b), constant(0));
}

/**
 * The largest difference between the symbolic gradient of `total` and central differences, relative to the gradient's largest entry.
 */
export function gradientError(total: Tensor, inputs: readonly Tensor[], feeds: Record<string, Float64Array>): number {
  const derived = gradients(total, inputs);
  const symbolic = interpret(collect(derived.map((tensor, i) => ({ name: `g${i}`, tensor }))), feeds);
  const graph = collect([{ name: "total", tensor: total }]);
  const evaluate = () => interpret(graph, feeds).total.data[0];
  let worst = 0;
  inputs.forEach((x, i) => {
    const values = feeds[String(x.node.attrs.name)];
    const got = symbolic[`g${i}`].data;
    const scale = Math.max(1, ...got.map(Math.abs));
    for (let at = 0; at < values.length; at++) {
      const h = 1e-5;
      const kept = values[at];
      values[at] = kept + h;
      const above = evaluate();
      values[at] = kept - h;
      const below = evaluate();
      values[at] = kept;
      worst = Math.max(worst, Math.abs((above - below) / (2 * h) - got[at]) / scale);
    }
  });
  return worst;
}
