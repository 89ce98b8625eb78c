import { AtelierError, unknownName } from "../core/errors.ts";
import type { Parameter } from "../graph/leaf.ts";
import { conv, convTranspose } from "../graph/ops/conv.ts";
import { shapeError } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { fansOf, type WeightOptions, weightAndBias } from "./init.ts";
import { Module, requireSize } from "./module.ts";
import { type PaddingMode, padBorders, paddingModes } from "./padding.ts";

/** One number for every spatial axis, or one per axis. */
export type PerAxis = number | readonly number[];

export interface ConvLayerOptions extends WeightOptions {
  /** Input channels; divisible by `groups`. */
  in: number;
  /** Output channels; divisible by `groups`. */
  out: number;
  /** Filter size. */
  kernel: PerAxis;
  /** Step between positions. Default 1. */
  stride?: PerAxis;
  /**
   * Border around the input: one number, one per axis, or begins then ends. `"same"` gives ceil(size / stride) positions with the odd one at
   * the end (TensorFlow's rule; at stride 1 PyTorch's too), `"valid"` is 0. Default 0.
   */
  padding?: PerAxis | "same" | "valid";
  /** What the border holds. Default `"zeros"`. */
  paddingMode?: PaddingMode;
  /** Distance between filter taps. Default 1. */
  dilation?: PerAxis;
  /** Channel groups that do not see each other; as many as channels makes the convolution depthwise. Default 1. */
  groups?: number;
}

function perAxis(layer: string, axes: number, value: PerAxis, name: string): number[] {
  const list = typeof value === "number" ? new Array<number>(axes).fill(value) : [...value];
  if (list.length !== axes)
    throw new AtelierError({ what: `${layer}: ${name} must be one number or ${axes} of them.`, got: `[${list.join(", ")}]` });
  for (const size of list) requireSize(layer, name, size);
  return list;
}

/** What the convolutions of one, two and three spatial axes share. Weight [out, in / groups, ...kernel], bias [out]. */
class Conv extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly options: Pick<ConvLayerOptions, "stride" | "padding" | "paddingMode" | "dilation" | "groups">;

  constructor(layer: string, axes: number, options: ConvLayerOptions) {
    super();
    const { stride, padding, paddingMode, dilation, groups = 1 } = options;
    if (paddingMode !== undefined && !paddingModes.includes(paddingMode)) throw unknownName("paddingMode", paddingMode, paddingModes);
    for (const name of ["in", "out"] as const) requireSize(layer, name, options[name]);
    requireSize(layer, "out / groups", options.out / groups);
    const shape = [options.out, options.in / groups, ...perAxis(layer, axes, options.kernel, "kernel")];
    requireSize(layer, "in / groups", shape[1]);
    ({ weight: this.weight, bias: this.bias } = weightAndBias(shape, fansOf(shape), options.out, options));
    this.options = { stride, padding, paddingMode, dilation, groups };
  }

  /** x [B, in, ...sizes] -> [B, out, ...sizes'] with size' = floor((size + pads - dilation · (kernel - 1) - 1) / stride) + 1. @throws ShapeError */
  call(x: Tensor): Tensor {
    if (x.rank !== this.weight.rank)
      throw shapeError("convolution layer", [x, this.weight], `an input of rank ${this.weight.rank} was expected`);
    const { paddingMode = "zeros", ...options } = this.options;
    const padding = options.padding === "valid" || options.padding === undefined ? 0 : options.padding;
    if (paddingMode === "zeros") return conv(x, this.weight, { ...options, padding, bias: this.bias });
    const padded = padBorders(x, this.#borders(x, padding), paddingMode);
    return conv(padded, this.weight, { ...options, padding: 0, bias: this.bias });
  }

  /** Begins, then ends. */
  #borders(x: Tensor, padding: PerAxis | "same"): number[] {
    const axes = x.rank - 2;
    if (typeof padding === "number") return new Array<number>(2 * axes).fill(padding);
    if (padding !== "same") return padding.length === axes ? [...padding, ...padding] : [...padding];
    const at = (value: PerAxis | undefined, i: number): number => (typeof value === "object" ? value[i] : (value ?? 1));
    const totals = x.shape.slice(2).map((size, i) => {
      const stride = at(this.options.stride, i);
      return Math.max(
        (Math.ceil(size / stride) - 1) * stride + at(this.options.dilation, i) * (this.weight.shape[i + 2] - 1) + 1 - size,
        0,
      );
    });
    return [...totals.map((total) => Math.floor(total / 2)), ...totals.map((total) => Math.ceil(total / 2))];
  }
}

