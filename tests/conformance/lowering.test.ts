import { beforeAll, describe, expect, test } from "vitest";
import { gradients } from "../../src/autodiff/gradient.ts";
import type { Target } from "../../src/graph/onnx.ts";
import type { Example, OpRecord } from "../../src/graph/op.ts";
import { ops } from "../../src/graph/ops/index.ts";
import type { Backend } from "../../src/runtime/backend.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { probe, weightedSum } from "../../src/runtime/testing/check.ts";
import { disagreement } from "../../src/runtime/testing/disagreement.ts";

const records = Object.entries(ops) as [string, OpRecord][];
const targets: Target[] = ["cpu", "portable"];
let backend: Backend;

beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

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
      expect(await disagreement(backend, wanted, feeds, target)).toBeLessThan(1e-5);
    }
  });

  // Values that a model keeps to itself may share buffers that those at its edge do not.
  test.runIf(typeof op.gradient === "function" && examples.some(hasSeveralOutputs))("gradients where no output is fetched", async () => {
    for (const example of examples) {
      const { inputs, total, feeds } = probe(op, example);
      for (const optimize of ["none", "all"] as const)
        expect(await disagreement(backend, gradients(total.mul(total), inputs), feeds, "cpu", optimize)).toBeLessThan(1e-5);
    }
  });

  function hasSeveralOutputs(example: Example<never>): boolean {
    return probe(op, example).outputs.length > 1;
  }
});
