import { expect, test } from "vitest";
import { sizeOf } from "../core/dtype.ts";
import { RandomStream } from "../core/random.ts";
import { collect } from "../graph/graph.ts";
import { scan } from "../graph/ops/scan.ts";
import { input } from "../graph/ops/source.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Trace, withTrace } from "../graph/trace.ts";
import { lower } from "../lower/lower.ts";
import { openBackend } from "../runtime/node/open.ts";
import { compile } from "../runtime/program.ts";
import { BatchNorm, namedParameters } from "./index.ts";

const backend = await openBackend();
const shape = [4, 2, 3];
const numbers = (seed: number) => {
  const data = new Float32Array(24);
  new RandomStream(seed, "batch").fillNormal(data);
  return data;
};

function expectClose(got: Float32Array, expected: Float32Array): void {
  for (const [i, v] of expected.entries()) expect(got[i]).toBeCloseTo(v, 5);
}

async function train<I extends string>(inputs: readonly I[], step: (inputs: Record<I, Tensor>) => Record<string, Tensor>) {
  const specs = Object.fromEntries(inputs.map((name) => [name, { shape }])) as Record<I, { shape: number[] }>;
  return compile(backend, step, { inputs: specs, training: true });
}

test("a batch norm that is called twice blends both batches into its running statistics, one after the other", async () => {
  const [once, twice] = [new BatchNorm({ channels: 2 }), new BatchNorm({ channels: 2 })];
  const single = await train(["x"], ({ x }) => ({ y: once.call(x) }));
  const [first, second] = [numbers(1), numbers(2)];
  const y1 = (await single.run({ x: first })).y.slice();
  const y2 = (await single.run({ x: second })).y.slice();
  const both = await train(["real", "fake"], ({ real, fake }) => ({ y1: twice.call(real), y2: twice.call(fake) }));
  const outputs = await both.run({ real: first, fake: second });
  expect([...outputs.y1, ...outputs.y2]).toEqual([...y1, ...y2]);
  expect(twice.runningMean.data).toEqual(once.runningMean.data);
  expect(twice.runningVariance.data).toEqual(once.runningVariance.data);
  expect(once.runningMean.data.some((v) => v !== 0)).toBe(true);
  await Promise.all([single.dispose(), both.dispose()]);
});

test("a batch norm without scale and shift has no parameters, and is one with ones and zeros", async () => {
  const [bare, full] = [new BatchNorm({ channels: 2, affine: false }), new BatchNorm({ channels: 2 })];
  expect(namedParameters(bare).size).toBe(0);
  const program = await train(["x"], ({ x }) => ({ bare: bare.call(x), again: bare.call(x.mul(3).add(1)), full: full.call(x) }));
  const outputs = await program.run({ x: numbers(3) });
  expect(outputs.bare).toEqual(outputs.full);
  expect(bare.runningMean.data).not.toEqual(full.runningMean.data);
  const inference = await compile(backend, ({ x }) => ({ bare: bare.call(x), full: full.call(x) }), { inputs: { x: { shape } } });
  full.runningMean.data.set(bare.runningMean.data);
  full.runningVariance.data.set(bare.runningVariance.data);
  const evaluated = await inference.run({ x: numbers(4) });
  expectClose(evaluated.bare as Float32Array, evaluated.full as Float32Array);
  await Promise.all([program.dispose(), inference.dispose()]);
});

test("a state that a loop's step would renew at each step is refused", async () => {
  const norm = new BatchNorm({ channels: 2 });
  const failed = train(["x"], ({ x }) => ({ y: scan(([h]) => ({ carry: [norm.call(h)] }), { init: [x], length: 3 }).carry[0] }));
  const error = await failed.catch((reason: Error) => reason);
  expect((error as Error).message.replace(/where: .*/, "where: ...")).toMatchInlineSnapshot(`
    "scan: a layer in the step renews this state from what differs from step to step
      where: ...
      got:      f32[2]
      try:      call layers with running statistics, such as BatchNorm, before or after the loop, or use a norm that has none"
  `);
});

test("two calls' statistics stay apart in a runtime that optimises", async () => {
  const norm = new BatchNorm({ channels: 2 });
  const trace = new Trace({ training: true });
  const inputs = ["real", "fake"].map((name) => input(name, shape));
  const outputs = withTrace(trace, () => inputs.map((x) => norm.call(x)));
  const named = [...outputs, trace.current(norm.runningVariance)].map((tensor, i) => ({ name: `y${i}`, tensor }));
  const model = lower(collect(named), { target: "portable", channelBlock: 0 });
  const [plain, optimised] = await Promise.all(
    (["none", "all"] as const).map(async (optimize) => {
      const executable = await backend.load(model, { name: "statistics", optimize });
      const given = executable.inputs.map(({ name, shape: dims }, i) => [name, dims.length === 1 ? Float32Array.of(1, 1) : numbers(i)]);
      const results = executable.outputs.map(({ name, shape: dims }) => [name, new Float32Array(sizeOf(dims))]);
      await executable.bind(Object.fromEntries(given), Object.fromEntries(results)).run();
      await executable.dispose();
      return results.map(([, data]) => data as Float32Array);
    }),
  );
  for (const [i, data] of plain.entries()) expectClose(optimised[i], data);
});
