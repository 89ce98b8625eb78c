import { describe, expect, test } from "vitest";
import { sizeOf } from "../../src/core/dtype.ts";
import { RandomStream } from "../../src/core/random.ts";
import { Parameter, State } from "../../src/graph/leaf.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { Trace, withTrace } from "../../src/graph/trace.ts";
import * as nn from "../../src/nn/index.ts";
import { spread } from "../../src/runtime/testing/check.ts";
import { expectResults, operandsOf, type StoredInput, type StoredResults, slices } from "./slices.ts";

interface BlockCase extends StoredResults {
  name: string;
  options: Options;
  inputs: StoredInput[];
  parameters: { path: string; shape: number[]; range: [number, number] }[];
}

interface Options {
  [name: string]: unknown;
  training?: boolean;
  /** What the input after the usual ones is, among the options of a call. */
  extra?: string;
  call?: object;
  start?: number;
  group?: number;
}

const rng = new RandomStream(0, "layer");
type Maker = (options: never) => nn.Module & { call(...operands: never[]): Tensor };

/** Layers whose options are more than the stored ones. */
const makers: Record<string, Maker> = {
  SpectralNorm: (o: object) => new nn.SpectralNorm(new nn.Conv2d({ in: 3, out: 4, kernel: 3, padding: 1, rng }), { ...o, rng }),
  SpectralNormTranspose: () => new nn.SpectralNorm(new nn.ConvTranspose2d({ in: 3, out: 2, kernel: 2, stride: 2, rng }), { rng }),
  WeightNorm: () => new nn.WeightNorm(new nn.Linear({ in: 3, out: 4, rng })),
  EqualizedLinear: (o: object) => new nn.EqualizedLinear({ ...o, in: 3, out: 4, rng }),
  EqualizedConv2d: () => new nn.EqualizedConv2d({ in: 3, out: 4, kernel: 3, padding: 1, rng }),
  ModulatedConv2d: (o: object) => new nn.ModulatedConv2d({ ...o, in: 3, out: 4, kernel: 3, styleWidth: 5, rng }),
  TransformerBlock: (o: object) =>
    new nn.TransformerBlock({ ...o, width: 4, heads: 2, rng, feedForward: new nn.FeedForward({ width: 4, hidden: 8, rng }) }),
  ResidualBlock: () =>
    new nn.ResidualBlock({ in: 2, out: 4, timeWidth: 3, rng, norm: (channels) => new nn.GroupNorm({ channels, groups: 2 }) }),
};

/** Plain functions, by how they take the stored operands. */
const functions: Record<string, (operands: readonly Tensor[], options: Options) => Tensor> = {
  pixelNorm: ([x]) => nn.pixelNorm(x),
  modulate: ([x, scale, shift]) => nn.modulate(x, scale, shift),
  adaptiveInstanceNorm: ([x, deviation, mean]) => nn.adaptiveInstanceNorm(x, deviation, mean),
  minibatchDeviation: ([x], { group }) => nn.minibatchDeviation(x, group),
  scaledDotProductAttention: ([q, k, v, extra], options) =>
    nn.scaledDotProductAttention(q, k, v, { ...(options as object), ...(options.extra === undefined ? {} : { [options.extra]: extra }) }),
  alibiBias: () => nn.alibiBias(3, 4, 4),
  timesteps: ([x]) => nn.sinusoidal(x, nn.timestepFrequencies(8)),
  selu: ([x]) => nn.selu(x),
  geluTanh: ([x]) => nn.geluTanh(x),
  mish: ([x]) => nn.mish(x),
  glu: ([x]) => nn.glu(x),
  swiglu: ([x]) => nn.swiglu(x),
  geglu: ([x]) => nn.geglu(x),
};

function leafAt(module: object, path: string): Parameter | State<"float32"> {
  const leaf = path.split(".").reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], module);
  if (!(leaf instanceof Parameter || leaf instanceof State)) throw new Error(`${path} is no parameter or state`);
  return leaf as Parameter | State<"float32">;
}

/** What a layer is called with besides x. */
function callArguments(name: string, operands: readonly Tensor[], { extra, call = {}, start }: Options): unknown[] {
  if (name === "RelativePositionBias") return [7, 9];
  if (name === "RotaryEmbedding") return [operands[0], start ?? 0];
  if (extra !== undefined) return [operands[0], { [extra]: operands[1] }];
  return Object.keys(call).length > 0 ? [operands[0], call] : [...operands];
}

function layerOf({ name, options, parameters }: BlockCase): {
  module: nn.Module & { call(...operands: never[]): Tensor };
  leaves: Tensor[];
} {
  const exported = (nn as unknown as Record<string, new (options: object) => nn.Module & { call(): Tensor }>)[name];
  const module = name in makers ? makers[name](options as never) : new exported({ ...options, rng });
  const leaves = parameters.map(({ path, shape, range }, i) => {
    const leaf = leafAt(module, path);
    expect(leaf.shape, path).toEqual(shape);
    leaf.data.set(spread(sizeOf(shape), range, 40 + i));
    return leaf;
  });
  expect([...nn.namedParameters(module).keys()].sort(), "every parameter is compared").toEqual(
    parameters
      .map(({ path }) => path)
      .filter((path) => leafAt(module, path) instanceof Parameter)
      .sort(),
  );
  return { module, leaves };
}

const stored = slices<BlockCase>("blocks");

describe("norms, attention, positions, weight forms and blocks are PyTorch's", () => {
  test.each(stored.map((slice, i) => [`${slice.name} ${JSON.stringify(slice.options)} #${i}`, slice] as const))(
    "%s",
    async (what, slice) => {
      const { operands, trained, feeds } = operandsOf(slice.inputs);
      const build = functions[slice.name];
      if (build !== undefined) return expectResults(what, [build(operands, slice.options)], trained, feeds, slice);
      const { module, leaves } = layerOf(slice);
      const trace = new Trace({ training: slice.options.training ?? false });
      const y = withTrace(trace, () => module.call(...(callArguments(slice.name, operands, slice.options) as never[])));
      const leafFeeds = Object.fromEntries(leaves.map((leaf) => [String(leaf.node.attrs.name), (leaf as Parameter).data]));
      return expectResults(what, [y], [...trained, ...leaves], { ...feeds, ...leafFeeds }, slice);
    },
  );
});
