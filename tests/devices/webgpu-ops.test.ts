import { describe, expect, test } from "vitest";
import { gradients } from "../../src/autodiff/gradient.ts";
import type { Example, OpRecord } from "../../src/graph/op.ts";
import { ops } from "../../src/graph/ops/index.ts";
import { probe, weightedSum } from "../../src/runtime/testing/check.ts";
import { disagreement } from "../../src/runtime/testing/disagreement.ts";
import { openSoftwareGpu } from "./software-gpu.ts";

const backend = await openSoftwareGpu();
const records = Object.entries(ops) as [string, OpRecord][];

/** Ops whose device kernels are only as exact as WGSL asks: 2^-11 for the sine. */
const coarse: Record<string, number> = { sin: 1e-3, cos: 1e-3 };

// The fallback to the CPU is off: whatever runs has a kernel on the device.
describe.skipIf(backend === undefined)("ops on WebGPU equal the interpreter", () => {
  test.each(records.filter(([, op]) => op.examples.length > 0))("%s, first and second derivatives too", async (name, op) => {
    for (const example of op.examples as readonly Example<never>[]) {
      const { outputs, inputs, total, feeds } = probe(op, example, "inputs");
      const wanted = [...outputs];
      if (typeof op.gradient === "function" && inputs.length > 0) {
        const first = gradients(total.mul(total), inputs);
        wanted.push(...first, ...gradients(weightedSum(first, 23), inputs));
      }
      expect(await disagreement(backend!, wanted, feeds)).toBeLessThan(coarse[name] ?? 3e-5);
    }
  });
});
