import { describe, expect, test } from "vitest";
import { RandomStream } from "../core/random.ts";
import { RandomStreams } from "../core/streams.ts";
import type { Tensor } from "../graph/tensor.ts";
import { openBackend } from "../runtime/node/open.ts";
import { compile } from "../runtime/program.ts";
import { Conv2d } from "./conv.ts";
import { channelMask, checkerboardMask, HalfCoupling, MaskedCoupling } from "./coupling.ts";
import { type Affine, FactorOut, Flatten, type Flow, FlowChain, flowNats, Squeeze } from "./flow.ts";
import { ActNorm, FlowBatchNorm, factorLu, InvertibleConv, randomRotation } from "./flow-layers.ts";
import { Linear } from "./linear.ts";
import { Module, namedStates } from "./module.ts";
import { checkFlow, disturb } from "./testing/flows.ts";

const rng = new RandomStream(0, "init");

/** Any function of what is held: a linear layer or a convolution each, with a bent result. */
class Net extends Module {
  readonly logScale: Linear | Conv2d;
  readonly shift: Linear | Conv2d;

  constructor(from: number, to: number, pictures = false) {
    super();
    const layer = () => (pictures ? new Conv2d({ in: from, out: to, kernel: 3, padding: 1, rng }) : new Linear({ in: from, out: to, rng }));
    this.logScale = layer();
    this.shift = layer();
  }

  call(held: Tensor): Affine {
    return { logScale: this.logScale.call(held).tanh(), shift: this.shift.call(held).tanh() };
  }
}

const masked = (odd: boolean) => new MaskedCoupling({ shape: [4], mask: channelMask(4, odd), net: new Net(4, 4) });
const pictures = [2, 2, 4, 4];

/** Statistics of the second batch norm and the first act-norm are not those of the start. */
function withState<F extends Flow>(flow: F): F {
  const stream = new RandomStream(4, "state");
  for (const [name, { data }] of namedStates(flow)) {
    if (!/running|mean|logDeviation/.test(name)) continue;
    for (let i = 0; i < data.length; i++) (data as Float32Array)[i] = stream.uniform() + (name.includes("Variance") ? 0.5 : -0.5);
  }
  return flow;
}

const layers: [string, () => Flow, readonly number[]][] = [
  ["Squeeze", () => new Squeeze(), pictures],
  ["Flatten", () => new Flatten([2, 4, 4]), pictures],
  ["FlowBatchNorm on points", () => withState(new FlowBatchNorm({ channels: 4 })), [3, 4]],
  ["FlowBatchNorm on pictures", () => withState(new FlowBatchNorm({ channels: 2 })), pictures],
  ["ActNorm on points", () => withState(new ActNorm({ channels: 4 })), [3, 4]],
  ["ActNorm on pictures", () => withState(new ActNorm({ channels: 2 })), pictures],
  ["InvertibleConv on points", () => new InvertibleConv({ channels: 4, rng }), [3, 4]],
  ["InvertibleConv on pictures", () => new InvertibleConv({ channels: 2, rng }), pictures],
  ["MaskedCoupling on points", () => masked(false), [3, 4]],
  [
    "MaskedCoupling by a checkerboard",
    () => new MaskedCoupling({ shape: [2, 4, 4], mask: checkerboardMask(4, 4), maskShape: [1, 4, 4], net: new Net(2, 2, true) }),
    pictures,
  ],
  [
    "MaskedCoupling by channels",
    () => new MaskedCoupling({ shape: [2, 4, 4], mask: channelMask(2, true), maskShape: [2, 1, 1], net: new Net(2, 2, true) }),
    pictures,
  ],
  ["HalfCoupling", () => new HalfCoupling({ channels: 2, net: new Net(1, 1, true) }), pictures],
  ["FactorOut", () => new FactorOut({ shape: [2, 4, 4], rest: new Flatten([1, 4, 4]) }), pictures],
  ["FactorOut with a prior", () => new FactorOut({ shape: [2, 4, 4], rest: new Flatten([1, 4, 4]), prior: new Net(1, 1, true) }), pictures],
  [
    "a chain over two scales",
    () =>
      withState(
        new FlowChain([
          new Squeeze(),
          new ActNorm({ channels: 8 }),
          new InvertibleConv({ channels: 8, rng }),
          new HalfCoupling({ channels: 8, net: new Net(4, 4, true) }),
          new FactorOut({
            shape: [8, 2, 2],
            rest: new FlowChain([new FlowBatchNorm({ channels: 4 }), new Flatten([4, 2, 2])]),
            prior: new Net(4, 4, true),
          }),
        ]),
      ),
    pictures,
  ],
];

describe.each(layers)("%s", (_name, make, shape) => {
  test("the inverse undoes it, and its log-determinant is the automatic Jacobian's", async () => {
    const flow = make();
    disturb(flow, 0.2);
    const { roundTrip, backTrip, determinant, inverseDeterminant } = await checkFlow(flow, shape);
    expect(roundTrip).toBeLessThan(1e-5);
    expect(backTrip).toBeLessThan(1e-5);
    expect(determinant).toBeLessThan(1e-4);
    expect(inverseDeterminant).toBeLessThan(1e-4);
  });
});

test("masks alternate, and a coupling holds what its mask says", async () => {
  expect([...checkerboardMask(2, 3)]).toEqual([1, 0, 1, 0, 1, 0]);
  expect([...checkerboardMask(2, 2, true)]).toEqual([0, 1, 1, 0]);
  expect([...channelMask(4)]).toEqual([1, 1, 0, 0]);
  expect([...channelMask(4, true)]).toEqual([0, 0, 1, 1]);
  const program = await compile(await openBackend(), ({ x }) => ({ z: masked(true).forward(x).z }), { inputs: { x: { shape: [1, 4] } } });
  const { z } = await program.run({ x: [1, 2, 3, 4] });
  expect([...(z as Float32Array)].slice(2)).toEqual([3, 4]);
  expect(z[0]).not.toBe(1);
});

