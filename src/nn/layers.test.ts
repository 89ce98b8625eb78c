import { describe, expect, test } from "vitest";
import { gradients } from "../autodiff/gradient.ts";
import { RandomStream } from "../core/random.ts";
import { RandomStreams } from "../core/streams.ts";
import type { State } from "../graph/leaf.ts";
import { concat } from "../graph/ops/movement.ts";
import { constant, input } from "../graph/ops/source.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Trace, withTrace } from "../graph/trace.ts";
import { openBackend } from "../runtime/node/open.ts";
import { compile } from "../runtime/program.ts";
import { spread } from "../runtime/testing/check.ts";
import { silu } from "./activations.ts";
import { MultiheadAttention, scaledDotProductAttention } from "./attention.ts";
import { AttentionBlock2d, asChannels, Residual, ResidualBlock, TimeEmbedding, UNet, zeroConv } from "./blocks.ts";
import { Conv2d, ConvTranspose2d } from "./conv.ts";
import { channelStatistics, GroupNorm, MinibatchDeviation, modulate, RMSNorm, ShapedLayerNorm } from "./index.ts";
import { Linear } from "./linear.ts";
import { minibatchDeviation } from "./modulated-conv.ts";
import { namedParameters } from "./module.ts";
import {
  alibiBias,
  geometricFrequencies,
  LearnedPositions,
  RotaryEmbedding,
  relativeBucket,
  sinusoidal,
  sinusoidalPositions,
} from "./positions.ts";
import { Sequential } from "./sequential.ts";
import { GatedFeedForward, TiedLinear, TransformerBlock } from "./transformer.ts";
import { EqualizedConv2d, EqualizedLinear, SpectralNorm, WeightNorm } from "./weights.ts";

const rng = new RandomStream(0, "init");
const training = <T>(build: () => T): T => withTrace(new Trace({ training: true }), build);

/** Values of tensors on the runtime; inputs are spread over [-1, 1]. */
async function run(
  inputs: Record<string, readonly number[]>,
  build: (x: Record<string, Tensor>) => Record<string, Tensor>,
  isTraining = false,
) {
  const specs = Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, { shape }]));
  const program = await compile(await openBackend(), build, { inputs: specs, training: isTraining, streams: new RandomStreams(3) });
  Object.values(program.inputs).forEach((array, i) => {
    array.set(spread(array.length, [-1, 1], i) as never);
  });
  await program.run();
  const outputs = Object.fromEntries(
    Object.entries(program.outputs).map(([name, array]) => [name, Float32Array.from(array as Float32Array)]),
  );
  await program.dispose();
  return outputs;
}

function expectSame(a: Float32Array, b: Float32Array): void {
  expect(a.length).toBe(b.length);
  expect(Math.max(...a.map((v, i) => Math.abs(v - b[i])))).toBeLessThan(2e-5);
}

