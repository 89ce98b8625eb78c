import type { Parameter } from "../graph/leaf.ts";
import { conv, convTranspose } from "../graph/ops/conv.ts";
import type { Tensor } from "../graph/tensor.ts";
import { fansOf, type WeightOptions, weightAndBias } from "./init.ts";
import { Module, requireSize } from "./module.ts";

export interface Conv2dOptions extends WeightOptions {
  /** Input channels. */
  in: number;
  /** Output channels. */
  out: number;
  /** Filter height and width. */
  kernel: number | readonly [number, number];
  stride?: number | readonly [number, number];
  /** Zeros on each border; `"same"` gives ceil(size / stride) positions with the odd zero at the end (TensorFlow's rule). Default 0. */
  padding?: number | readonly number[] | "same";
  dilation?: number;
  groups?: number;
}

function pairOf(size: number | readonly [number, number]): [number, number] {
  return typeof size === "number" ? [size, size] : [size[0], size[1]];
}

/** Convolution over height and width. Weight [out, in / groups, kh, kw], bias [out]. */
export class Conv2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly options: Pick<Conv2dOptions, "stride" | "padding" | "dilation" | "groups">;

  constructor(options: Conv2dOptions) {
    super();
    requireSize("Conv2d", "in", options.in);
    requireSize("Conv2d", "out", options.out);
    const shape = [options.out, options.in / (options.groups ?? 1), ...pairOf(options.kernel)];
    requireSize("Conv2d", "in / groups", shape[1]);
    ({ weight: this.weight, bias: this.bias } = weightAndBias(shape, fansOf(shape), options.out, options));
    const { stride, padding, dilation, groups } = options;
    this.options = { stride, padding, dilation, groups };
  }

  /** x [B, in, H, W] -> [B, out, H', W']. @throws ShapeError */
  call(x: Tensor): Tensor {
    return conv(x, this.weight, { ...this.options, bias: this.bias });
  }
}

export interface ConvTranspose2dOptions extends Omit<Conv2dOptions, "padding"> {
  padding?: number | readonly number[];
  /** Extra rows and columns at the end, to pick among the sizes that a stride allows. Default 0. */
  outputPadding?: number;
}

/** Transposed convolution over height and width. Weight [in, out / groups, kh, kw], bias [out], as PyTorch stores them. */
export class ConvTranspose2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly options: Pick<ConvTranspose2dOptions, "stride" | "padding" | "outputPadding" | "dilation" | "groups">;

  constructor(options: ConvTranspose2dOptions) {
    super();
    requireSize("ConvTranspose2d", "in", options.in);
    requireSize("ConvTranspose2d", "out", options.out);
    const shape = [options.in, options.out / (options.groups ?? 1), ...pairOf(options.kernel)];
    requireSize("ConvTranspose2d", "out / groups", shape[1]);
    // PyTorch reads the fans of this weight off its axes as they stand: the fan-in is out / groups · taps.
    ({ weight: this.weight, bias: this.bias } = weightAndBias(shape, fansOf(shape), options.out, options));
    const { stride, padding, outputPadding, dilation, groups } = options;
    this.options = { stride, padding, outputPadding, dilation, groups };
  }

  /** x [B, in, H, W] -> [B, out, H', W'] with H' = (H - 1) · stride - 2 · padding + dilation · (kh - 1) + 1 + outputPadding. @throws ShapeError */
  call(x: Tensor): Tensor {
    return convTranspose(x, this.weight, { ...this.options, bias: this.bias });
  }
}
