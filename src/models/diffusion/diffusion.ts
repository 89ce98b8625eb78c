/**
 * What the diffusion models share: a network that sees a noisy picture and how noisy it is, and predicts one of the things in parameterizations.ts; its loss;
 * what it expects the picture to be; and the deterministic way between noise and picture, both ways.
 *
 *   x            signed pictures in [-1, 1]           [B, C, H, W]; points as they are, [B, D], wherever it says so below
 *   index        a step of the schedule, 0 .. T - 1; its time is (index + 1) / T
 *   known        [B, K + 1], conditions and a 1 that says that they are known
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { fromRange, toRange, valueRange } from "../../data/ranges.ts";
import { clip } from "../../graph/ops/clip.ts";
import { stopGradient } from "../../graph/ops/control.ts";
import { abs, floor } from "../../graph/ops/elementwise.ts";
import { gather } from "../../graph/ops/gather.ts";
import { concat, full } from "../../graph/ops/movement.ts";
import { constant } from "../../graph/ops/source.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { squaredError, sumPerExample, type Terms, terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import type { Batch } from "../model.ts";
import { noiseFactors, type Parameterization, pictureFactors, target } from "./parameterizations.ts";
import { PointNet } from "./point-net.ts";
import { ddimUpdate } from "./samplers.ts";
import { type Level, levelAt, type ScheduleName, schedules, tables } from "./schedules.ts";
import { type Denoiser, DiffusionUnet, levelVector, unetFields } from "./unet.ts";

const symmetric = valueRange("symmetric");
const side = z.int().min(4).max(256);

/** The shape of a picture. */
export const pictureTuple = z.tuple([z.literal([1, 3]), side, side]);

export const diffusionFields = {
  image: z
    .union([pictureTuple, z.tuple([z.int().min(1).max(4096)])])
    .describe("channels (1 grey, 3 colour), height and width, divisible by 2 to the number of halvings; [D] for points of D numbers"),
  ...unetFields,
  timesteps: z.int().min(2).max(10_000).describe("T, the steps that the schedule is divided into"),
  loss: z.enum(["squared", "absolute"]).describe("error of the prediction, summed over its numbers"),
  selfConditioning: z.boolean().describe("the network also sees its own last guess of the picture (Chen et al. 2022, arXiv:2208.04202)"),
};
export const conditionFields = {
  conditions: z.int().min(1).max(1000).describe("classes of the data, or attributes where they have any"),
  dropConditions: z.number().min(0).max(0.9).describe("share of training pictures whose conditions the network is not told, for guidance"),
};
export type DiffusionConfig = z.infer<z.ZodObject<typeof diffusionFields>> & Partial<z.infer<z.ZodObject<typeof conditionFields>>>;

/** Which process is learnt, and by what prediction. */
export interface Process {
  noiseSchedule: ScheduleName;
  parameterization: Parameterization;
}

/** Side conditions of a configuration that no single field can tell. */
export function fitsHalvings({ image, widths }: Pick<DiffusionConfig, "image" | "widths">): boolean {
  const step = 2 ** (widths.length - 1);
  return image.length === 1 || (image[1] % step === 0 && image[2] % step === 0);
}

/** What is told where {@link fitsHalvings} does not hold. */
export const halvingsRule = { error: "height and width must be divisible by 2 for each resolution after the first", path: ["image"] };

/** Further channels that a network sees beside the noisy picture, none by default. */
export interface Beside {
  /** [B, K + 1] */
  known?: Tensor | undefined;
  /** [B, C', H, W]: a small picture enlarged, for one. */
  picture?: Tensor | undefined;
}

/** A diffusion model of pictures. */
export class Diffusion extends Module {
  readonly network: Denoiser;
  readonly config: DiffusionConfig & Process;
  /** Whether what is learnt lies in [-1, 1], so that a guess can be cut off there: pictures do, points and the details of super-resolution do not. */
  readonly bounded: boolean;

  /** @param beside channels that come with the noisy picture (`Beside.picture`) */
  constructor(config: DiffusionConfig & Process, rng: RandomStream, beside = 0) {
    super();
    const [channels] = config.image;
    const sizes = { in: channels * (config.selfConditioning ? 2 : 1) + beside, out: channels, conditions: config.conditions ?? 0 };
    this.network = config.image.length === 1 ? new PointNet(config, sizes, rng) : new DiffusionUnet(config, sizes, rng);
    this.config = config;
    this.bounded = config.image.length === 3 && beside === 0;
  }

  /** What the network predicts for x [B, C, H, W] of noise level [B, embedding]; `last` is its last guess of the picture, for self-conditioning. */
  predict(x: Tensor, level: Tensor, { known, picture }: Beside = {}, last?: Tensor): Tensor {
    const parts = [x];
    if (this.config.selfConditioning) parts.push(last ?? full(x.shape, 0));
    if (picture !== undefined) parts.push(picture);
    return this.network.call(parts.length === 1 ? x : concat(parts, 1), level, known);
  }
}

