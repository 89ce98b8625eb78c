import type { Shape } from "../../core/dtype.ts";
import { ndZeros } from "../nd.ts";
import { F, I } from "../onnx.ts";
import { type Attrs, defineOp, type GradientArgs, type NdArray } from "../op.ts";
import { requireFloats, type Spec, shapeError } from "../shape.ts";
import { apply, type Tensor } from "../tensor.ts";
import { add, mul, sqrt, sub } from "./elementwise.ts";
import { matmul } from "./linalg.ts";
import { reshape } from "./movement.ts";
import { sum, sumTo } from "./reduce.ts";
import { batchNormByHand } from "./webgpu-lowering.ts";

// Normalisation with its statistics as further outputs: the fused kernels give them, and the gradients need them.

interface EpsilonAttrs extends Attrs {
  readonly epsilon: number;
}

/** [C] seen as [C, 1, 1, ...] so that it broadcasts over x of [N, C, ...]. */
export function perChannel(vector: Tensor, rank: number): Tensor {
  return reshape(vector, [vector.size, ...new Array<number>(rank - 2).fill(1)]);
}

/** Batch statistics reduce over every axis but the channel's. */
function batchAxes(shape: Shape): number[] {
  return shape.flatMap((_, i) => (i === 1 ? [] : [i]));
}

function batchNormSpecs(inputs: readonly Spec[]): Spec[] {
  const [x, scale, bias] = inputs;
  const channels = x.shape[1];
  requireFloats("batchNorm", inputs);
  if (x.shape.length < 2) throw shapeError("batchNorm", inputs, "the input must have shape [N, C, ...]");
  if (scale.shape.length !== 1 || bias.shape.length !== 1 || scale.shape[0] !== channels || bias.shape[0] !== channels) {
    throw shapeError("batchNorm", inputs, `the input has ${channels} channels (axis 1), so scale and bias must be [${channels}]`);
  }
  const perChannelSpec: Spec = { shape: [channels], dtype: "float32" };
  return [x, perChannelSpec, perChannelSpec];
}

/**
 * y = (x - mean) / sqrt(var + ε) · scale + bias with the mean and population variance of this batch, per channel.
 * Outputs y [N, C, ...], mean [C], variance [C]. (Ioffe and Szegedy 2015, Algorithm 1.)
 * With x̂ = (x - mean) inv and M values per channel: dscale = Σ dy x̂, dbias = Σ dy,
 * dx = scale · inv · (dy - dbias / M - x̂ · dscale / M), plus what flows in through the two statistics.
 */
const batchNormOp = defineOp<EpsilonAttrs>({
  name: "batchNorm",
  shape: (inputs) => batchNormSpecs(inputs),
  gradient: batchNormGradient,
  lower: ({ onnx, inputs: [x, scale, bias], attrs, node }) => {
    if (onnx.target === "webgpu") return batchNormByHand(onnx, [x, scale, bias], node.inputs[0].shape, attrs.epsilon);
    // The kernel writes the statistics over the old ones, which momentum 0 discards: each needs a buffer that nothing else reads and that the
    // runtime's passes do not merge with another, hence zeros made of this layer's own inputs instead of constants.
    const oldMean = onnx.node("Sub", [scale, scale]);
    const oldVariance = onnx.node("Sub", [bias, bias]);
    return onnx.nodes("BatchNormalization", [x, scale, bias, oldMean, oldVariance], 3, {
      epsilon: F(attrs.epsilon),
      momentum: F(0),
      training_mode: I(1),
    });
  },
  evaluate: ([x, scale, bias], { epsilon }) => {
    const channels = x.shape[1];
    const inner = x.shape.slice(2).reduce((product, dim) => product * dim, 1);
    const channelOf = (i: number) => Math.floor(i / inner) % channels;
    const count = x.data.length / channels;
    const mean = ndZeros([channels]);
    const variance = ndZeros([channels]);
    x.data.forEach((v, i) => {
      mean.data[channelOf(i)] += v / count;
    });
    x.data.forEach((v, i) => {
      variance.data[channelOf(i)] += (v - mean.data[channelOf(i)]) ** 2 / count;
    });
    const y: NdArray = { ...x, data: x.data.map((v, i) => normalised(v, channelOf(i), mean, variance, scale, bias, epsilon)) };
    return [y, mean, variance];
  },
  examples: [
    { inputs: [{ shape: [4, 3, 2, 2], range: [-2, 2] }, { shape: [3], range: [0.5, 1.5] }, { shape: [3] }], attrs: { epsilon: 1e-3 } },
    { inputs: [{ shape: [6, 3], range: [-2, 2] }, { shape: [3], range: [0.5, 1.5] }, { shape: [3] }], attrs: { epsilon: 1e-3 } },
  ],
});

