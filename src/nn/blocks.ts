import { concat } from "../graph/ops/movement.ts";
import type { Tensor } from "../graph/tensor.ts";
import { silu } from "./activations.ts";
import { MultiheadAttention } from "./attention.ts";
import { Conv2d, ConvTranspose2d } from "./conv.ts";
import { Dropout } from "./dropout.ts";
import { type WeightOptions, zeros } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { GroupNorm } from "./norms.ts";
import { sinusoidal, timestepFrequencies } from "./positions.ts";
import type { Step } from "./sequential.ts";

// Parts of convolutional networks with short cuts: residual blocks, and U-Nets made of them.

type Layer = Module & { call(x: Tensor): Tensor };

function run(step: Step, x: Tensor): Tensor {
  return typeof step === "function" ? step(x) : step.call(x);
}

/** Group normalisation with as many of 32 groups as divide the channels. */
export function groupsOf32(channels: number): GroupNorm {
  let groups = Math.min(32, channels);
  while (channels % groups !== 0) groups--;
  return new GroupNorm({ channels, groups });
}

export interface ShortcutOptions extends Pick<WeightOptions, "rng"> {
  in: number;
  out: number;
}

/** shortcut(x) + body(x): the short cut is x itself, or a 1 x 1 convolution where the body changes the channels. (He et al. 2016, Eq. 1 and 2.) */
export class Residual extends Module {
  readonly body: Step;
  readonly shortcut: Conv2d | undefined;

  constructor(body: Step, options: ShortcutOptions) {
    super();
    this.body = body;
    if (options.in !== options.out) this.shortcut = new Conv2d({ ...options, kernel: 1 });
  }

  /** x [B, in, H, W] -> [B, out, H, W]. @throws ShapeError */
  call(x: Tensor): Tensor {
    return run(this.body, x).add(this.shortcut === undefined ? x : this.shortcut.call(x));
  }
}

export interface ResidualBlockOptions extends ShortcutOptions {
  /** Width of a time embedding that is added between the convolutions. Default: none. */
  timeWidth?: number;
  /** Default: group normalisation in 32 groups, or as many of them as divide the channels. */
  norm?: (channels: number) => Layer;
  /** Default SiLU. */
  activation?: (x: Tensor) => Tensor;
  /** Before the last convolution, while training. Default 0. */
  dropout?: number;
}

/** Twice norm, activation, 3 x 3 convolution, with a short cut and the time between: the block of diffusion U-Nets. (Ho et al. 2020, Appendix B.) */
export class ResidualBlock extends Module {
  readonly norm1: Layer;
  readonly conv1: Conv2d;
  readonly time: Linear | undefined;
  readonly norm2: Layer;
  readonly dropout: Dropout;
  readonly conv2: Conv2d;
  readonly shortcut: Conv2d | undefined;
  /** After each norm, and on the time. */
  readonly activation: (x: Tensor) => Tensor;

  constructor({ in: from, out, rng, timeWidth, norm = groupsOf32, activation = silu, dropout = 0 }: ResidualBlockOptions) {
    super();
    this.norm1 = norm(from);
    this.conv1 = new Conv2d({ in: from, out, kernel: 3, padding: 1, rng });
    if (timeWidth !== undefined) this.time = new Linear({ in: timeWidth, out, rng });
    this.norm2 = norm(out);
    this.dropout = new Dropout(dropout);
    this.conv2 = new Conv2d({ in: out, out, kernel: 3, padding: 1, rng });
    if (from !== out) this.shortcut = new Conv2d({ in: from, out, kernel: 1, rng });
    this.activation = activation;
  }

