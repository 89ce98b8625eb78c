import { z } from "zod";
import type { ImageShape } from "../../data/dataset.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";

// What the machines of binary units share: black and white pictures, draws, and figures that need the constant Z.

export const binaryFields = {
  image: z
    .tuple([z.literal(1), z.int().min(1).max(64), z.int().min(1).max(64)])
    .describe("channels (1: each pixel is one black or white unit), height and width"),
  binarize: z
    .enum(["stochastic", "threshold"])
    .describe("stochastic: an intensity is the probability of white, drawn anew each time; threshold: white from one half on"),
};

export interface BinaryConfig {
  image: [1, number, number];
  binarize: "stochastic" | "threshold";
}

/** Settings of annealed importance sampling, which only estimates read. */
export const annealingFields = {
  temperatures: z.int().min(2).max(1_000_000).describe("steps from the model with a known sum to this one, when its constant is estimated"),
  annealedChains: z.int().min(2).max(10_000).describe("chains that go through these steps side by side"),
};

/** What can be chosen when drawing from a model that walks to its samples. */
export function walkOptions(about: string, standard: number) {
  return z.strictObject({ steps: z.int().min(1).max(1_000_000).default(standard).describe(about) });
}

/** Units of a picture. */
export function unitsOf([channels, height, width]: ImageShape): number {
  return channels * height * width;
}

/** Pictures [B, C, H, W] in [0, 1] as units [B, V] of 0 and 1. */
export function toUnits(images: Tensor, { binarize }: BinaryConfig, rng: Rng): Tensor {
  const flat = images.flatten();
  const limit = binarize === "stochastic" ? rng.uniform("binarize", flat.shape) : 0.5;
  return flat.greater(limit).cast("float32");
}

/** Each unit is 1 with its probability: where that is above a uniform number. Any shape, the same for both. */
export function drawUnits(probabilities: Tensor, uniforms: Tensor): Tensor {
  return uniforms.less(probabilities).cast("float32");
}

/** Runs of at most `most` steps that add up to `total`, all alike but the last: [50, 50, 20]. */
export function portions(total: number, most: number): number[] {
  const full = Math.floor(total / most);
  const rest = total - full * most;
  return [...new Array<number>(full).fill(most), ...(rest > 0 ? [rest] : [])];
}