describe("attention", () => {
  test("a long causal sequence in pieces equals one piece, values and gradients", async () => {
    const shape = [1, 2, 256, 4];
    const out = await run({ q: shape, k: shape, v: shape }, ({ q, k, v }) => {
      const pieces = scaledDotProductAttention(q, k, v, { causal: true });
      // A bias of zeros asks for the whole at once.
      const whole = scaledDotProductAttention(q, k, v, { causal: true, bias: constant([0]) });
      const of = (y: Tensor) => gradients(y.square(), [q, k, v]);
      const [a, b] = [of(pieces), of(whole)];
      return { pieces, whole, dq: a[0], dqWhole: b[0], dk: a[1], dkWhole: b[1], dv: a[2], dvWhole: b[2] };
    });
    expectSame(out.pieces, out.whole);
    for (const name of ["dq", "dk", "dv"]) expectSame(out[name], out[`${name}Whole`]);
  });

  test("a query sees all keys where there are more keys than queries, the last one included", async () => {
    const out = await run({ q: [1, 1, 1, 2], k: [1, 1, 3, 2], v: [1, 1, 3, 2] }, ({ q, k, v }) => ({
      causal: scaledDotProductAttention(q, k, v, { causal: true }),
      free: scaledDotProductAttention(q, k, v),
    }));
    expectSame(out.causal, out.free);
  });

  test("dropped weights are drawn while training only, and the mean stays", async () => {
    const shape = [1, 1, 64, 1];
    const build = ({ q, k }: Record<string, Tensor>) => ({ y: scaledDotProductAttention(q, k, q.mul(0).add(1), { dropout: 0.5 }).mean() });
    expect((await run({ q: shape, k: shape }, build)).y[0]).toBeCloseTo(1, 5);
    const { y } = await run({ q: shape, k: shape }, build, true);
    expect(y[0]).not.toBeCloseTo(1, 5);
    expect(y[0]).toBeCloseTo(1, 1);
  });

  test("its sizes and masks are checked", () => {
    expect(() => new MultiheadAttention({ width: 6, heads: 4, rng })).toThrow("width / heads must be a whole number");
    expect(() => new MultiheadAttention({ width: 8, heads: 4, keyValueHeads: 3, rng })).toThrow("heads / keyValueHeads");
    const q = input("q", [1, 2, 3, 4]);
    expect(() => scaledDotProductAttention(q, q.slice(3, 0, 2), q)).toThrow("with H a multiple of K");
    expect(() => scaledDotProductAttention(q, q, q, { mask: q })).toThrow("the mask must be boolean");
    expect(() => scaledDotProductAttention(q, q, q, { bias: input("b", [5, 1, 1]) })).toThrow("broadcast");
    const cross = new MultiheadAttention({ width: 4, heads: 2, contextWidth: 3, rng });
    expect(() => cross.call(input("x", [1, 2, 4]))).toThrow("attends to a context of another width");
    const own = new MultiheadAttention({ width: 4, heads: 2, rng });
    expect(() => own.call(input("x", [1, 2, 4]), { keyPaddingMask: input("m", [1, 2]) })).toThrow("boolean [B, S]");
  });

  test("grouped heads, query and key norms, rotation and a bias fit together", async () => {
    const layer = new MultiheadAttention({ width: 8, heads: 4, keyValueHeads: 2, queryKeyNorm: true, bias: false, rng });
    const rotary = new RotaryEmbedding({ width: 2 });
    expect([...namedParameters(layer).keys()]).toEqual(["inWeight", "outProjection.weight", "queryNorm.weight", "keyNorm.weight"]);
    expect(layer.inWeight.shape).toEqual([16, 8]);
    const { y } = await run({ x: [2, 3, 8] }, ({ x }) => ({
      y: layer.call(x, { causal: true, rotate: (t) => rotary.call(t), bias: alibiBias(4, 3, 3) }),
    }));
    expect(y.every(Number.isFinite)).toBe(true);
  });
});

describe("transformer blocks", () => {
  test("with a context: its norm and attention come between", () => {
    const block = new TransformerBlock({ width: 4, heads: 2, contextWidth: 6, dropout: 0.1, rng });
    const y = training(() => block.call(input("x", [2, 3, 4]), { causal: true, context: input("c", [2, 5, 6]) }));
    expect(y.shape).toEqual([2, 3, 4]);
    expect([...namedParameters(block).keys()]).toContain("contextAttention.contextWeight");
  });

  test("Llama's: RMS norms and SwiGLU", () => {
    const feedForward = new GatedFeedForward({ width: 6, rng });
    expect(feedForward.down.weight.shape).toEqual([6, 16]);
    const block = new TransformerBlock({ width: 6, heads: 2, bias: false, norm: (width) => new RMSNorm({ width }), feedForward, rng });
    expect(block.call(input("x", [1, 2, 6])).shape).toEqual([1, 2, 6]);
    expect([...namedParameters(block).keys()].filter((name) => name.endsWith("bias"))).toEqual([]);
  });

  test("a tied head shares its table", () => {
    const table = new Linear({ in: 4, out: 7, rng }).weight;
    expect(new TiedLinear(table).call(input("x", [2, 3, 4])).shape).toEqual([2, 3, 7]);
  });
});

