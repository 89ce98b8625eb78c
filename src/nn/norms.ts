import { sizeOf } from "../core/dtype.ts";
import { AtelierError } from "../core/errors.ts";
import { Parameter } from "../graph/leaf.ts";
import { groupNorm, rmsNorm } from "../graph/ops/group-norm.ts";
import { layerNorm } from "../graph/ops/norm.ts";
import { constant } from "../graph/ops/source.ts";
import { sameShape, shapeError } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Module, requireSize } from "./module.ts";

// Norms that need no running statistics: groups of channels, root mean squares, several axes, and scales and shifts that come from elsewhere.

function filled(length: number, value: number): Parameter {
  return new Parameter([length], new Float32Array(length).fill(value));
}

/** Ones and zeros of the kernels' scale and bias where a layer has none. */
function scaleAndBias(count: number, weight: Tensor | undefined, bias: Tensor | undefined): [Tensor, Tensor] {
  return [weight ?? constant(new Float32Array(count).fill(1)), bias ?? constant(new Float32Array(count))];
}

export interface GroupNormOptions {
  channels: number;
  /** A divisor of `channels`. */
  groups: number;
  /** Default 1e-5. */
  epsilon?: number;
  /** Whether there is a weight and a bias per channel. Default true. */
  affine?: boolean;
}

/** Group normalisation (Wu and He 2018): each example's groups of channels, over positions. Weight and bias [C]. */
export class GroupNorm extends Module {
  readonly weight: Parameter | undefined;
  readonly bias: Parameter | undefined;
  readonly options: Readonly<{ channels: number; groups: number; epsilon: number }>;

  /** @throws AtelierError when the groups do not divide the channels */
  constructor({ channels, groups, epsilon = 1e-5, affine = true }: GroupNormOptions) {
    super();
    requireSize("GroupNorm", "channels", channels);
    requireSize("GroupNorm", "groups", groups);
    requireSize("GroupNorm", "channels / groups", channels / groups);
    if (affine) this.weight = filled(channels, 1);
    if (affine) this.bias = filled(channels, 0);
    this.options = { channels, groups, epsilon };
  }

  /** x [B, C, ...] -> the same shape. @throws ShapeError */
  call(x: Tensor): Tensor {
    const { channels, groups, epsilon } = this.options;
    const [scale, bias] = scaleAndBias(channels, this.weight, this.bias);
    return groupNorm(x, scale, bias, groups, epsilon).y;
  }
}

export interface InstanceNormOptions extends Omit<GroupNormOptions, "groups" | "affine"> {
  /** Whether there is a weight and a bias per channel. Default false, as in PyTorch. */
  affine?: boolean;
}

/** Instance normalisation (Ulyanov, Vedaldi and Lempitsky 2016): each example's channels, each over its positions. Weight and bias [C] where affine. */
export class InstanceNorm extends GroupNorm {
  constructor({ channels, epsilon = 1e-5, affine = false }: InstanceNormOptions) {
    super({ channels, groups: channels, epsilon, affine });
  }
}

export interface RMSNormOptions {
  /** Size of the input's last axis. */
  width: number;
  /** Default 1e-6 (Llama). */
  epsilon?: number;
}

/** Division of the last axis by its root mean square (Zhang and Sennrich 2019). Weight [width]. */
export class RMSNorm extends Module {
  readonly weight: Parameter;
  readonly epsilon: number;

  constructor({ width, epsilon = 1e-6 }: RMSNormOptions) {
    super();
    requireSize("RMSNorm", "width", width);
    this.weight = filled(width, 1);
    this.epsilon = epsilon;
  }

  /** x [..., width] -> the same shape. @throws ShapeError */
  call(x: Tensor): Tensor {
    return rmsNorm(x, this.weight, this.epsilon).y;
  }
}

