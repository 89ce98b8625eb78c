import { describe, test } from "vitest";
import { gradients } from "../../src/autodiff/gradient.ts";
import { sizeOf, type TypedArray } from "../../src/core/dtype.ts";
import { RandomStream } from "../../src/core/random.ts";
import type { Parameter, State } from "../../src/graph/leaf.ts";
import { input } from "../../src/graph/ops/source.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { Trace, withTrace } from "../../src/graph/trace.ts";
import * as nn from "../../src/nn/index.ts";
import { spread, weightedSum } from "../../src/runtime/testing/check.ts";
import { evaluate, expectClose, expectSlice, type Stored, type StoredInput, type StoredResults, slices } from "./slices.ts";

interface FunctionCase extends StoredResults {
  name: string;
  inputs: StoredInput[];
  options?: number[];
}

const functions = nn as unknown as Record<string, (...operands: (Tensor | number)[]) => Tensor>;

describe("activations are PyTorch's, at their corners too", () => {
  test.each(slices<FunctionCase>("activations").map((slice) => [`${slice.name}(${slice.options})`, slice] as const))("%s", (what, slice) =>
    expectSlice(what, slice.inputs, slice, (operands) => [functions[slice.name](...operands, ...slice.options!)]),
  );
});

describe("losses are PyTorch's", () => {
  test.each(slices<FunctionCase>("losses").map((slice, i) => [`${slice.name} #${i}`, slice] as const))("%s", (what, slice) =>
    expectSlice(what, slice.inputs, slice, (operands) => [functions[slice.name](...operands)]),
  );
});

interface LayerCase extends StoredResults {
  layer: "Linear" | "Conv2d" | "ConvTranspose2d" | "BatchNorm" | "LayerNorm" | "Embedding";
  options: Record<string, unknown>;
  training: boolean;
  /** Runs in a row; the results are those of the last. */
  steps: number;
  /** Ranges of the values of parameters and state, by PyTorch's names. */
  parameters: Record<string, [number, number]>;
  input: StoredInput;
  /** Running statistics after the last step. */
  state: Record<string, Stored[]>;
}

type Layer = nn.Module & { call(x: Tensor): Tensor; weight: Parameter; bias?: Parameter | undefined };

const ourNames: Record<string, string> = { running_mean: "runningMean", running_var: "runningVariance" };
const leafOf = (layer: Layer, name: string) => (layer as unknown as Record<string, Parameter | State<"float32">>)[ourNames[name] ?? name];

function makeLayer(slice: LayerCase): Layer {
  const make = (nn as unknown as Record<string, new (options: object) => Layer>)[slice.layer];
  const layer = new make({ ...slice.options, rng: new RandomStream(0, "layer") });
  Object.entries(slice.parameters).forEach(([name, range], i) => {
    const leaf = leafOf(layer, name);
    leaf.data.set(spread(leaf.size, range, 40 + i));
  });
  return layer;
}

describe("layers are PyTorch's", () => {
  test.each(slices<LayerCase>("layers").map((slice, i) => [`${slice.layer} ${JSON.stringify(slice.options)} #${i}`, slice] as const))(
    "%s",
    async (what, slice) => {
      const layer = makeLayer(slice);
      for (let step = 0; step < slice.steps; step++) await runLayer(what, layer, slice, step);
    },
  );
});

/** One step of a layer on both evaluators; the last one is compared, the others only move the running statistics. */
async function runLayer(what: string, layer: Layer, slice: LayerCase, step: number): Promise<void> {
  const { shape, dtype = "float32", range, values } = slice.input;
  const x = input("x", shape, dtype);
  const feeds: Record<string, TypedArray> = {
    x: dtype === "float32" ? Float32Array.from(spread(sizeOf(shape), range!, step)) : BigInt64Array.from(values!.map((v) => BigInt(v))),
  };
  const trace = new Trace({ training: slice.training });
  const y = withTrace(trace, () => layer.call(x));
  const trained = [...(dtype === "float32" ? [x] : []), ...nn.namedParameters(layer).values()];
  for (const leaf of [...nn.namedParameters(layer).values(), ...nn.namedStates(layer).values()])
    feeds[String(leaf.node.attrs.name)] = leaf.data;
  const outputs: Record<string, Tensor> = { y };
  gradients(weightedSum([y], 11), trained).forEach((g, i) => {
    outputs[`g${i}`] = g;
  });
  for (const name of Object.keys(slice.state)) outputs[name] = trace.updates.get(leafOf(layer, name) as State)!;
  const { runtime, interpreter } = await evaluate(outputs, feeds);
  for (const [evaluator, got] of step < slice.steps - 1 ? [] : Object.entries({ runtime, interpreter })) {
    expectClose(got.y, slice.outputs[0], `${what}, output, ${evaluator}`);
    for (const [i, stored] of slice.gradients.entries()) expectClose(got[`g${i}`], stored, `${what}, gradient ${i}, ${evaluator}`);
    for (const [name, stored] of Object.entries(slice.state)) expectClose(got[name], stored, `${what}, ${name}, ${evaluator}`);
  }
  for (const name of Object.keys(slice.state)) leafOf(layer, name).data.set(runtime[name] as Float32Array);
}
