import { expect, test } from "vitest";
import { openBackend } from "../runtime/node/open.ts";
import { compile } from "../runtime/program.ts";
import { Warmup } from "./index.ts";

test("a warm-up climbs to one in its training steps, stays there, and is one outside of training", async () => {
  const backend = await openBackend();
  const warmup = new Warmup(4);
  const step = await compile(backend, () => ({ factor: warmup.call() }), { training: true });
  const factors: number[] = [];
  for (let i = 0; i < 6; i++) factors.push((await step.run()).factor[0] as number);
  expect(factors).toEqual([0.25, 0.5, 0.75, 1, 1, 1]);
  warmup.done.data[0] = 1;
  const evaluation = await compile(backend, () => ({ factor: warmup.call().mul(1) }));
  expect([...(await evaluation.run()).factor]).toEqual([1]);
  expect(warmup.done.data[0]).toBe(1);
  await Promise.all([step.dispose(), evaluation.dispose()]);
});

test("a warm-up of no steps is refused", () => {
  expect(() => new Warmup(0)).toThrow("Warmup: steps must be a whole number above 0.");
});