function normalised(v: number, c: number, mean: NdArray, variance: NdArray, scale: NdArray, bias: NdArray, epsilon: number): number {
  return ((v - mean.data[c]) / Math.sqrt(variance.data[c] + epsilon)) * scale.data[c] + bias.data[c];
}

function batchNormGradient({
  inputs: [x, scale],
  outputs: [, mean, variance],
  attrs,
  dOutputs: [dy, dMean, dVariance],
}: GradientArgs<EpsilonAttrs>): (Tensor | null)[] {
  const axes = batchAxes(x.shape);
  const count = x.size / x.shape[1];
  const inverse = sqrt(add(variance, attrs.epsilon)).reciprocal();
  const centred = sub(x, perChannel(mean, x.rank));
  let dx: Tensor | null = null;
  let dScale: Tensor | null = null;
  let dBias: Tensor | null = null;
  if (dy !== null) {
    // A·dy - (B·centred + C) with one factor per channel: the fewest passes over the full tensor.
    dBias = sum(dy, axes);
    dScale = mul(sum(mul(dy, centred), axes), inverse);
    const a = mul(scale, inverse);
    const b = mul(mul(mul(a, inverse), dScale), 1 / count);
    const c = mul(mul(a, dBias), 1 / count);
    dx = sub(mul(dy, perChannel(a, x.rank)), add(mul(centred, perChannel(b, x.rank)), perChannel(c, x.rank)));
  }
  if (dMean !== null) dx = plus(dx, mul(perChannel(dMean, x.rank), 1 / count), x);
  if (dVariance !== null) dx = plus(dx, mul(centred, perChannel(mul(dVariance, 2 / count), x.rank)), x);
  return [dx, dScale, dBias];
}

/** A sum that starts from nothing; the addend is stretched to the shape of `like`. */
function plus(total: Tensor | null, addend: Tensor, like: Tensor): Tensor {
  return total === null ? addend.expand(like.shape) : add(total, addend);
}

/**
 * Normalise each channel by this batch's statistics.
 * @returns y [N, C, ...], mean [C] and population variance [C] of the batch
 */
export function batchNorm(x: Tensor, scale: Tensor, bias: Tensor, epsilon: number): { y: Tensor; mean: Tensor; variance: Tensor } {
  const [y, mean, variance] = apply(batchNormOp, [x, scale, bias], { epsilon });
  return { y, mean, variance };
}

function layerNormSpecs(inputs: readonly Spec[]): Spec[] {
  const [x, scale, bias] = inputs;
  requireFloats("layerNorm", inputs);
  if (x.shape.length === 0) throw shapeError("layerNorm", inputs, "the input must have at least one axis");
  const width = x.shape[x.shape.length - 1];
  if (scale.shape.length !== 1 || scale.shape[0] !== width || bias.shape.length !== 1 || bias.shape[0] !== width) {
    throw shapeError("layerNorm", inputs, `the input's last axis is ${width}, so scale and bias must be [${width}]`);
  }
  const perRow: Spec = { shape: [...x.shape.slice(0, -1), 1], dtype: "float32" };
  return [x, perRow, perRow];
}

/**
 * y = (x - mean) / sqrt(var + ε) · scale + bias over the last axis. Outputs y [..., D], mean [..., 1], inverse deviation [..., 1].
 * (Ba, Kiros and Hinton 2016, Eq. 4.) With g = dy · scale: dx = inv · (g - mean(g) - x̂ · mean(g x̂)).
 */