/** Intensities in [0, 1] as the network sees them: in [-1, 1]. */
export function toSigned(images: Tensor): Tensor {
  return toRange(images, symmetric);
}

/** Signed pictures as intensities, cut off at 0 and 1. */
export function toIntensity(pictures: Tensor): Tensor {
  return clip(fromRange(pictures, symmetric), 0, 1);
}

/** The examples of a batch as the network sees them: signed pictures, or points. */
export function examplesOf({ config: { image } }: Diffusion, { images, points }: Batch): Tensor {
  return image.length === 1 ? points : toSigned(images);
}

/** Pictures in [0, 1] as the network sees them; points as they are. */
export function fromUser({ config: { image } }: Diffusion, examples: Tensor): Tensor {
  return image.length === 1 ? examples : toSigned(examples);
}

/** The way back, pictures cut off at 0 and 1. */
export function toUser({ config: { image } }: Diffusion, examples: Tensor): Tensor {
  return image.length === 1 ? examples : toIntensity(examples);
}

/** A guess, cut off where pictures end. */
export function limited({ bounded }: Diffusion, guess: Tensor): Tensor {
  return bounded ? clip(guess, -1, 1) : guess;
}

/** Conditions [B, K] with the 1 that says that they are known: [B, K + 1]; where keep [B, 1] is 0, all 0. Undefined for models without conditions. */
export function knownConditions({ config }: Diffusion, conditions: Tensor | undefined, keep?: Tensor): Tensor | undefined {
  if (config.conditions === undefined || conditions === undefined) return undefined;
  const told = concat([conditions, full([conditions.shape[0], 1], 1)], 1);
  return keep === undefined ? told : told.mul(keep);
}

/** What a graph needs of a step of the schedule. */
interface Rates {
  /** [B, 1, 1, 1] each */
  alpha: Tensor;
  sigma: Tensor;
  /** [B, embedding] */
  level: Tensor;
}

/** Signal and noise rates [B, 1, 1, 1] and noise levels [B, embedding] of the steps index [B], int32. */
function ratesAt({ config: { noiseSchedule, timesteps, image, embedding } }: Diffusion, index: Tensor): Rates {
  const { alpha, sigma, told } = tables(schedules[noiseSchedule], timesteps);
  const levels = Float32Array.from([...told].flatMap((value) => levelVector(value, embedding)));
  const column = (table: Float64Array) =>
    gather(constant(Float32Array.from(table)), index, 0).reshape([index.shape[0], ...image.map(() => 1)]);
  return { alpha: column(alpha), sigma: column(sigma), level: gather(constant(levels, "float32", [timesteps, embedding]), index, 0) };
}

/** The picture that a prediction means, in a graph. alpha and sigma broadcast to x. */
export function pictureOf(
  kind: Parameterization,
  prediction: Tensor,
  x: Tensor,
  { alpha, sigma }: Record<"alpha" | "sigma", Tensor>,
): Tensor {
  switch (kind) {
    case "epsilon":
      return x.sub(prediction.mul(sigma)).div(alpha);
    case "x0":
      return prediction;
    case "velocity":
      return x.mul(alpha).sub(prediction.mul(sigma));
    case "flow":
      return x.sub(prediction.mul(sigma));
  }
}

/** A noisy picture, and what the network makes of it. */
interface Seen {
  x: Tensor;
  wanted: Tensor;
  prediction: Tensor;
  rates: Rates;
}

/** Add noise of the steps index [B] to signed pictures, and predict. */
export function look(model: Diffusion, picture: Tensor, index: Tensor, beside: Beside, rng: Rng): Seen {
  const { parameterization, selfConditioning } = model.config;
  const noise = rng.normal("noise", picture.shape);
  const rates = ratesAt(model, index);
  const x = picture.mul(rates.alpha).add(noise.mul(rates.sigma)); // x_t = α x + σ ε
  const wanted = target(parameterization, picture, noise, rates);
  let last: Tensor | undefined;
  if (selfConditioning) {
    // Half of the pictures are seen with the guess of a first look, which is not trained.
    const first = pictureOf(parameterization, model.predict(x, rates.level, beside), x, rates);
    const half = rng.bernoulli("self-conditioning", [x.shape[0], ...model.config.image.map(() => 1)], 0.5);
    last = stopGradient(limited(model, first)).mul(half);
  }
  return { x, wanted, prediction: model.predict(x, rates.level, beside, last), rates };
}

