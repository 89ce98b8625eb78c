/**
 * The network of the diffusion models: a U-Net that is told how noisy its picture is.
 * Sources: Ronneberger, Fischer and Brox 2015, arXiv:1505.04597; Ho, Jain and Abbeel 2020, arXiv:2006.11239, Appendix B; Foster, "Generative Deep Learning",
 * 2nd edition, chapter 8 (after Béres, "Denoising diffusion implicit models", keras.io, 2022), which is `blocks: "book"`.
 *
 *   x            [B, in, H, W]        the noisy picture, and whatever else the network shall see in each place
 *   level        [B, embedding]       how noisy it is: sines and cosines of a number in [0, 1] (`told` of a schedule)
 *   known        [B, K + 1]           conditions, and a 1 that says that they are known; all 0 where they are not
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { concat } from "../../graph/ops/movement.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { silu } from "../../nn/activations.ts";
import { AttentionBlock2d, asChannels, groupsOf32, ResidualBlock, UNet, type UNetBlock, zeroConv } from "../../nn/blocks.ts";
import { Conv2d } from "../../nn/conv.ts";
import { Linear } from "../../nn/linear.ts";
import { Module } from "../../nn/module.ts";
import { BatchNorm } from "../../nn/norm.ts";
import type { GroupNorm } from "../../nn/norms.ts";
import { AvgPool2d } from "../../nn/pool.ts";
import { geometricFrequencies } from "../../nn/positions.ts";
import { Upsample } from "../../nn/resample.ts";

export const unetFields = {
  widths: z
    .array(z.int().min(4).max(1024))
    .min(1)
    .max(6)
    .describe(
      "channels at each resolution, from the whole picture to the smallest; each after the first halves the sides; for points: units of the hidden layers",
    ),
  depth: z.int().min(1).max(4).describe("residual blocks at each resolution, on either way"),
  blocks: z
    .enum(["book", "paper"])
    .describe("book: one batch norm a block, noise level beside the picture; paper: two group norms, noise level in each block"),
  embedding: z.int().min(2).max(512).multipleOf(2).describe("sines and cosines that tell the noise level"),
  attention: z.boolean().describe("self-attention between the positions of the smallest picture"),
};
export type UnetConfig = z.infer<z.ZodObject<typeof unetFields>>;

/** What goes into the network and comes out of it. */
export interface UnetSizes {
  /** Channels that come in and go out. */
  in: number;
  out: number;
  /** K, 0 for none. */
  conditions: number;
}

/** A network that a diffusion model trains: x [B, in, ...], level [B, embedding], known [B, K + 1] where there are conditions -> [B, out, ...]. */
export type Denoiser = Module & { call(x: Tensor, level: Tensor, known?: Tensor): Tensor };

/**
 * A number in [0, 1] as `width` numbers: sin(2π f v) for f from 1 to 1000, evenly in the logarithm, then the cosines. Made on the host in double precision: at
 * the highest frequencies float32 would lose the last three digits.
 */
export function levelVector(told: number, width: number): number[] {
  const angles = geometricFrequencies(width / 2, 2 * Math.PI, 2000 * Math.PI).map((frequency) => frequency * told);
  return [...angles.map(Math.sin), ...angles.map(Math.cos)];
}

/** x + the book's body: batch norm without scale and shift, 3 x 3 convolution, SiLU, 3 x 3 convolution; a 1 x 1 convolution on the short cut where channels change. */
class BookBlock extends Module {
  readonly norm: BatchNorm;
  readonly first: Conv2d;
  readonly second: Conv2d;
  readonly shortcut: Conv2d | undefined;

  constructor(from: number, out: number, rng: RandomStream) {
    super();
    this.norm = new BatchNorm({ channels: from, affine: false, epsilon: 1e-3 });
    this.first = new Conv2d({ in: from, out, kernel: 3, padding: 1, rng });
    this.second = new Conv2d({ in: out, out, kernel: 3, padding: 1, rng });
    if (from !== out) this.shortcut = new Conv2d({ in: from, out, kernel: 1, rng });
  }