  /** x [B, in, H, W], time [B, timeWidth] where the block takes one -> [B, out, H, W]. @throws ShapeError */
  call(x: Tensor, time?: Tensor): Tensor {
    let y = this.conv1.call(this.activation(this.norm1.call(x)));
    if (this.time !== undefined && time !== undefined) {
      const added = this.time.call(this.activation(time));
      y = y.add(added.reshape([...added.shape, 1, 1]));
    }
    y = this.activation(this.norm2.call(y));
    y = this.conv2.call(this.dropout.probability === 0 ? y : this.dropout.call(y));
    return y.add(this.shortcut === undefined ? x : this.shortcut.call(x));
  }
}

/** Self-attention between the positions of a picture, added to it: norm, attention, zero-initialised projection. (Ho et al. 2020, Appendix B.) */
export class AttentionBlock2d extends Module {
  readonly norm: Layer;
  readonly attention: MultiheadAttention;

  constructor({
    channels,
    heads = 1,
    rng,
    norm = groupsOf32,
  }: { channels: number; heads?: number; rng: WeightOptions["rng"]; norm?: (channels: number) => Layer }) {
    super();
    this.norm = norm(channels);
    this.attention = new MultiheadAttention({ width: channels, heads, rng });
    this.attention.outProjection.weight.data.fill(0);
  }

  /** x [B, C, H, W] -> the same shape. @throws ShapeError */
  call(x: Tensor): Tensor {
    const [B, C, H, W] = x.dims("B C H W");
    const rows = this.norm
      .call(x)
      .reshape([B, C, H * W])
      .transpose([0, 2, 1]);
    return x.add(this.attention.call(rows).transpose([0, 2, 1]).reshape([B, C, H, W]));
  }
}

/** Integer timesteps as vectors: sines and cosines, then two linear maps with SiLU between. (Ho et al. 2020, Appendix B.) */
export class TimeEmbedding extends Module {
  readonly width: number;
  readonly up: Linear;
  readonly down: Linear;

  /** `width`, even, is that of the sines and cosines, `out` that of the result: default 4 · width. */
  constructor({ width, out = 4 * width, rng }: { width: number; out?: number; rng: WeightOptions["rng"] }) {
    super();
    this.width = width;
    this.up = new Linear({ in: width, out, rng });
    this.down = new Linear({ in: out, out, rng });
  }

  /** timesteps [B], float32 -> [B, out]. @throws ShapeError */
  call(timesteps: Tensor): Tensor {
    return this.down.call(silu(this.up.call(sinusoidal(timesteps, timestepFrequencies(this.width)))));
  }
}

/** A block of a U-Net; time is what the network was called with. */
export type UNetBlock = Module & {
  /** x [B, C, H, W] -> [B, C', H, W] */
  call(x: Tensor, time?: Tensor): Tensor;
};
/** Makes a block that changes the channels. */
export type MakeBlock = (from: number, to: number) => UNetBlock;

export interface DownBlockOptions {
  in: number;
  out: number;
  /** Blocks before the picture shrinks. */
  depth: number;
  block: MakeBlock;
  /** Halves height and width. */
  down: Step;
}

/** Blocks, each of whose results is kept for the way up, then a smaller picture. */
export class DownBlock extends Module {
  readonly blocks: readonly UNetBlock[];
  readonly down: Step;

  constructor({ in: from, out, depth, block, down }: DownBlockOptions) {
    super();
    this.blocks = Array.from({ length: depth }, (_, i) => block(i === 0 ? from : out, out));
    this.down = down;
  }

  /** x [B, in, H, W] -> [B, out, H / 2, W / 2]; appends its `depth` results [B, out, H, W] to `skips`. */
  call(x: Tensor, skips: Tensor[], time?: Tensor): Tensor {
    let y = x;
    for (const block of this.blocks) {
      y = block.call(y, time);
      skips.push(y);
    }
    return run(this.down, y);
  }
}

export interface UpBlockOptions extends Omit<DownBlockOptions, "down"> {
  /** Channels of what was kept on the way down. */
  skip: number;
  /** Doubles height and width. */
  up: Step;
}