test("a density of the plane is one: it sums to 1 over a grid", async () => {
  const points = (odd: boolean) => new MaskedCoupling({ shape: [2], mask: channelMask(2, odd), net: new Net(2, 2) });
  const flow = withState(
    new FlowChain([
      points(false),
      new FlowBatchNorm({ channels: 2 }),
      points(true),
      new ActNorm({ channels: 2 }),
      new InvertibleConv({ channels: 2, rng }),
      points(false),
    ]),
  );
  disturb(flow, 0.3);
  const side = 1000;
  const width = 60;
  const grid = Float32Array.from({ length: 2 * side * side }, (_, i) => {
    const at = i >> 1;
    return ((i % 2 === 0 ? at % side : Math.floor(at / side)) + 0.5) * (width / side) - width / 2;
  });
  const program = await compile(await openBackend(), ({ x }) => ({ total: flowNats(flow, x).neg().exp().sum() }), {
    inputs: { x: { shape: [side * side, 2] } },
  });
  const { total } = await program.run({ x: grid });
  expect(Number(total[0]) * (width / side) ** 2).toBeCloseTo(1, 3);
});

test("act-norm starts from its first training batch, once", async () => {
  const norm = new ActNorm({ channels: 2 });
  const options = { inputs: { x: { shape: [64, 2, 2, 2] } } };
  const training = await compile(await openBackend(), ({ x }) => ({ z: norm.forward(x).z }), { ...options, training: true });
  const evaluation = await compile(await openBackend(), ({ x }) => ({ z: norm.forward(x).z }), options);
  const batch = (mean: number, deviation: number) => {
    const values = new Float32Array(64 * 8);
    new RandomStream(0, "batch").fillNormal(values);
    return values.map((v) => mean + deviation * v);
  };
  const moments = (values: ArrayLike<number>) => {
    const channel = Array.from(values).filter((_, i) => (i >> 2) % 2 === 0);
    const mean = channel.reduce((a, b) => a + b) / channel.length;
    return [mean, channel.reduce((a, b) => a + (b - mean) ** 2, 0) / channel.length];
  };
  expect((await evaluation.run({ x: batch(3, 2) })).z).toEqual(batch(3, 2)); // the identity before it starts
  const [mean, variance] = moments((await training.run({ x: batch(3, 2) })).z as Float32Array);
  expect(mean).toBeCloseTo(0, 5);
  expect(variance).toBeCloseTo(1, 5);
  const other = moments((await training.run({ x: batch(5, 4) })).z as Float32Array);
  expect(other[0]).toBeGreaterThan(0.5);
  expect(other[1]).toBeCloseTo(4, 1);
  expect(moments((await evaluation.run({ x: batch(3, 2) })).z as Float32Array)[1]).toBeCloseTo(1, 5);
});

test("batch norm as a flow keeps running statistics while it is trained", async () => {
  const norm = new FlowBatchNorm({ channels: 2, momentum: 0.5 });
  const program = await compile(await openBackend(), ({ x }) => norm.forward(x) as never as { z: Tensor; logDet: Tensor }, {
    inputs: { x: { shape: [4, 2] } },
    training: true,
    streams: new RandomStreams(0),
  });
  const { z, logDet } = await program.run({ x: [1, 0, 3, 0, 1, 4, 3, 4] });
  expect([...(z as Float32Array)].map((v) => Math.round(v * 100) / 100)).toEqual([-1, -1, 1, -1, -1, 1, 1, 1]);
  expect(Number(logDet[0])).toBeCloseTo(-0.5 * (Math.log(1) + Math.log(4)), 4);
  expect([...norm.runningMean.data]).toEqual([1, 1]);
  expect(norm.runningVariance.data[1]).toBeCloseTo(0.5 + 0.5 * (16 / 3), 5);
});

test("a random rotation is one, and its factors make it up", () => {
  const n = 7;
  const w = randomRotation(n, new RandomStream(3, "rotation"));
  const { order, factors } = factorLu(w, n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      let inner = 0;
      let product = 0;
      for (let k = 0; k < n; k++) {
        inner += w[i * n + k] * w[j * n + k];
        const row = order[i];
        const lower = k < row ? factors[row * n + k] : k === row ? 1 : 0;
        product += lower * (k <= j ? factors[k * n + j] : 0);
      }
      expect(inner).toBeCloseTo(i === j ? 1 : 0, 12);
      expect(product).toBeCloseTo(w[i * n + j], 12);
    }
  expect(() => factorLu(new Float64Array(4), 2)).toThrow(/singular/);
});

test("what does not fit is told", async () => {
  const traced = (flow: Flow, shape: readonly number[]) =>
    compile(openBackendOnce, ({ x }) => ({ z: flow.forward(x).z }), { inputs: { x: { shape } } });
  const openBackendOnce = await openBackend();
  await expect(traced(new Squeeze(), [1, 1, 7, 8])).rejects.toThrow(/must be even/);
  await expect(traced(new InvertibleConv({ channels: 4, rng }), [1, 3, 2, 2])).rejects.toThrow(/\[B, 4, ...\]/);
  expect(() => new HalfCoupling({ channels: 3, net: new Net(1, 1) })).toThrow(/channels \/ 2/);
  expect(() => new FactorOut({ shape: [1, 4, 4], rest: new Flatten([1, 4, 4]) })).toThrow(/channels \/ 2/);
  expect(() => new FlowChain([])).toThrow(/number of layers/);
});