/** What the picture is expected to be, seen with noise of the steps index [B]: signed [B, C, H, W]. */
export function guessAt(model: Diffusion, picture: Tensor, index: Tensor, beside: Beside, rng: Rng): Tensor {
  const { x, prediction, rates } = look(model, picture, index, beside, rng);
  return limited(model, pictureOf(model.config.parameterization, prediction, x, rates));
}

/** The error of a prediction, summed over an example's numbers: [B]. */
export function errorOf(kind: DiffusionConfig["loss"], prediction: Tensor, wanted: Tensor): Tensor {
  return kind === "squared" ? squaredError(prediction, wanted) : sumPerExample(abs(prediction.sub(wanted)));
}

/**
 * The simple loss: steps drawn evenly, the error of the prediction (Ho et al. 2020, Eq. 14).
 * @param picture signed, [B, C, H, W]
 */
export function diffusionLoss(model: Diffusion, picture: Tensor, conditions: Tensor | undefined, rng: Rng, beside?: Tensor): Terms {
  const { timesteps, dropConditions = 0, loss } = model.config;
  const [B] = picture.shape;
  const index = floor(rng.uniform("time", [B]).mul(timesteps)).cast("int32");
  const keep = dropConditions > 0 ? rng.bernoulli("keep", [B, 1], 1 - dropConditions) : undefined;
  const known = knownConditions(model, conditions, keep);
  const { prediction, wanted } = look(model, picture, index, { known, picture: beside }, rng);
  return terms({ error: errorOf(loss, prediction, wanted) });
}

/** The levels of N steps of a schedule with T, the noisiest first, without the last, where there is no noise. */
export function stepLevels(
  { noiseSchedule, timesteps }: Pick<DiffusionConfig & Process, "noiseSchedule" | "timesteps">,
  steps: number,
  share = 1,
): Level[] {
  const top = Math.max(1, Math.round(share * timesteps));
  return Array.from({ length: steps }, (_, k) => levelAt(schedules[noiseSchedule], Math.round(top * (1 - k / steps)) / timesteps));
}

/** Where every way ends: the picture. */
export const clean: Level = { time: 0, alpha: 1, sigma: 0 };

/** Steps of the deterministic way between codes and pictures, where the schedule has as many. */
const CODE_STEPS = 20;

/** One look in a graph: the picture and the noise that x means at a level. */
function split(model: Diffusion, x: Tensor, level: Level, beside: Beside): { picture: Tensor; noise: Tensor } {
  const { noiseSchedule, parameterization, embedding } = model.config;
  const vector = constant(Float32Array.from(levelVector(schedules[noiseSchedule].told(level.time), embedding)));
  const prediction = model.predict(x, vector.expand([x.shape[0], embedding]), beside);
  const mixed = ({ prediction: p, x: q }: { prediction: number; x: number }) => prediction.mul(p).add(x.mul(q));
  return { picture: mixed(pictureFactors(parameterization, level)), noise: mixed(noiseFactors(parameterization, level)) };
}

/** The picture that the network expects when it sees nothing but noise [B, C, H, W], signed: the mean of all that could be. */
export function expectedPicture(model: Diffusion, noise: Tensor, beside: Beside): Tensor {
  return split(model, noise, levelAt(schedules[model.config.noiseSchedule], 1), beside).picture;
}

/** Codes [B, C · H · W], standard normal, to signed pictures [B, C, H, W] (points: [B, D] to [B, D]): the ddim sampler without noise and without cutting off, in one graph. */
export function decodeNoise(model: Diffusion, codes: Tensor, beside: Beside): Tensor {
  const levels = stepLevels(model.config, Math.min(CODE_STEPS, model.config.timesteps));
  let x = codes.reshape([codes.shape[0], ...model.config.image]);
  levels.forEach((level, k) => {
    const { picture } = split(model, x, level, beside);
    const next = levels[k + 1];
    if (next === undefined) x = picture;
    else {
      const update = ddimUpdate(level, next, 0);
      x = x.mul(update.keep).add(picture.mul(update.picture));
    }
  });
  return x;
}

/** The way back: signed pictures [B, C, H, W] to the noise that {@link decodeNoise} makes them of, nearly (Song, Meng and Ermon 2020, section 4.3). [B, C · H · W] */
export function encodeNoise(model: Diffusion, pictures: Tensor, beside: Beside): Tensor {
  const levels = stepLevels(model.config, Math.min(CODE_STEPS, model.config.timesteps)).reverse();
  let x = pictures;
  let at = clean;
  for (const level of levels) {
    // The noise is read off at the level that is gone to: the network has not learnt the level without any.
    const { noise } = split(model, at.sigma === 0 ? x.mul(level.alpha) : x, level, beside);
    const picture = x.sub(noise.mul(at.sigma)).div(at.alpha);
    x = picture.mul(level.alpha).add(noise.mul(level.sigma));
    at = level;
  }
  return x.reshape([x.shape[0], -1]);
}