const layerNormOp = defineOp<EpsilonAttrs>({
  name: "layerNorm",
  shape: (inputs) => layerNormSpecs(inputs),
  gradient: layerNormGradient,
  lower: ({ onnx, inputs, attrs }) => onnx.nodes("LayerNormalization", inputs, 3, { axis: I(-1), epsilon: F(attrs.epsilon) }),
  evaluate: ([x, scale, bias], { epsilon }, [, statistics]) => {
    const width = scale.data.length;
    const y = ndZeros(x.shape);
    const mean = ndZeros(statistics.shape);
    const inverse = ndZeros(statistics.shape);
    mean.data.forEach((_, row) => {
      const values = x.data.subarray(row * width, (row + 1) * width);
      mean.data[row] = values.reduce((a, b) => a + b, 0) / width;
      const variance = values.reduce((total, v) => total + (v - mean.data[row]) ** 2, 0) / width;
      inverse.data[row] = 1 / Math.sqrt(variance + epsilon);
      values.forEach((v, i) => {
        y.data[row * width + i] = (v - mean.data[row]) * inverse.data[row] * scale.data[i] + bias.data[i];
      });
    });
    return [y, mean, inverse];
  },
  examples: [
    { inputs: [{ shape: [2, 3, 5], range: [-2, 2] }, { shape: [5], range: [0.5, 1.5] }, { shape: [5] }], attrs: { epsilon: 1e-3 } },
    { inputs: [{ shape: [4], range: [-2, 2] }, { shape: [4], range: [0.5, 1.5] }, { shape: [4] }], attrs: { epsilon: 1e-3 } },
  ],
});

function layerNormGradient({
  inputs: [x, scale, bias],
  outputs: [, mean, inverse],
  dOutputs: [dy, dMean, dInverse],
}: GradientArgs<EpsilonAttrs>): (Tensor | null)[] {
  const width = scale.size;
  const rows = x.size / width;
  const centred = sub(x, mean);
  let dx: Tensor | null = null;
  let dScale: Tensor | null = null;
  let dBias: Tensor | null = null;
  if (dy !== null) {
    // With c = x - mean and u = dy · c: dx = dy · scale · inv - (c · inv³ mean(u · scale) + inv · mean(dy · scale)). Row means of a product with
    // the scale and column sums weighted by inv are products with a vector, so neither c · inv nor dy · scale is ever summed over.
    const u = mul(dy, centred);
    const column = mul(reshape(scale, [width, 1]), 1 / width);
    const rowMean = (t: Tensor) => reshape(matmul(reshape(t, [rows, width]), column), inverse.shape);
    const meanG = mul(rowMean(dy), inverse);
    const meanGC = mul(rowMean(u), mul(mul(inverse, inverse), inverse));
    dx = sub(mul(mul(dy, scale), inverse), add(mul(centred, meanGC), meanG));
    dScale = reshape(matmul(reshape(inverse, [1, rows]), reshape(u, [rows, width])), scale.shape);
    dBias = sumTo(dy, bias.shape);
  }
  if (dMean !== null) dx = plus(dx, mul(dMean, 1 / width), x);
  // inv = (var + ε)^(-1/2), so d inv = -inv³ / D · (x - mean).
  if (dInverse !== null) dx = plus(dx, mul(centred, mul(mul(dInverse, mul(mul(inverse, inverse), inverse)), -1 / width)), x);
  return [dx, dScale, dBias];
}

/** Normalise the last axis. It is done on rows, the form that linear layers before and after work on too. @returns y [..., D], mean and inverse deviation [..., 1] */
export function layerNorm(x: Tensor, scale: Tensor, bias: Tensor, epsilon: number): { y: Tensor; mean: Tensor; inverse: Tensor } {
  const rows = x.rank > 2 ? reshape(x, [-1, x.shape[x.rank - 1]]) : x;
  const [y, mean, inverse] = apply(layerNormOp, [rows, scale, bias], { epsilon });
  const statistics = [...x.shape.slice(0, -1), 1];
  return { y: reshape(y, x.shape), mean: reshape(mean, statistics), inverse: reshape(inverse, statistics) };
}

export const normOps = { batchNorm: batchNormOp, layerNorm: layerNormOp };
