import { Parameter } from "../graph/leaf.ts";
import { conv } from "../graph/ops/conv.ts";
import { matmul } from "../graph/ops/linalg.ts";
import { concat, expand } from "../graph/ops/movement.ts";
import { sameShape, shapeError } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { normal, ones, type WeightOptions } from "./init.ts";
import { Module, requireSize } from "./module.ts";
import { EqualizedLinear } from "./weights.ts";

export interface ModulatedConvOptions {
  /** Divide by the deviation that the modulated weight would give. Default true. */
  demodulate?: boolean;
  padding?: number | readonly number[];
  /** Default 1e-8. */
  epsilon?: number;
}

/**
 * Convolution with the weight scaled per example and input channel, then brought back to unit deviation per output channel
 * (Karras et al. 2020, Eq. 1-3). x [B, C, H, W], filter [K, C, kh, kw], style [B, C] -> [B, K, H', W'].
 * Scaling the input before and the output after one shared convolution is the same thing as a filter per example in groups, and several
 * times as fast.
 * @throws ShapeError
 */
export function modulatedConv(x: Tensor, filter: Tensor, style: Tensor, options: ModulatedConvOptions = {}): Tensor {
  const { demodulate = true, padding = 0, epsilon = 1e-8 } = options;
  const [B, C] = x.dims("B C H W");
  if (!sameShape(style.shape, [B, C])) throw shapeError("modulatedConv", [x, style], `the style must have shape [${B},${C}]`);
  const y = conv(x.mul(style.reshape([B, C, 1, 1])), filter, { padding });
  if (!demodulate) return y;
  const [K] = filter.shape;
  const power = matmul(style.square(), filter.square().reshape([K, C, -1]).sum(-1), { transB: true });
  return y.mul(power.add(epsilon).sqrt().reciprocal().reshape([B, K, 1, 1]));
}

export interface ModulatedConv2dOptions extends Pick<WeightOptions, "rng">, ModulatedConvOptions {
  in: number;
  out: number;
  /** Odd filter size. */
  kernel: number;
  /** Width of the style vector. */
  styleWidth: number;
}

/**
 * StyleGAN2's convolution: the style becomes one factor an input channel by a linear map whose bias starts at 1. Weight [out, in, k, k],
 * stored as N(0, 1) and used with the equalised factor 1 / √(in k²). No bias: noise and bias come after it in the paper.
 */
export class ModulatedConv2d extends Module {
  readonly weight: Parameter;
  readonly affine: EqualizedLinear;
  readonly options: ModulatedConvOptions;

  constructor({ in: from, out, kernel, styleWidth, rng, padding = (kernel - 1) / 2, demodulate, epsilon }: ModulatedConv2dOptions) {
    super();
    for (const [name, value] of Object.entries({ in: from, out, kernel, styleWidth })) requireSize("ModulatedConv2d", name, value);
    const shape = [out, from, kernel, kernel];
    this.weight = new Parameter(shape, normal(1)(shape, { fanIn: from, fanOut: out }, rng));
    this.affine = new EqualizedLinear({ in: styleWidth, out: from, rng, gain: 1, biasInit: ones });
    this.options = { padding, ...(demodulate === undefined ? {} : { demodulate }), ...(epsilon === undefined ? {} : { epsilon }) };
  }

  /** x [B, in, H, W], style [B, styleWidth] -> [B, out, H, W]. @throws ShapeError */
  call(x: Tensor, style: Tensor): Tensor {
    const factor = 1 / Math.sqrt(this.weight.size / this.weight.shape[0]);
    return modulatedConv(x, this.weight.mul(factor), this.affine.call(style), this.options);
  }
}

/**
 * One more channel that tells how much a group of examples varies: the deviation over the group, averaged over channels and positions
 * (Karras et al. 2018, section 3). x [B, C, H, W] -> [B, C + 1, H, W]. Examples b, b + B / group, ... form a group.
 * @param group at most this many examples, a divisor of the batch where that is larger. Default 4
 * @throws ShapeError
 */
export function minibatchDeviation(x: Tensor, group = 4, epsilon = 1e-8): Tensor {
  const [B, C, H, W] = x.dims("B C H W");
  const size = Math.min(group, B);
  if (B % size !== 0) throw shapeError("minibatchDeviation", [x], `groups of ${size} do not divide the batch`);
  const groups = B / size;
  const members = x.reshape([size, groups, C * H * W]);
  const centred = members.sub(members.mean(0, { keepDims: true }));
  const deviation = centred.square().mean(0).add(epsilon).sqrt().mean(1);
  const channel = expand(deviation.reshape([1, groups, 1, 1, 1]), [size, groups, 1, H, W]).reshape([B, 1, H, W]);
  return concat([x, channel], 1);
}

/** {@link minibatchDeviation} as a layer. */
export class MinibatchDeviation extends Module {
  readonly group: number;

  constructor(group = 4) {
    super();
    requireSize("MinibatchDeviation", "group", group);
    this.group = group;
  }

  /** x [B, C, H, W] -> [B, C + 1, H, W]. @throws ShapeError */
  call(x: Tensor): Tensor {
    return minibatchDeviation(x, this.group);
  }
}