describe("positions", () => {
  test("turns need even widths that fit", () => {
    expect(() => new RotaryEmbedding({ width: 3 })).toThrow("the width must be even");
    expect(() => new RotaryEmbedding({ width: 8 }).call(input("x", [1, 1, 2, 4]))).toThrow("more than the last axis");
  });

  test("learned and fixed tables", async () => {
    const learned = new LearnedPositions({ length: 4, width: 2, rng });
    expect(learned.call(input("x", [2, 3, 2])).shape).toEqual([2, 3, 2]);
    expect(() => learned.call(input("x", [2, 5, 2]))).toThrow("fewer positions than time steps");
    const { table } = await run({ x: [1] }, ({ x }) => ({ table: sinusoidalPositions(3, 4).add(x.mul(0)) }));
    expectSame(
      table,
      Float32Array.of(
        0,
        1,
        0,
        1,
        Math.sin(1),
        Math.cos(1),
        Math.sin(0.01),
        Math.cos(0.01),
        Math.sin(2),
        Math.cos(2),
        Math.sin(0.02),
        Math.cos(0.02),
      ),
    );
  });

  test("buckets are exact when near and shared when far", () => {
    expect([0, -1, -7, 1, 7].map((d) => relativeBucket(d, 32, 128, true))).toEqual([0, 1, 7, 17, 23]);
    expect([-8, -127, -128, -5000, 5000].map((d) => relativeBucket(d, 32, 128, true))).toEqual([8, 15, 15, 15, 31]);
    expect([1, 0, -15, -5000].map((d) => relativeBucket(d, 32, 128, false))).toEqual([0, 0, 15, 31]);
  });
});

describe("weight forms", () => {
  test("spectral normalisation: the largest singular value becomes 1, and the vectors move while training", async () => {
    const wide = new SpectralNorm(new Linear({ in: 4, out: 3, rng, bias: false }), { rng });
    // Columns of a fixed product: rows of the identity give the weight's columns.
    const { y } = await run({ x: [1] }, ({ x }) => ({ y: wide.weight.add(x.mul(0)) }));
    const power = (w: Float32Array) => {
      let v = [1, 0.5, 0.25, 0.1];
      for (let i = 0; i < 200; i++) {
        const u = [0, 1, 2].map((r) => v.reduce((t, value, c) => t + w[r * 4 + c] * value, 0));
        const next = [0, 1, 2, 3].map((c) => u.reduce((t, value, r) => t + w[r * 4 + c] * value, 0));
        const length = Math.hypot(...next);
        v = next.map((value) => value / length);
        if (i === 199) return Math.sqrt(length);
      }
      return 0;
    };
    expect(power(y)).toBeCloseTo(1, 2);
    const trace = new Trace({ training: true });
    const x = input("x", [2, 4]);
    withTrace(trace, () => [wide.call(x), wide.call(x)]);
    expect(trace.updates.size).toBe(2);
    expect(trace.updates.get(wide.u as State)?.shape).toEqual([3]);
    const turned = new SpectralNorm(new ConvTranspose2d({ in: 2, out: 3, kernel: 2, rng }), { rng });
    expect([turned.u.size, turned.v.size]).toEqual([3, 8]);
  });

  test("weight normalisation starts as the plain layer", async () => {
    const linear = new Linear({ in: 3, out: 2, rng });
    const { plain, normed } = await run({ x: [4, 3] }, ({ x }) => ({ plain: linear.call(x), normed: new WeightNorm(linear).call(x) }));
    expectSame(plain, normed);
  });

  test("equalised layers store unit normals and use them scaled", () => {
    const layer = new EqualizedLinear({ in: 400, out: 50, rng, rateFactor: 0.01, gain: 1 });
    const deviation = Math.sqrt(layer.layer.weight.data.reduce((total, w) => total + w * w, 0) / layer.layer.weight.size);
    expect(deviation * layer.factor).toBeCloseTo(1 / 20, 2);
    expect(new EqualizedConv2d({ in: 2, out: 3, kernel: 3, rng, bias: false }).call(input("x", [1, 2, 4, 4])).shape).toEqual([1, 3, 2, 2]);
  });
});