  /** [B, from, H, W] -> [B, out, H, W] */
  call(x: Tensor): Tensor {
    const body = this.second.call(silu(this.first.call(this.norm.call(x))));
    return body.add(this.shortcut?.call(x) ?? x);
  }
}

/** A block with attention after it. */
class AttendingBlock extends Module {
  readonly block: UNetBlock;
  readonly attention: AttentionBlock2d;

  constructor(block: UNetBlock, channels: number, rng: RandomStream) {
    super();
    this.block = block;
    this.attention = new AttentionBlock2d({ channels, rng, norm: groupsOf32 });
  }

  /** As the block. */
  call(x: Tensor, time?: Tensor): Tensor {
    return this.attention.call(this.block.call(x, time));
  }
}

/** The noise level, and what is known of the picture, as one vector: sines and cosines, linear, SiLU, linear; to it a linear map of what is known. */
class Guide extends Module {
  readonly up: Linear;
  readonly down: Linear;
  readonly known: Linear | undefined;

  constructor({ embedding, out, conditions, rng }: { embedding: number; out: number; conditions: number; rng: RandomStream }) {
    super();
    this.up = new Linear({ in: embedding, out, rng });
    this.down = new Linear({ in: out, out, rng });
    if (conditions > 0) this.known = new Linear({ in: conditions + 1, out, rng });
  }

  /** level [B, embedding], known [B, K + 1] -> [B, out] */
  call(level: Tensor, known?: Tensor): Tensor {
    const vector = this.down.call(silu(this.up.call(level)));
    return this.known === undefined ? vector : vector.add(this.known.call(known!));
  }
}

/** A U-Net of blocks of either kind, whose last layer begins at zero. */
export class DiffusionUnet extends Module implements Denoiser {
  readonly entry: Conv2d;
  readonly known: Linear | undefined;
  readonly guide: Guide | undefined;
  readonly body: UNet;
  readonly norm: GroupNorm | undefined;
  readonly exit: Conv2d;

  constructor(config: UnetConfig, sizes: UnetSizes, rng: RandomStream) {
    super();
    const { widths, depth, blocks, embedding, attention } = config;
    const [first] = widths;
    const book = blocks === "book";
    const beside = embedding * (sizes.conditions > 0 ? 2 : 1);
    const timeWidth = 4 * embedding;
    this.entry = new Conv2d({ in: sizes.in, out: first, kernel: book ? 1 : 3, padding: book ? 0 : 1, rng });
    if (book && sizes.conditions > 0) this.known = new Linear({ in: sizes.conditions + 1, out: embedding, rng });
    if (!book) this.guide = new Guide({ embedding, out: timeWidth, conditions: sizes.conditions, rng });
    const block = (from: number, out: number): UNetBlock =>
      book ? new BookBlock(from, out, rng) : new ResidualBlock({ in: from, out, timeWidth, rng });
    this.body = new UNet({
      in: book ? first + beside : first,
      ...{ widths, depth, block, rng },
      middle: (from, out) => (attention ? new AttendingBlock(block(from, out), out, rng) : block(from, out)),
      down: () => new AvgPool2d({ kernel: 2 }),
      up: () => new Upsample({ scaleFactor: 2, mode: book ? "bilinear" : "nearest" }),
    });
    if (!book) this.norm = groupsOf32(first);
    this.exit = zeroConv(first, sizes.out, rng);
  }

  /** x [B, in, H, W], level [B, embedding], known [B, K + 1] where there are conditions -> [B, out, H, W]. @throws ShapeError */
  call(x: Tensor, level: Tensor, known?: Tensor): Tensor {
    const [, , H, W] = x.dims("B C H W");
    const entry = this.entry.call(x);
    if (this.guide !== undefined) return this.exit.call(silu(this.norm!.call(this.body.call(entry, this.guide.call(level, known)))));
    const beside = this.known === undefined ? [level] : [level, this.known.call(known!)];
    return this.exit.call(this.body.call(concat([entry, ...beside.map((vector) => asChannels(vector, H, W))], 1)));
  }
}