export interface Conv1dOptions extends ConvLayerOptions {}

/** Convolution over time, [B, in, T] -> [B, out, T']. Weight [out, in / groups, k], bias [out]. */
export class Conv1d extends Conv {
  constructor(options: Conv1dOptions) {
    super("Conv1d", 1, options);
  }
}

export interface Conv2dOptions extends ConvLayerOptions {}

/** Convolution over height and width, [B, in, H, W] -> [B, out, H', W']. Weight [out, in / groups, kh, kw], bias [out]. */
export class Conv2d extends Conv {
  constructor(options: Conv2dOptions) {
    super("Conv2d", 2, options);
  }
}

export interface Conv3dOptions extends ConvLayerOptions {}

/** Convolution over depth, height and width, [B, in, D, H, W] -> [B, out, D', H', W']. Weight [out, in / groups, kd, kh, kw], bias [out]. */
export class Conv3d extends Conv {
  constructor(options: Conv3dOptions) {
    super("Conv3d", 3, options);
  }
}

export interface ConvTransposeLayerOptions extends Omit<ConvLayerOptions, "padding" | "paddingMode"> {
  /** Positions cut from each border of the result: one number, one per axis, or begins then ends. Default 0. */
  padding?: PerAxis;
  /** Extra positions at the end, to pick among the sizes that a stride allows. Default 0. */
  outputPadding?: PerAxis;
}

/** What the transposed convolutions share. Weight [in, out / groups, ...kernel], bias [out], as PyTorch stores them. */
class ConvTranspose extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly options: Pick<ConvTransposeLayerOptions, "stride" | "padding" | "outputPadding" | "dilation" | "groups">;

  constructor(layer: string, axes: number, options: ConvTransposeLayerOptions) {
    super();
    const { stride, padding, outputPadding, dilation, groups = 1 } = options;
    for (const name of ["in", "out"] as const) requireSize(layer, name, options[name]);
    requireSize(layer, "in / groups", options.in / groups);
    const shape = [options.in, options.out / groups, ...perAxis(layer, axes, options.kernel, "kernel")];
    requireSize(layer, "out / groups", shape[1]);
    // PyTorch reads the fans of this weight off its axes as they stand: the fan-in is out / groups · taps.
    ({ weight: this.weight, bias: this.bias } = weightAndBias(shape, fansOf(shape), options.out, options));
    this.options = { stride, padding, outputPadding, dilation, groups };
  }

  /**
   * x [B, in, ...sizes] -> [B, out, ...sizes'] with size' = (size - 1) · stride - pads + dilation · (kernel - 1) + 1 + outputPadding.
   * @throws ShapeError
   */
  call(x: Tensor): Tensor {
    return convTranspose(x, this.weight, { ...this.options, bias: this.bias });
  }
}

export interface ConvTranspose1dOptions extends ConvTransposeLayerOptions {}

/** Transposed convolution over time, [B, in, T] -> [B, out, T']. Weight [in, out / groups, k], bias [out]. */
export class ConvTranspose1d extends ConvTranspose {
  constructor(options: ConvTranspose1dOptions) {
    super("ConvTranspose1d", 1, options);
  }
}

export interface ConvTranspose2dOptions extends ConvTransposeLayerOptions {}

/** Transposed convolution over height and width, [B, in, H, W] -> [B, out, H', W']. Weight [in, out / groups, kh, kw], bias [out]. */
export class ConvTranspose2d extends ConvTranspose {
  constructor(options: ConvTranspose2dOptions) {
    super("ConvTranspose2d", 2, options);
  }
}

export interface ConvTranspose3dOptions extends ConvTransposeLayerOptions {}

/** Transposed convolution over depth, height and width, [B, in, D, H, W] -> [B, out, D', H', W']. Weight [in, out / groups, kd, kh, kw], bias [out]. */
export class ConvTranspose3d extends ConvTranspose {
  constructor(options: ConvTranspose3dOptions) {
    super("ConvTranspose3d", 3, options);
  }
}