describe("norms", () => {
  test("sizes are checked", () => {
    expect(() => new GroupNorm({ channels: 6, groups: 4 })).toThrow("channels / groups must be a whole number");
    expect(() => new ShapedLayerNorm({ shape: [] })).toThrow("at least one axis");
    expect(() => new ShapedLayerNorm({ shape: [3, 4] }).call(input("x", [2, 4, 3]))).toThrow("the last axes must be [3,4]");
    expect(() => modulate(input("x", [2, 3, 4]), input("s", [2, 4]))).toThrow("[B, C]");
    expect(() => minibatchDeviation(input("x", [6, 1, 1, 1]), 4)).toThrow("do not divide the batch");
    expect(new MinibatchDeviation().call(input("x", [4, 2, 3, 3])).shape).toEqual([4, 3, 3, 3]);
  });

  test("statistics of channels", async () => {
    const { mean, deviation } = await run({ x: [1, 1, 4] }, ({ x }) =>
      channelStatistics(x.mul(0).add(constant([1, 3, 5, 7], "float32", [1, 1, 4])), 0),
    );
    expect([mean[0], deviation[0]]).toEqual([4, expect.closeTo(Math.sqrt(5), 5)]);
  });
});

describe("convolutional blocks", () => {
  test("the U-Net of a small diffusion model in a few lines: 32 x 32, widths 32-64-96-128, two blocks each", () => {
    const block = (from: number, out: number) =>
      new Residual(
        new Sequential(
          new GroupNorm({ channels: from, groups: 1 }),
          new Conv2d({ in: from, out, kernel: 3, padding: 1, rng }),
          silu,
          new Conv2d({ in: out, out, kernel: 3, padding: 1, rng }),
        ),
        { in: from, out, rng },
      );
    const entry = new Conv2d({ in: 3, out: 32, kernel: 1, rng });
    const unet = new UNet({ in: 64, widths: [32, 64, 96, 128], depth: 2, block, rng });
    const exit = zeroConv(32, 3, rng);
    const frequencies = geometricFrequencies(16, 2 * Math.PI, 2000 * Math.PI);
    const denoise = (noisy: Tensor, variance: Tensor) => {
      const level = asChannels(sinusoidal(variance, frequencies), 32, 32);
      return exit.call(unet.call(concat([entry.call(noisy), level], 1)));
    };
    expect(training(() => denoise(input("noisy", [2, 3, 32, 32]), input("variance", [2])).shape)).toEqual([2, 3, 32, 32]);
  });

  test("with times and attention", async () => {
    const time = new TimeEmbedding({ width: 4, rng });
    const unet = new UNet({
      in: 2,
      widths: [4, 8],
      depth: 1,
      rng,
      block: (from, out) => new ResidualBlock({ in: from, out, timeWidth: 16, dropout: 0.1, rng }),
    });
    const attention = new AttentionBlock2d({ channels: 4, heads: 2, rng });
    const { y, same, before } = await run({ x: [2, 2, 4, 4], t: [2] }, ({ x, t }) => {
      const before = unet.call(x, time.call(t));
      const same = attention.call(before);
      return { y: gradients(same.square(), [x])[0], same, before };
    });
    // The attention's last map starts at zero.
    expectSame(same, before);
    expect(y.every(Number.isFinite)).toBe(true);
  });
});
