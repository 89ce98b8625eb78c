import { expect, test } from "vitest";
import { openBackend } from "../runtime/node/open.ts";
import { compile, type Program } from "../runtime/program.ts";
import { predictStep, requireMemory } from "./prediction.ts";

test("a step that does not fit is refused, with the batch that would", () => {
  const prediction = { stepBytes: 10e9, seconds: 1 };
  expect(() => requireMemory(prediction, 11e9, 256)).not.toThrow();
  expect(() => requireMemory(prediction, 4e9, 256)).toThrowErrorMatchingInlineSnapshot(`
    [UsageError: A training step of this size does not fit into memory.
      got:      10.00 GB predicted for a batch of 256
      expected: at most 4.00 GB, which is free now
      try:      --batch 92 fits; ATELIER_IGNORE_MEMORY=1 tries it all the same]
  `);
  expect(() => requireMemory(prediction, 1e6, 256)).toThrowErrorMatchingInlineSnapshot(`
    [UsageError: A training step of this size does not fit into memory.
      got:      10.00 GB predicted for a batch of 256
      expected: at most 0.00 GB, which is free now
      try:      take a smaller model; ATELIER_IGNORE_MEMORY=1 tries it all the same]
  `);
});

test("memory grows with the batch, and time with the work", async () => {
  const backend = await openBackend();
  const predict = async (batch: number) => {
    const program = await compile<"x", "y">(backend, ({ x }) => ({ y: x.exp().matmul(x.transpose()).exp().sum() }), {
      inputs: { x: { shape: [batch, 256] } },
    });
    const prediction = await predictStep([{ program: program as Program, phase: {} }], backend, 1000);
    await program.dispose();
    return prediction;
  };
  const [small, large] = [await predict(256), await predict(2560)];
  expect(large.stepBytes).toBeGreaterThan(small.stepBytes);
  expect(large.seconds).toBeGreaterThan(small.seconds);
});