/** Layer normalisation over the last axes of the given shape, which weight and bias have too (PyTorch's `normalized_shape`). */
export class ShapedLayerNorm extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly epsilon: number;

  /** @param shape of the last axes, each at least 1 */
  constructor({ shape, epsilon = 1e-5 }: { shape: readonly number[]; epsilon?: number }) {
    super();
    for (const size of shape) requireSize("ShapedLayerNorm", "shape", size);
    if (shape.length === 0) throw new AtelierError({ what: "ShapedLayerNorm: the shape must have at least one axis.", got: "[]" });
    this.weight = new Parameter(shape, new Float32Array(sizeOf(shape)).fill(1));
    this.bias = new Parameter(shape, new Float32Array(sizeOf(shape)));
    this.epsilon = epsilon;
  }

  /** x [..., ...shape] -> the same shape. @throws ShapeError */
  call(x: Tensor): Tensor {
    const { shape, size } = this.weight;
    const lead = x.rank - shape.length;
    if (lead < 0 || !sameShape(x.shape.slice(lead), shape))
      throw shapeError("ShapedLayerNorm", [x], `the last axes must be [${shape.join(",")}]`);
    const rows = x.reshape([-1, size]);
    return layerNorm(rows, this.weight.reshape([size]), this.bias.reshape([size]), this.epsilon).y.reshape(x.shape);
  }
}

/**
 * Each position's vector of channels divided by its root mean square: x / √(mean_c x² + ε). (Karras et al. 2018, section 4.2.) x [B, C, ...].
 * @param epsilon default 1e-8
 */
export function pixelNorm(x: Tensor, epsilon = 1e-8): Tensor {
  if (x.rank < 2) throw shapeError("pixelNorm", [x], "the input must have shape [B, C, ...]");
  return x.mul(x.square().mean(1, { keepDims: true }).add(epsilon).sqrt().reciprocal());
}

/** {@link pixelNorm} as a layer. */
export class PixelNorm extends Module {
  readonly epsilon: number;

  constructor(epsilon = 1e-8) {
    super();
    this.epsilon = epsilon;
  }

  /** x [B, C, ...] -> the same shape. */
  call(x: Tensor): Tensor {
    return pixelNorm(x, this.epsilon);
  }
}

/** Channels scaled and shifted per example: x · (1 + scale) + shift. (FiLM, Perez et al. 2018, Eq. 2, about the identity.) x [B, C, ...], scale and shift [B, C]. @throws ShapeError */
export function modulate(x: Tensor, scale: Tensor, shift?: Tensor): Tensor {
  const wanted = x.shape.slice(0, 2);
  if (x.rank < 2 || [scale, shift ?? scale].some((t) => !sameShape(t.shape, wanted)))
    throw shapeError(
      "modulate",
      [x, scale, ...(shift === undefined ? [] : [shift])],
      "scale and shift must have shape [B, C] of the input [B, C, ...]",
    );
  const stretched = (t: Tensor) => t.reshape([...wanted, ...x.shape.slice(2).map(() => 1)]);
  const scaled = x.mul(stretched(scale.add(1)));
  return shift === undefined ? scaled : scaled.add(stretched(shift));
}

/**
 * Adaptive instance normalisation: each example's channels normalised over positions, then given another mean and deviation.
 * (Huang and Belongie 2017, Eq. 8.) x [B, C, ...], deviation and mean [B, C]. @throws ShapeError
 */
export function adaptiveInstanceNorm(x: Tensor, deviation: Tensor, mean: Tensor, epsilon = 1e-5): Tensor {
  const channels = x.shape[1];
  const [one, zero] = scaleAndBias(channels, undefined, undefined);
  return modulate(groupNorm(x, one, zero, channels, epsilon).y, deviation.sub(1), mean);
}

/** The mean [B, C] and deviation [B, C] of each example's channels over positions: what style transfer takes from another picture. x [B, C, ...]. */
export function channelStatistics(x: Tensor, epsilon = 1e-5): { mean: Tensor; deviation: Tensor } {
  const rows = x.reshape([x.shape[0], x.shape[1], -1]);
  const mean = rows.mean(-1, { keepDims: true });
  const variance = rows.sub(mean).square().mean(-1);
  return { mean: mean.reshape([x.shape[0], x.shape[1]]), deviation: variance.add(epsilon).sqrt() };
}
