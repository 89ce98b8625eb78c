import { describe, expect, test } from "vitest";
import { collect } from "../../src/graph/graph.ts";
import { input } from "../../src/graph/ops/source.ts";
import * as optim from "../../src/optim/index.ts";
import type { Schedule } from "../../src/optim/schedule.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { spread } from "../../src/runtime/testing/check.ts";
import { expectClose, slices } from "./slices.ts";

const { adam, adamw, rmsprop, sgd } = optim;
const makers = { adam, adamw, rmsprop, sgd };

interface OptimizerCase {
  optimizer: keyof typeof makers;
  options: Record<string, number>;
  learningRate: number;
  weightDecay: number;
  count: number;
  /** Parameters after 1, 2 and 10 steps. */
  after: Record<string, number[]>;
}

/** The gradient of a step: every fifth entry 0, every seventh tiny, which shows where epsilon stands. */
function gradientOf(step: number, count: number): Float32Array {
  const tiny = Math.fround(1e-8);
  return Float32Array.from(spread(count, [-1, 1], 60 + step), (g, i) => (i % 5 === 0 ? 0 : i % 7 === 0 ? Math.fround(g) * tiny : g));
}

describe("optimizers move as PyTorch's do, update for update", () => {
  test.each(
    slices<OptimizerCase>("optimizers").map(
      (slice) => [`${slice.optimizer} ${JSON.stringify(slice.options)} decay ${slice.weightDecay}`, slice] as const,
    ),
  )("%s", async (what, slice) => {
    const { count, learningRate, weightDecay } = slice;
    const optimizer = makers[slice.optimizer](slice.options);
    const parameters = Float32Array.from(spread(count, [-1, 1], 7));
    const gradients = new Float32Array(count);
    const groups = [{ start: 0, end: count, weightDecay }];
    const update = await optim.FlatUpdate.create({ backend: await openBackend(), optimizer, parameters, gradients, groups });
    const reference = interpreted(optimizer, parameters, weightDecay);
    for (let step = 1; step <= 10; step++) {
      gradients.set(gradientOf(step, count));
      await update.step(step, learningRate);
      const slow = reference(gradients, step, learningRate);
      const stored = slice.after[step];
      if (stored === undefined) continue;
      expectClose(parameters, stored, `${what}, step ${step}, runtime`);
      expectClose(slow, stored, `${what}, step ${step}, interpreter`);
    }
    await update.dispose();
  });
});

/** The same rule in the interpreter's float64. */
function interpreted(optimizer: optim.Optimizer, start: Float32Array, weightDecay: number) {
  const n = start.length;
  const scalars = Object.keys(optimizer.coefficients(1, 1, weightDecay === 0 ? undefined : weightDecay));
  const named = (names: readonly string[], shape: number[]) => Object.fromEntries(names.map((name) => [name, input(name, shape)]));
  const next = optimizer.update(input("p", [n]), input("g", [n]), named(optimizer.slots, [n]), named(scalars, []));
  const graph = collect([
    { name: "p'", tensor: next.parameter },
    ...optimizer.slots.map((name) => ({ name: `${name}'`, tensor: next.slots[name] })),
  ]);
  let p = Float64Array.from(start);
  let slots = Object.fromEntries(optimizer.slots.map((name) => [name, new Float64Array(n)]));
  return (g: Float32Array, step: number, learningRate: number): Float64Array => {
    const values = optimizer.coefficients(step, learningRate, weightDecay === 0 ? undefined : weightDecay);
    const feeds = Object.fromEntries(scalars.map((name) => [name, [values[name]]]));
    const results = interpret(graph, { p, g, ...slots, ...feeds });
    p = results["p'"].data as Float64Array<ArrayBuffer>;
    slots = Object.fromEntries(optimizer.slots.map((name) => [name, results[`${name}'`].data as Float64Array<ArrayBuffer>]));
    return p;
  };
}

test.each(slices<{ limit: number; norm: number; clipped: number[] }>("clip"))(
  "clipping by norm is clip_grad_norm_, limit $limit",
  async (slice) => {
    const gradients = Float32Array.from(spread(11, [-1, 1], 3));
    const measure = await optim.GradientNorm.create(await openBackend(), gradients);
    const norm = await measure.norm();
    await measure.dispose();
    expectClose([norm], [slice.norm], "norm");
    expectClose(
      gradients.map((g) => g * optim.clipFactor(norm, slice.limit)),
      slice.clipped,
      "clipped",
    );
  },
);

test.each(slices<{ decay: number; after: Record<string, number[]> }>("ema"))(
  "the average is torch.optim.swa_utils', decay $decay",
  (slice) => {
    const parameters = Float32Array.from(spread(5, [-1, 1], 0));
    const average = new optim.ExponentialAverage(parameters, slice.decay);
    for (let step = 1; step <= 10; step++) {
      average.update(Float32Array.from(spread(5, [-1, 1], step)));
      if (slice.after[step] !== undefined) expectClose(average.values, slice.after[step], `step ${step}`);
    }
  },
);

interface ScheduleCase {
  name: "constant" | "linear" | "cosine";
  arguments: number[];
  warmup: number;
  factors: number[];
}

test.each(slices<ScheduleCase>("schedules"))("schedule $name, warm-up $warmup, is torch.optim.lr_scheduler's", (slice) => {
  const make = optim.schedule[slice.name] as (...args: number[]) => Schedule;
  const bare = make(...slice.arguments);
  const schedule = slice.warmup === 0 ? bare : optim.schedule.warmup(slice.warmup, bare);
  const got = slice.factors.map((_, step) => schedule(step));
  for (const [step, factor] of slice.factors.entries()) expect(got[step], `step ${step}`).toBeCloseTo(factor, 12);
});
