import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import type { ImageShape } from "../../data/dataset.ts";
import { floor } from "../../graph/ops/elementwise.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { relu } from "../../nn/activations.ts";
import { sampleCategorical } from "../../nn/categorical.ts";
import { binaryCrossEntropy, crossEntropy } from "../../nn/losses.ts";
import { MaskedConv2d } from "../../nn/masked-conv.ts";
import { Module } from "../../nn/module.ts";
import type { Surroundings } from "../../nn/raster.ts";
import type { Likelihood } from "../leaderboard.ts";

// What the models that paint pixel by pixel share: pixels as levels, and the head that scores them.

/** Size of a first filter that reads the bare picture. */
export const firstKernelField = z
  .int()
  .min(3)
  .max(127)
  .refine((size) => size % 2 === 1, { error: "must be odd" })
  .describe("filter size of the first layer, odd: it reads the bare picture, so a wide view costs little there");

export const pixelFields = {
  image: z
    .tuple([z.literal([1, 3]), z.int().min(4).max(256), z.int().min(4).max(256)])
    .describe("channels (1 grey, 3 colour), height and width"),
  levels: z.int().min(2).max(256).describe("values that a pixel's channel can have; 2 for black and white"),
  binarize: z
    .enum(["stochastic", "none"])
    .describe(
      "stochastic: with 2 levels, an intensity is the probability of white, drawn anew each time; none: [0, 1] is cut into as many equal parts as there are levels",
    ),
};

export interface PixelConfig {
  image: [1 | 3, number, number];
  levels: number;
  binarize: "stochastic" | "none";
}

/** Logits that a channel needs: one where it is black or white, else one a level. */
export function logitsPerPixel({ image, levels }: PixelConfig): number {
  return image[0] * (levels === 2 ? 1 : levels);
}

/** Intensities in [0, 1] of any shape -> the level of the equal part of [0, 1] that each lies in, as an intensity, 0, 1 / (levels - 1) ... 1. */
export function toLevels(images: Tensor, { levels }: PixelConfig): Tensor {
  return floor(images.mul(levels))
    .clip(0, levels - 1)
    .div(levels - 1);
}

/** The pictures that are learned: levels, or black and white by a draw for each pixel. [B, C, H, W] */
export function pixelsOf(images: Tensor, config: PixelConfig, rng: Rng): Tensor {
  return config.binarize === "stochastic" ? rng.uniform("binarize", images.shape).less(images).cast("float32") : toLevels(images, config);
}

/** Logits [B, C · K, H, W] of pictures of C channels -> [B, C, H, W, K]. */
function byLevel(logits: Tensor, { image: [channels], levels }: PixelConfig): Tensor {
  const [batch, , height, width] = logits.shape;
  return logits.reshape([batch, channels, levels, height, width]).transpose([0, 1, 3, 4, 2]);
}

/** -log p(x) = -Σ log p(x_i | x_1 ... x_{i-1}), nats a picture (PixelRNN, Eq. 1). pixels [B, C, H, W] as {@link pixelsOf} gives them -> [B]. */
export function pixelNats(logits: Tensor, pixels: Tensor, config: PixelConfig): Tensor {
  if (config.levels === 2) return binaryCrossEntropy(logits, pixels);
  const indices = pixels.mul(config.levels - 1).add(0.5);
  return crossEntropy(byLevel(logits, config), indices.cast("int32"));
}

/** A draw from each channel's distribution: logits [B, C · K, 1, 1] -> intensities [B, C, 1, 1]. */
export function drawPixel(logits: Tensor, config: PixelConfig, rng: Rng): Tensor {
  if (config.levels === 2) return rng.uniform("pixel", logits.shape).less(logits.sigmoid()).cast("float32");
  const scores = byLevel(logits, config);
  return sampleCategorical(scores, rng, "choice", scores.rank - 1)
    .cast("float32")
    .div(config.levels - 1);
}

/** The metrics {@link pixelMetricInfo} of -ln p: [B] nats a picture -> [B] each. */
export function pixelMetrics(nats: Tensor, image: ImageShape): { nats: Tensor; bitsPerDim: Tensor } {
  return { nats, bitsPerDim: nats.div(image[0] * image[1] * image[2] * Math.LN2) };
}

export const pixelMetricInfo = {
  nats: {
    unit: "nats per picture",
    better: "lower",
    about: "negative log-likelihood of held-out pictures, summed over pixels; black and white by one fixed draw",
  },
  bitsPerDim: { unit: "bits per dimension", better: "lower", about: "the same divided by the picture's numbers and ln 2" },
} as const;

/** What a leaderboard's pictures are learned as: grey like the data's, and few enough levels for minutes of training. */
export const shades = { levels: 16, binarize: "none" } as const;

/** What {@link pixelMetrics} are a likelihood of. */
export function pixelLikelihood({ levels }: { levels: number }): Likelihood {
  return { metrics: ["nats"], kind: "exact", of: levels === 2 ? "black and white" : `${levels} levels` };
}

/** The two 1 x 1 layers before the logits (PixelRNN, Table 1): [B, in, H, W] -> [B, out, H, W]. */
export class PixelHead extends Module {
  readonly layers: MaskedConv2d[];
  readonly logits: MaskedConv2d;

  constructor(inputs: number, hidden: number, out: number, colours: number, rng: RandomStream) {
    super();
    this.layers = [inputs, hidden].map((from) => new MaskedConv2d({ in: from, out: hidden, kernel: 1, mask: "B", colours, rng }));
    this.logits = new MaskedConv2d({ in: hidden, out, kernel: 1, mask: "B", colours, rng });
  }

  call(x: Tensor, here?: Surroundings): Tensor {
    const features = this.layers.reduce((value, layer) => layer.call(relu(value), here), x);
    return this.logits.call(relu(features), here);
  }
}

/** Residual block (PixelRNN, Figure 5 left): half as wide inside, one masked 3 x 3 between two 1 x 1. [B, 2h, H, W] -> the same. */
export class PixelBlock extends Module {
  readonly narrow: MaskedConv2d;
  readonly masked: MaskedConv2d;
  readonly widen: MaskedConv2d;

  constructor(channels: number, kernel: number, colours: number, rng: RandomStream) {
    super();
    const half = channels / 2;
    const layer = (from: number, to: number, size: number) =>
      new MaskedConv2d({ in: from, out: to, kernel: size, mask: "B", colours, rng });
    this.narrow = layer(channels, half, 1);
    this.masked = layer(half, half, kernel);
    this.widen = layer(half, channels, 1);
  }

  call(x: Tensor, here?: Surroundings): Tensor {
    const inner = this.masked.call(relu(this.narrow.call(relu(x), here)), here);
    return x.add(this.widen.call(relu(inner), here));
  }
}
