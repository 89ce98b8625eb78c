import { z } from "zod";
import type { ExampleShape, ImageShape } from "../../data/dataset.ts";
import { floor } from "../../graph/ops/elementwise.ts";
import { full } from "../../graph/ops/movement.ts";
import { round } from "../../graph/ops/rounding.ts";
import { constant } from "../../graph/ops/source.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { Flow, type Forward, flowNats, type Inverse } from "../../nn/flow.ts";
import { sumPerExample, type Terms, terms } from "../../nn/losses.ts";
import type { Module } from "../../nn/module.ts";
import type { LeaderboardEntry } from "../leaderboard.ts";
import type { Batch, SampleContext, Samples } from "../model.ts";

// What the flows share: pictures of 256 levels as a continuous density, and all that a record does with a flow.

/** Levels of a stored picture's channel. */
const LEVELS = 256;

/**
 * Each picture's flow is over numbers in (0, 1): level n of 256 is the cell [n / 256, (n + 1) / 256). `at` is the place in the cell, in [0, 1). images [B,
 * C, H, W] -> the same.
 */
function inCells(images: Tensor, at: Tensor | number): Tensor {
  return round(images.mul(LEVELS - 1))
    .add(at)
    .mul(1 / LEVELS);
}

/**
 * Pixels with uniform noise in their cells, so that a density can bound the levels' probability. (Dinh et al. 2017, section 4.1; Theis et al. 2016.) images
 * [B, C, H, W] in [0, 1] -> [0, 1).
 */
export function dequantise(images: Tensor, rng: Rng): Tensor {
  return inCells(images, rng.uniform("dequantise", images.shape));
}

/** The middle of each pixel's cell: images [B, C, H, W] in [0, 1] -> (0, 1). */
export function cellCentres(images: Tensor): Tensor {
  return inCells(images, 0.5);
}

/** Back to intensities of the 256 levels, whatever falls outside put on black or white. [B, C, H, W] -> [0, 1]. */
export function toIntensities(x: Tensor): Tensor {
  // A true division: times 1 / 255 would miss the loader's byte / 255 by a rounding.
  return floor(x.mul(LEVELS))
    .clip(0, LEVELS - 1)
    .div(constant(LEVELS - 1));
}

/**
 * (0, 1) to the real line: logit(α + (1 - 2α) x), with its log-determinant. (Dinh et al. 2017, section 4.1, where the interval ends at 1 instead of 1 - α.)
 */
export class Logit extends Flow {
  readonly #alpha: number;

  /** @param alpha how far the ends keep from 0 and 1, in (0, 0.5) */
  constructor(alpha: number) {
    super();
    this.#alpha = alpha;
  }

