import { beforeAll, describe, expect, test } from "vitest";
import { gradients } from "../autodiff/gradient.ts";
import { RandomStream } from "../core/random.ts";
import { RandomStreams } from "../core/streams.ts";
import { State } from "../graph/leaf.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Trace } from "../graph/trace.ts";
import { BatchNorm, crossEntropy, Dropout, Linear, relu, Sequential } from "../nn/index.ts";
import type { Backend } from "./backend.ts";
import { openBackend } from "./node/open.ts";
import { compile } from "./program.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend();
});

const x = Float32Array.from({ length: 12 }, (_, i) => Math.sin(i));
const inputs = { x: { shape: [4, 3] } };
const model = () => {
  const rng = new RandomStream(0, "init");
  return new Sequential(new Linear({ in: 3, out: 8, rng }), new BatchNorm({ channels: 8 }), relu, new Linear({ in: 8, out: 2, rng }));
};

describe("feeding", () => {
  const double = () => compile(backend, ({ x }: { x: Tensor }) => ({ y: x.mul(2) }), { inputs, name: "double" });

  test("a value of the wrong length is refused with both lengths, and nothing runs", async () => {
    const program = await double();
    await expect(program.run({ x: [1, 2] })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [RuntimeError: The value for input "x" of "double" has the wrong length.
        got:      2
        expected: 12]
    `);
    await program.dispose();
  });

  test("an unknown name is refused, and the known ones are told", async () => {
    const program = await double();
    await expect(program.run({ z: [1] } as never)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [AtelierError: The program "double" has no input "z".
        expected: one of: x]
    `);
    await program.dispose();
  });

  test("plain numbers, typed arrays, and writing into the bound array do the same", async () => {
    const program = await double();
    const expected = x.map((v) => 2 * v);
    expect((await program.run({ x: [...x] })).y).toEqual(expected);
    expect((await program.run({ x })).y).toEqual(expected);
    program.inputs.x.fill(3 as never);
    expect((await program.run()).y).toEqual(new Float32Array(12).fill(6));
    await program.dispose();
  });

  test("an input that the result does not need may be fed all the same", async () => {
    const program = await compile(backend, ({ x }: { x: Tensor; unused: Tensor }) => ({ y: x.exp() }), {
      inputs: { ...inputs, unused: { shape: [2] } },
    });
    await program.run({ x, unused: [1, 2] });
    expect(program.inputNames("batch")).toEqual(["x"]);
    await program.dispose();
  });

  test("int64 labels come as plain numbers or as bigints", async () => {
    const build = ({ logits, labels }: { logits: Tensor; labels: Tensor }) => ({ loss: crossEntropy(logits, labels) });
    const program = await compile(backend, build, { inputs: { logits: { shape: [2, 3] }, labels: { shape: [2], dtype: "int64" } } });
    const first = (await program.run({ logits: [1, 2, 3, 0, 0, 0], labels: [2, 1] })).loss.slice();
    expect([...first]).toEqual([expect.closeTo(0.407606, 5), expect.closeTo(Math.log(3), 5)]);
    expect((await program.run({ labels: BigInt64Array.of(2n, 1n) })).loss).toEqual(first);
    await program.dispose();
  });
});

test("errors of the traced function come out with its line", async () => {
  await expect(compile(backend, ({ x }: { x: Tensor }) => ({ y: x.reshape([5]) }), { inputs })).rejects.toThrow(
    /12 elements do not fit \[5\][\s\S]*program\.test\.ts/,
  );
});

test("state is renewed by each run, for every program that reads it", async () => {
  const steps = new State([], "int64");
  const average = new State([3], "float32", 1);
  const build = ({ x }: { x: Tensor }, trace: Trace) => {
    const fresh = average.mul(0.5).add(x.mean(0).mul(0.5));
    trace.update(average, fresh);
    trace.update(steps, steps.add(1));
    return { before: average.mul(1) };
  };
  const writer = await compile(backend, build, { inputs });
  const reader = await compile(backend, () => ({ now: average.mul(2) }));
  expect([...(await writer.run({ x: new Float32Array(12) })).before]).toEqual([1, 1, 1]);
  expect([...(await writer.run()).before]).toEqual([0.5, 0.5, 0.5]);
  expect([...average.data]).toEqual([0.25, 0.25, 0.25]);
  expect(steps.data[0]).toBe(2n);
  expect([...(await reader.run()).now]).toEqual([0.5, 0.5, 0.5]);
  await writer.dispose();
  await reader.dispose();
});

