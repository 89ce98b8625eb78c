import { allocate, type TypedArray } from "../../core/dtype.ts";
import { collect } from "../../graph/graph.ts";
import { simplify } from "../../graph/passes/simplify.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { lower } from "../../lower/lower.ts";
import type { Backend, LoadOptions, Target } from "../backend.ts";
import { interpret } from "../interpreter.ts";
import type { Probe } from "./check.ts";

/**
 * Run outputs on a backend, in a target's form (its own unless told), and through the interpreter.
 * @returns the largest difference relative to the output's largest entry (at least 0.05: second derivatives that cancel to nothing)
 */
export async function disagreement(
  backend: Backend,
  outputs: readonly Tensor[],
  feeds: Probe["feeds"],
  target: Target = backend.target,
  optimize: LoadOptions["optimize"] = "none",
): Promise<number> {
  const graph = simplify(collect(outputs.map((tensor, i) => ({ name: `y${i}`, tensor }))));
  const singles: Record<string, TypedArray> = {};
  for (const { name, tensor } of graph.inputs) {
    const array = allocate(tensor.dtype, tensor.size);
    if (array instanceof BigInt64Array) array.set(Array.from(feeds[name], BigInt));
    else array.set(feeds[name]);
    singles[name] = array;
  }
  const expected = interpret(graph, Object.fromEntries(Object.entries(singles).map(([name, array]) => [name, Array.from(array, Number)])));
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