/** A larger picture, then blocks that each also read one of the results kept on the way down. */
export class UpBlock extends Module {
  readonly up: Step;
  readonly blocks: readonly UNetBlock[];

  constructor({ in: from, out, skip, depth, block, up }: UpBlockOptions) {
    super();
    this.up = up;
    this.blocks = Array.from({ length: depth }, (_, i) => block((i === 0 ? from : out) + skip, out));
  }

  /** x [B, in, H, W] -> [B, out, 2 H, 2 W]; takes its `depth` results off the end of `skips`. */
  call(x: Tensor, skips: Tensor[], time?: Tensor): Tensor {
    return this.blocks.reduce((y, block) => block.call(concat([y, skips.pop() as Tensor], 1), time), run(this.up, x));
  }
}

export interface UNetOptions extends Pick<WeightOptions, "rng"> {
  /** Channels that come in. */
  in: number;
  /** Channels at each resolution, from the largest picture to the smallest; the last are those of the middle. */
  widths: readonly number[];
  /** Blocks at each resolution. */
  depth: number;
  block: MakeBlock;
  /** Makes the blocks of the middle, at the smallest picture. Default: as `block`. */
  middle?: MakeBlock;
  /** Makes what halves a picture of the given channels. Default: a 3 x 3 convolution of stride 2. */
  down?: (channels: number) => Step;
  /** Makes what doubles a picture. Default: a transposed 4 x 4 convolution of stride 2. */
  up?: (channels: number) => Step;
}

/** U-Net: down through blocks, up through blocks that also read what the way down kept. (Ronneberger et al. 2015; Ho et al. 2020, Appendix B.) */
export class UNet extends Module {
  readonly downs: readonly DownBlock[];
  readonly middle: readonly UNetBlock[];
  readonly ups: readonly UpBlock[];

  constructor({ in: from, widths, depth, block, middle = block, rng, down, up }: UNetOptions) {
    super();
    const makeDown = down ?? ((channels) => new Conv2d({ in: channels, out: channels, kernel: 3, stride: 2, padding: 1, rng }));
    const makeUp = up ?? ((channels) => new ConvTranspose2d({ in: channels, out: channels, kernel: 4, stride: 2, padding: 1, rng }));
    const levels = widths.slice(0, -1);
    const deepest = widths[widths.length - 1];
    this.downs = levels.map((out, i) => new DownBlock({ in: i === 0 ? from : widths[i - 1], out, depth, block, down: makeDown(out) }));
    this.middle = Array.from({ length: depth }, (_, i) => middle(i === 0 ? (levels.at(-1) ?? from) : deepest, deepest));
    this.ups = levels
      .map((out, i) => new UpBlock({ in: widths[i + 1], out, skip: out, depth, block, up: makeUp(widths[i + 1]) }))
      .reverse();
  }

  /** x [B, in, H, W] with H and W divisible by 2^(widths - 1), time as the blocks take it -> [B, widths[0], H, W]. @throws ShapeError */
  call(x: Tensor, time?: Tensor): Tensor {
    const skips: Tensor[] = [];
    let y = x;
    for (const down of this.downs) y = down.call(y, skips, time);
    for (const block of this.middle) y = block.call(y, time);
    for (const up of this.ups) y = up.call(y, skips, time);
    return y;
  }
}

/** A vector per example as constant channels: [B, D] -> [B, D, H, W]. How a noise level enters a U-Net beside the picture. */
export function asChannels(vector: Tensor, height: number, width: number): Tensor {
  const [B, D] = vector.dims("B D");
  return vector.reshape([B, D, 1, 1]).expand([B, D, height, width]);
}

/** A 1 x 1 convolution that starts at zero: the last layer of diffusion networks. */
export function zeroConv(from: number, out: number, rng: WeightOptions["rng"]): Conv2d {
  return new Conv2d({ in: from, out, kernel: 1, rng, init: zeros, biasInit: zeros });
}
