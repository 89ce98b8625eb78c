import { describe, expect, test } from "vitest";
import { gradients } from "../../src/autodiff/gradient.ts";
import { RuntimeError } from "../../src/core/errors.ts";
import type { Example, OpRecord } from "../../src/graph/op.ts";
import { ops } from "../../src/graph/ops/index.ts";
import { probe, weightedSum } from "../../src/runtime/testing/check.ts";
import { disagreement } from "../../src/runtime/testing/disagreement.ts";
import { openSoftwareGpu } from "./software-gpu.ts";

const backend = await openSoftwareGpu();
const records = Object.entries(ops) as [string, OpRecord][];

/** Ops whose device kernels are only as exact as WGSL asks: 2^-11 for the sine. */
const coarse: Record<string, number> = { sin: 1e-3, cos: 1e-3 };

/** Ops with examples that the device refuses, each with the reason; ATELIER_DEVICE_FALLBACK=1 or another device runs them. */
const refusedThere: Record<string, string> = {
  averagePool: "the kernel has no three axes in groups",
  averagePoolInput: "the kernel has no three axes in groups",
  maxPool: "MaxPool gives no indices there",
  maxPoolIndices: "MaxPool gives no indices there",
  maxPoolInput: "MaxPool gives no indices there",
  maxPoolAt: "MaxPool gives no indices there",
  depthToSpace: "no kernel for the layout NCHW",
  spaceToDepth: "no kernel for the layout NCHW",
  round: "no kernel",
};

// The fallback to the CPU is off: whatever runs has a kernel on the device.
describe.skipIf(backend === undefined)("ops on WebGPU equal the interpreter", () => {
  test.each(Object.keys(refusedThere))("%s is refused with an error", async (name) => {
    const op = records.find(([known]) => known === name)![1];
    const examples = op.examples as readonly Example<never>[];
    const attempts = examples.map(async (example) => {
      const { outputs, inputs, total, feeds } = probe(op, example, "inputs");
      const derived = typeof op.gradient === "function" && inputs.length > 0 ? gradients(total.mul(total), inputs) : [];
      await disagreement(backend!, [...outputs, ...derived], feeds);
    });
    const failures = (await Promise.allSettled(attempts)).flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    expect(failures.length, "it works now: take it off the list").toBeGreaterThan(0);
    for (const failure of failures) expect(failure).toBeInstanceOf(RuntimeError);
  });

  test.each(records.filter(([name, op]) => op.examples.length > 0 && !Object.hasOwn(refusedThere, name)))(
    "%s, first and second derivatives too",
    async (name, op) => {
      for (const example of op.examples as readonly Example<never>[]) {
        const { outputs, inputs, total, feeds } = probe(op, example, "inputs");
        const wanted = [...outputs];
        if (typeof op.gradient === "function" && inputs.length > 0) {
          const first = gradients(total.mul(total), inputs);
          wanted.push(...first, ...gradients(weightedSum(first, 23), inputs));
        }
        expect(await disagreement(backend!, wanted, feeds)).toBeLessThan(coarse[name] ?? 3e-5);
      }
    },
  );
});
