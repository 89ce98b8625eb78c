import { allocate, type TypedArray } from "../../src/core/dtype.ts";
import { collect } from "../../src/graph/graph.ts";
import type { Target } from "../../src/graph/onnx.ts";
import { simplify } from "../../src/graph/passes/simplify.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { lower } from "../../src/lower/lower.ts";
import type { Backend, LoadOptions } from "../../src/runtime/backend.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import type { Probe } from "../../src/runtime/testing/check.ts";

/** Run outputs through the runtime and the interpreter; the largest difference relative to the output's largest entry (at least 0.05: second derivatives that cancel to nothing). */
export async function disagreement(
  backend: Backend,
  outputs: readonly Tensor[],
  feeds: Probe["feeds"],
  target: Target,
  optimize: LoadOptions["optimize"] = "none",
): Promise<number> {
  const graph = simplify(collect(outputs.map((tensor, i) => ({ name: `y${i}`, tensor }))));
  const singles = Object.fromEntries(graph.inputs.map(({ name }) => [name, Float32Array.from(feeds[name])]));
  const expected = interpret(graph, singles);
  const executable = await backend.load(lower(graph, { target, channelBlock: backend.channelBlock }), { name: "probe", optimize });
  const results: Record<string, TypedArray> = {};
  for (const { name, tensor } of graph.outputs) results[name] = allocate(tensor.dtype, tensor.size);
  const binding = executable.bind(singles, results);
  await binding.run();
  binding.dispose();
  await executable.dispose();
  return Math.max(0, ...graph.outputs.map(({ name }) => relativeError(results[name], expected[name].data)));
}

function relativeError(got: TypedArray, expected: Float64Array): number {
  const scale = Math.max(0.05, ...expected.map(Math.abs));
  return Math.max(0, ...Array.from(got as ArrayLike<number | bigint>, (v, i) => Math.abs(Number(v) - expected[i]) / scale));
}