test("parameters are read in place; a frozen program keeps those it was made with, and else gives the same", async () => {
  const net = model();
  const build = ({ x }: { x: Tensor }) => ({ y: net.call(x) });
  const live = await compile(backend, build, { inputs });
  const frozen = await compile(backend, build, { inputs, frozen: true });
  const first = (await live.run({ x })).y.slice() as Float32Array;
  const baked = (await frozen.run({ x })).y as Float32Array;
  first.forEach((v, i) => {
    expect(baked[i]).toBeCloseTo(v, 6);
  });
  (net.steps[0] as Linear).bias!.data.fill(5);
  expect((await live.run({ x })).y).not.toEqual(first);
  expect((await frozen.run({ x })).y).toEqual(baked);
  await live.dispose();
  await frozen.dispose();
});

describe("randomness", () => {
  const build = (_: object, trace: Trace) => ({ z: trace.normal("z", [50]), u: trace.uniform("u", [50]) });
  const draws = async (streams: RandomStreams, runs: number) => {
    const program = await compile(backend, build, { streams });
    const seen: number[][] = [];
    for (let i = 0; i < runs; i++) {
      const { z, u } = await program.run();
      seen.push([...(z as Float32Array), ...(u as Float32Array)]);
    }
    await program.dispose();
    return seen;
  };

  test("one seed gives one sequence, which goes on from its saved state", async () => {
    const whole = await draws(new RandomStreams(1), 4);
    const streams = new RandomStreams(1);
    expect(await draws(streams, 2)).toEqual(whole.slice(0, 2));
    const resumed = new RandomStreams(1);
    resumed.restore(JSON.parse(JSON.stringify(streams.state)) as typeof streams.state);
    expect(await draws(resumed, 2)).toEqual(whole.slice(2));
    expect(await draws(new RandomStreams(2), 1)).not.toEqual(whole.slice(0, 1));
    expect(whole[0]).not.toEqual(whole[1]);
  });

  test("a second program with more draws does not disturb those of the first names", async () => {
    const more = (inputs: object, trace: Trace) => ({ extra: trace.normal("a", [9]), ...build(inputs, trace) });
    const program = await compile(backend, more, { streams: new RandomStreams(1) });
    const { z, u } = await program.run();
    expect([[...(z as Float32Array), ...(u as Float32Array)]]).toEqual(await draws(new RandomStreams(1), 1));
    await program.dispose();
  });
});

test("one seed gives the same bits: loss, gradients and running statistics of three training steps, compiled twice", async () => {
  const train = async () => {
    const net = new Sequential(model(), new Dropout(0.25));
    const first = (net.steps[0] as Sequential).steps[0] as Linear;
    const build = ({ x, labels }: { x: Tensor; labels: Tensor }) => {
      const loss = crossEntropy(net.call(x), labels).mean();
      return { loss, dw: gradients(loss, [first.weight])[0] };
    };
    const specs = { ...inputs, labels: { shape: [4], dtype: "int64" as const } };
    const program = await compile(backend, build, { inputs: specs, training: true, streams: new RandomStreams(9) });
    const seen: number[] = [];
    for (let step = 0; step < 3; step++) {
      const { loss, dw } = await program.run({ x, labels: [0, 1, 1, 0] });
      seen.push(...(loss as Float32Array), ...(dw as Float32Array));
    }
    await program.dispose();
    return [...seen, ...((net.steps[0] as Sequential).steps[1] as BatchNorm).runningVariance.data];
  };
  const once = await train();
  expect(once.every(Number.isFinite)).toBe(true);
  expect(await train()).toEqual(once);
});

test("outputs go into arrays of the caller's", async () => {
  const mine = new Float32Array(12);
  const program = await compile(backend, ({ x }: { x: Tensor }) => ({ y: x.neg() }), { inputs, outputs: { y: mine } });
  expect((await program.run({ x })).y).toBe(mine);
  expect(mine).toEqual(x.map((v) => -v));
  expect(program.boundBytes).toBe(96);
  await program.dispose();
});
