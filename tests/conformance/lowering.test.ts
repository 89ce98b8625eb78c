import { beforeAll, describe, expect, test } from "vitest";
import { gradients } from "../../src/autodiff/gradient.ts";
import { allocate, type TypedArray } from "../../src/core/dtype.ts";
import { collect } from "../../src/graph/graph.ts";
import type { Target } from "../../src/graph/onnx.ts";
import type { Example, OpRecord } from "../../src/graph/op.ts";
import { ops } from "../../src/graph/ops/index.ts";
import { simplify } from "../../src/graph/passes/simplify.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { lower } from "../../src/lower/lower.ts";
import type { Backend, LoadOptions } from "../../src/runtime/backend.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { type Probe, probe, weightedSum } from "../../src/runtime/testing/check.ts";

const records = Object.entries(ops) as [string, OpRecord][];
const targets: Target[] = ["cpu", "portable"];
let backend: Backend;

beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

/** Run outputs through the runtime and the interpreter; the largest difference relative to the output's largest entry (at least 0.05: second derivatives that cancel to nothing). */
async function disagreement(
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

describe.each(records.filter(([, op]) => op.examples.length > 0))("%s on the runtime equals the interpreter", (_name, op) => {
  const examples = op.examples as readonly Example<never>[];

  test.each(targets)("values and first and second derivatives, %s form", async (target) => {
    for (const example of examples) {
      const { outputs, inputs, total, feeds } = probe(op, example);
      const wanted = [...outputs];
      if (typeof op.gradient === "function" && inputs.length > 0) {
        const first = gradients(total.mul(total), inputs);
        wanted.push(...first, ...gradients(weightedSum(first, 23), inputs));
      }
      expect(await disagreement(wanted, feeds, target)).toBeLessThan(1e-5);
    }
  });

  // Values that a model keeps to itself may share buffers that those at its edge do not.
  test.runIf(typeof op.gradient === "function" && examples.some(hasSeveralOutputs))("gradients where no output is fetched", async () => {
    for (const example of examples) {
      const { inputs, total, feeds } = probe(op, example);
      for (const optimize of ["none", "all"] as const)
        expect(await disagreement(gradients(total.mul(total), inputs), feeds, "cpu", optimize)).toBeLessThan(1e-5);
    }
  });

  function hasSeveralOutputs(example: Example<never>): boolean {
    return probe(op, example).outputs.length > 1;
  }
});
