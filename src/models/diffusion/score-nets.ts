import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { isPoint } from "../../data/dataset.ts";
import { toRange, valueRange } from "../../data/ranges.ts";
import { concat } from "../../graph/ops/movement.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { silu } from "../../nn/activations.ts";
import { Linear } from "../../nn/linear.ts";
import { Module } from "../../nn/module.ts";
import { geometricFrequencies, sinusoidal } from "../../nn/positions.ts";
import type { Batch } from "../model.ts";
import { perExample } from "./sde.ts";
import { DiffusionUnet, type UnetConfig, unetFields } from "./unet.ts";

// What the score models share: a network that says which noise is in an example, a point or a picture.

const side = z.int().min(4).max(256);

export const noiseNetFields = {
  image: z
    .union([z.tuple([z.literal([1, 3]), side, side]), z.tuple([z.int().min(1).max(64)])])
    .describe(
      "of an example: channels (1 grey, 3 colour), height and width of pictures, divisible by 2 to the number of halvings; or how many numbers a point has",
    ),
  units: z.int().min(4).max(4096).describe("points: units of each layer"),
  layers: z.int().min(1).max(64).describe("points: residual blocks of two layers"),
  detail: z
    .number()
    .min(0)
    .max(1)
    .describe(
      "size of the smallest details of the data: in less noise the network corrects the score, which stays finite, not the noise; 0 for none",
    ),
  ...unetFields,
};

export type NoiseNetConfig = UnetConfig & { image: [1 | 3, number, number] | [number]; units: number; layers: number; detail: number };

/** Whether the sides of pictures can be halved as often as the network does. */
export function fitsHalvings({ image, widths }: Pick<NoiseNetConfig, "image" | "widths">): boolean {
  return image.length === 1 || image.slice(1).every((size) => size % 2 ** (widths.length - 1) === 0);
}

/** Angular frequencies of the noise's logarithm, which goes from about -7 to 5. */
const frequencies = (count: number) => geometricFrequencies(count, 0.1, 10);
/** Sines and cosines that tell points' network the noise. */
const LEVEL = 32;
/** Angular frequencies of each coordinate: steep turns between places are hard to learn from the coordinates alone (Tancik et al. 2020, arXiv:2006.10739). */
const places = [1, 2, 4, 8];

/** x + W₂ silu(W₁ silu(x) + V level): [B, width] each -> [B, width]. */
class PointBlock extends Module {
  readonly first: Linear;
  readonly level: Linear;
  readonly second: Linear;

  constructor(width: number, rng: RandomStream) {
    super();
    this.first = new Linear({ in: width, out: width, rng });
    this.level = new Linear({ in: width, out: width, rng });
    this.second = new Linear({ in: width, out: width, rng });
  }

  call(x: Tensor, level: Tensor): Tensor {
    const inner = this.first.call(silu(x)).add(this.level.call(level));
    return x.add(this.second.call(silu(inner)));
  }
}

/** A perceptron with residual blocks: points [B, D] of about unit size, and sines and cosines of their noise, [B, 32] -> [B, D]. */
export class PointNet extends Module {
  readonly stem: Linear;
  readonly level: Linear;
  readonly blocks: PointBlock[];
  readonly head: Linear;

  /** @param size D @param units of each layer @param layers residual blocks */
  constructor(size: number, { units, layers }: { units: number; layers: number }, rng: RandomStream) {
    super();
    this.stem = new Linear({ in: size * (1 + 2 * places.length), out: units, rng });
    this.level = new Linear({ in: LEVEL, out: units, rng });
    this.blocks = Array.from({ length: layers }, () => new PointBlock(units, rng));
    this.head = new Linear({ in: units, out: size, rng });
  }

  call(x: Tensor, noise: Tensor): Tensor {
    const level = silu(this.level.call(noise));
    const start = this.stem.call(concat([x, sinusoidal(x, places).flatten()], 1));
    return this.head.call(silu(this.blocks.reduce((value, block) => block.call(value, level), start)));
  }
}

/**
 * The noise in x, as the best linear guess for data of unit size and a correction by a network: the correction fades where noise is nearly all there is
 * (Karras et al. 2022, arXiv:2206.00364, Table 1, for the noise instead of the example).
 */
export class NoiseNet extends Module {
  readonly network: PointNet | DiffusionUnet;
  readonly frequencies: readonly number[];
  readonly detail: number;

  constructor(config: NoiseNetConfig, rng: RandomStream) {
    super();
    const { image, embedding, detail } = config;
    this.detail = detail;
    this.frequencies = frequencies((isPoint(image) ? LEVEL : embedding) / 2);
    this.network = isPoint(image)
      ? new PointNet(image[0], config, rng)
      : new DiffusionUnet(config, { in: image[0], out: image[0], conditions: 0 }, rng);
  }

  /** x [B, ...] = scale · example + deviation · noise, with scale and deviation [B] -> noise [B, ...] */
  call(x: Tensor, scale: Tensor, deviation: Tensor): Tensor {
    const size = scale.square().add(deviation.square()).sqrt();
    const rescaled = x.div(perExample(size, x));
    const correction = this.network.call(rescaled, sinusoidal(deviation.div(scale).log(), this.frequencies));
    const linear = rescaled.mul(perExample(deviation.div(size), x));
    return linear.add(correction.mul(perExample(scale.div(size).mul(this.#damping(scale, deviation)), x)));
  }

  /** σ / √(σ² + (m d)²): in noise far below the details' size d the noise found fades as σ, so that the score, which is it over σ, does not explode. */
  #damping(scale: Tensor, deviation: Tensor): Tensor | number {
    if (this.detail === 0) return 1;
    return deviation.div(deviation.square().add(scale.mul(this.detail).square()).sqrt());
  }
}

/** Training examples as the network sees them: points as they are, pictures in [-1, 1]. */
export function examplesOf({ image }: Pick<NoiseNetConfig, "image">, { images, points }: Batch): Tensor {
  return isPoint(image) ? points : toRange(images, valueRange("symmetric"));
}

/** Samples as the record gives them: points as they are, pictures as intensities in [0, 1]. */
export function finished({ image }: Pick<NoiseNetConfig, "image">, values: Float32Array): Float32Array {
  return isPoint(image) ? values : values.map((value) => Math.min(1, Math.max(0, (value + 1) / 2)));
}