  forward(x: Tensor): Forward {
    const inside = (v: Tensor) => v.mul(1 - 2 * this.#alpha).add(this.#alpha);
    // 1 - p by way of 1 - x, which is exact where x is near 1.
    const [up, down] = [inside(x).log(), inside(x.neg().add(1)).log()];
    return { z: up.sub(down), logDet: this.#logDet(up.add(down)) };
  }

  inverse(z: Tensor): Inverse {
    const p = z.sigmoid();
    // ln p (1 - p) without the logarithm of a rounded 0.
    const logs = z.softplus().add(z.neg().softplus()).neg();
    return { x: p.sub(this.#alpha).mul(1 / (1 - 2 * this.#alpha)), logDet: this.#logDet(logs).neg() };
  }

  #logDet(logs: Tensor): Tensor {
    const each = logs.size / logs.shape[0];
    return sumPerExample(logs)
      .neg()
      .add(each * Math.log(1 - 2 * this.#alpha));
  }
}

/** (0, 1) to (-½, ½): as Glow takes pictures. */
export class Centre extends Flow {
  forward(x: Tensor): Forward {
    return { z: x.sub(0.5), logDet: full([], 0) };
  }

  inverse(z: Tensor): Inverse {
    return { x: z.add(0.5), logDet: full([], 0) };
  }
}

/** From intensities to where the flow works. @param alpha of {@link Logit}; 0 for {@link Centre} */
export function pixelTransform(alpha: number): Flow {
  return alpha === 0 ? new Centre() : new Logit(alpha);
}

export const pixelTransformField = z
  .number()
  .min(0)
  .max(0.4)
  .describe("pictures go through logit(alpha + (1 - 2 alpha) x) first; 0 for x - 1/2 (points: not used)");

/** A model that is a flow: over pictures' numbers in (0, 1), or over points. */
export interface FlowModel extends Module {
  readonly flow: Flow;
  readonly config: { readonly image: ExampleShape };
}

function isPicture(shape: ExampleShape): shape is ImageShape {
  return shape.length === 3;
}

/** Numbers in an example, C · H · W or D. */
export function dimensionsOf(shape: ExampleShape): number {
  return shape.reduce((product: number, size) => product * size, 1);
}

/** -ln P of pictures of 256 levels (a bound, one draw of noise a picture), or -ln p of points (exact): [B], nats. */
function nats({ flow, config }: FlowModel, { images, points }: Batch, rng: Rng): Tensor {
  if (!isPicture(config.image)) return flowNats(flow, points);
  return flowNats(flow, dequantise(images, rng)).add(dimensionsOf(config.image) * Math.log(LEVELS));
}

/** Maximum likelihood: the one term of every flow, nats an example. */
export function flowObjective(model: FlowModel, batch: Batch, rng: Rng): Terms {
  return terms({ nats: nats(model, batch, rng) });
}

/** Held-out nats, and bits a dimension. [B] each. */
export function flowMetrics(model: FlowModel, batch: Batch, rng: Rng): Record<string, Tensor> {
  const each = nats(model, batch, rng);
  return { nats: each, bitsPerDim: each.div(dimensionsOf(model.config.image) * Math.LN2) };
}

export const flowMetricInfo = {
  nats: {
    unit: "nats per example",
    better: "lower",
    about: "points: -log p(x), exact; pictures: -log P of the 256 levels, bounded by the density with uniform noise in each level",
  },
  bitsPerDim: {
    unit: "bits per dimension",
    better: "lower",
    about: "the same divided by the example's numbers and ln 2; of points that of a density, which may be below 0",
  },
} as const;

/** What {@link flowMetrics} are a likelihood of, for pictures. */
export const flowBoard: LeaderboardEntry = { likelihood: () => ({ metrics: ["nats"], kind: "bound", of: "256 levels" }) };

/** The noise of an example, [B, Z] with as many numbers as the example has. */
export function flowEncode({ flow, config }: FlowModel, examples: Tensor): Tensor {
  return flow.forward(isPicture(config.image) ? cellCentres(examples) : examples).z;
}

/** Examples of noise [B, Z]: pictures in [0, 1] on their 256 levels, or points. */
export function flowDecode({ flow, config }: FlowModel, codes: Tensor): Tensor {
  const { x } = flow.inverse(codes);
  return isPicture(config.image) ? toIntensities(x) : x;
}

/** ln p of points [B, D], or of pictures as numbers in (0, 1) at the middle of their levels: [B], nats. */
export function flowLogDensity({ flow, config }: FlowModel, examples: Tensor): Tensor {
  return flowNats(flow, isPicture(config.image) ? cellCentres(examples) : examples).neg();
}

/** What can be chosen when a flow is sampled. */
export const flowSampling = z.strictObject({
  temperature: z
    .number()
    .positive()
    .max(10)
    .default(1)
    .describe("the noise's standard deviation, above 0: below 1 for fewer and more typical examples, 1 for the density that was learned"),
});

/** Fresh examples, in one go. */
export async function* flowSample(model: FlowModel, { count, compile, options }: SampleContext): AsyncGenerator<Samples> {
  const { temperature } = flowSampling.parse(options ?? {});
  const { image } = model.config;
  const program = await compile((_inputs, rng) => ({
    examples: flowDecode(model, rng.normal("prior", [count, dimensionsOf(image)]).mul(temperature)),
  }));
  const { examples } = await program.run();
  yield { data: (examples as Float32Array).slice(), shape: [count, ...image] };
  await program.dispose();
}
