import { beforeAll, expect, test } from "vitest";
import type { Backend } from "../runtime/backend.ts";
import { openBackend } from "../runtime/node/open.ts";
import { adam } from "./adam.ts";
import { FlatUpdate, type FlatUpdateOptions } from "./apply.ts";
import type { Optimizer } from "./optimizer.ts";
import { sgd } from "./sgd.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend();
});

const fill = (length: number, f: (i: number) => number) => Float32Array.from({ length }, (_, i) => f(i));

/** Equal but for rounding: kernels may treat the end of an array in another way. */
function expectNear(got: Float32Array, expected: Float32Array): void {
  got.forEach((v, i) => {
    expect(v).toBeCloseTo(expected[i], 6);
  });
}

/** Parameters and slots after some steps with fixed gradients. */
async function stepped(optimizer: Optimizer, length: number, more: Partial<FlatUpdateOptions> = {}, scale?: number) {
  const parameters = fill(length, (i) => Math.sin(i));
  const gradients = fill(length, (i) => Math.cos(3 * i));
  const update = await FlatUpdate.create({ backend, optimizer, parameters, gradients, ...more });
  for (let step = 1; step <= 3; step++) await update.step(step, 0.01, scale);
  const { slots } = update;
  await update.dispose();
  return { parameters, slots };
}

test("several chunks give what one gives, at their borders too", async () => {
  const chunk = 262_144;
  const length = 2 * chunk + 1000;
  const { parameters, slots } = await stepped(adam(), length);
  const starts = [0, chunk - 8, 2 * chunk - 8, length - 16];
  for (const start of starts) {
    const small = fill(16, (i) => Math.sin(start + i));
    const update = await FlatUpdate.create({
      backend,
      optimizer: adam(),
      parameters: small,
      gradients: fill(16, (i) => Math.cos(3 * (start + i))),
    });
    for (let step = 1; step <= 3; step++) await update.step(step, 0.01);
    expectNear(parameters.slice(start, start + 16), small);
    expectNear(slots.mean.slice(start, start + 16), update.slots.mean);
    expectNear(slots.square.slice(start, start + 16), update.slots.square);
    await update.dispose();
  }
});

test("groups have decays and rates of their own, and a frozen one keeps every bit", async () => {
  const groups = [
    { start: 0, end: 10, weightDecay: 0.5 },
    { start: 10, end: 20 },
    { start: 20, end: 30, scale: 0, weightDecay: 0.5 },
    { start: 30, end: 40, scale: 0.1 },
  ];
  const { parameters, slots } = await stepped(sgd({ momentum: 0.9 }), 40, { groups });
  const velocity = new Float64Array(40);
  const expected = Float64Array.from({ length: 40 }, (_, i) => Math.fround(Math.sin(i)));
  for (let step = 1; step <= 3; step++) {
    for (const { start, end, scale = 1, weightDecay = 0 } of groups) {
      for (let i = start; scale !== 0 && i < end; i++) {
        velocity[i] = 0.9 * velocity[i] + Math.cos(3 * i) + weightDecay * expected[i];
        expected[i] -= 0.01 * scale * velocity[i];
      }
    }
  }
  parameters.forEach((v, i) => {
    expect(v).toBeCloseTo(expected[i], 6);
  });
  expect(parameters.slice(20, 30)).toEqual(fill(40, (i) => Math.sin(i)).slice(20, 30));
  expect(slots.momentum.slice(20, 30)).toEqual(new Float32Array(10));
});

test("a factor on the gradient is that of gradients multiplied before", async () => {
  const { parameters } = await stepped(sgd(), 12, { scaled: true }, 0.5);
  const halved = await stepped(sgd(), 12, { gradients: fill(12, (i) => Math.cos(3 * i) / 2) });
  expect(parameters).toEqual(halved.parameters);
});

test("decay 0 in every group is no decay at all", async () => {
  const groups = [{ start: 0, end: 12, weightDecay: 0 }];
  expect((await stepped(adam(), 12, { groups })).parameters).toEqual((await stepped(adam(), 12)).parameters);
});

test("gradients of another length are refused", async () => {
  const create = FlatUpdate.create({ backend, optimizer: sgd(), parameters: new Float32Array(3), gradients: new Float32Array(4) });
  await expect(create).rejects.toThrowErrorMatchingInlineSnapshot(`
    [AtelierError: The flat gradients do not match the flat parameters.
      got:      4
      expected: 3]
  `);
});
