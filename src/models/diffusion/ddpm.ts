/**
 * Denoising diffusion.
 * Papers: Ho, Jain and Abbeel, "Denoising diffusion probabilistic models" (DDPM), 2020, arXiv:2006.11239; Song, Meng and Ermon, "Denoising diffusion implicit
 * models" (DDIM), 2020, arXiv:2010.02502. Schedules, predictions and samplers of others: schedules.ts, parameterizations.ts, samplers.ts.
 *
 * Add noise to a picture in many small steps until nothing of it is left; train a network to say, at any of these steps, what was added. Then begin with
 * nothing but noise and take away, step by step, what the network says.
 *
 *   paper             here                        shape             range or unit
 *   x_0               images, signed inside       [B, C, H, W]      intensity in [0, 1]; [-1, 1] inside
 *   x_t               x                           [B, C, H, W]      √ᾱ_t x_0 + √(1 - ᾱ_t) ε, Eq. 4
 *   t                 index + 1, time = t / T     [B]               1 .. T
 *   √ᾱ_t, √(1-ᾱ_t)    alpha, sigma                [B, 1, 1, 1]      schedules.ts
 *   ε                 noise                       [B, C, H, W]      N(0, I)
 *   ε_θ(x_t, t)       predict()                   [B, C, H, W]      or x_0, or the velocity: parameterizations.ts
 *   L_simple          diffusionLoss()             scalar            Eq. 14, summed over numbers
 *
 * Departs from the papers: the network is told the noise variance (linear schedule: the time) in [0, 1] instead of t; the linear schedule is that of infinitely
 * many steps, read off at T times; ᾱ and not β is what schedules are made of, and the sampler's variance is that of the posterior. `small`, `cifar` and `emoji`
 * have the book's network (Foster, "Generative Deep Learning", 2nd edition, chapter 8), `book` also its offset cosine and its absolute error; pictures are in
 * [-1, 1] there too, where the book divides by the data's deviation.
 * Next: conditional-ddpm.ts, which paints to order; flow-matching.ts, whose paths are straight; super-resolution.ts, which sees a small picture while it paints.
 */
import { z } from "zod";
import { defineModel, type Preset } from "../model.ts";
import {
  Diffusion,
  type DiffusionConfig,
  decodeNoise,
  diffusionFields,
  diffusionLoss,
  encodeNoise,
  examplesOf,
  fitsHalvings,
  fromUser,
  halvingsRule,
  toUser,
} from "./diffusion.ts";
import { diffusionLikelihood, diffusionMetricInfo, diffusionMetrics } from "./held-out.ts";
import { editingFields, paint, samplingFields } from "./paint.ts";
import { parameterizations } from "./parameterizations.ts";

const config = z
  .strictObject({
    ...diffusionFields,
    noiseSchedule: z.enum(["linear", "cosine", "offset-cosine"]).describe("how signal and noise rates change with time"),
    parameterization: z.enum(parameterizations).describe("what the network predicts: the noise, the picture, or the velocity"),
  })
  .refine(fitsHalvings, halvingsRule);
export type DdpmConfig = z.infer<typeof config>;

/** What the presets of this family have in common. */
export const plainDiffusion: DiffusionConfig = {
  image: [1, 32, 32],
  ...{ widths: [32, 64, 96, 128], depth: 2, blocks: "book", embedding: 32, attention: false },
  ...{ timesteps: 1000, loss: "squared", selfConditioning: false },
};
/** Adam with a short warm-up and a falling rate, and the averaged weights that samples use. */
export const diffusionTraining = { learningRate: 2e-3, schedule: "cosine", warmup: 100, clipNorm: 0, ema: 0.995 } as const;

const plain: DdpmConfig = { ...plainDiffusion, noiseSchedule: "cosine", parameterization: "velocity" };

const presets = {
  smoke: {
    config: { ...plain, image: [1, 8, 8], widths: [4, 8], depth: 1, embedding: 4, timesteps: 50 },
    training: { epochs: 1, batch: 16 },
    about: "seconds; for tests",
  },
  small: {
    config: { ...plain, depth: 1 },
    training: { ...diffusionTraining, epochs: 2, batch: 64 },
    about: "the book's network with one block at each size; about six minutes",
  },
  paper: {
    config: {
      ...plain,
      image: [3, 32, 32],
      ...{ widths: [128, 256, 256, 256], blocks: "paper", embedding: 128, attention: true },
      ...{ noiseSchedule: "linear", parameterization: "epsilon" },
    },
    training: { learningRate: 2e-4, warmup: 5000, batch: 128, epochs: 2048, clipNorm: 1, ema: 0.9999, flip: true },
    about: "the paper's settings for CIFAR-10, 800,000 steps: for another machine",
    data: "cifar10",
  },
  book: {
    config: { ...plain, noiseSchedule: "offset-cosine", parameterization: "epsilon", loss: "absolute" },
    training: { optimizer: "adamw", learningRate: 1e-3, weightDecay: 1e-4, ema: 0.999, epochs: 4, batch: 64 },
    about: "the book's schedule, loss and optimizer; about twenty minutes",
  },
  cifar: {
    config: { ...plain, image: [3, 32, 32] },
    training: { ...diffusionTraining, epochs: 6, batch: 64, flip: true, ema: 0.999 },
    about: "colour photographs; about half an hour",
    data: "cifar10",
  },
  toy: {
    config: { ...plain, image: [2], widths: [128, 128, 128], embedding: 16 },
    training: { ...diffusionTraining, epochs: 150, batch: 256 },
    about: "points in the plane and dense layers; about half a minute",
    data: "moons",
  },
  emoji: {
    config: { ...plain, image: [3, 32, 32] },
    training: { ...diffusionTraining, epochs: 50, batch: 32, ema: 0.999 },
    about: "emoji at 32 x 32; about twenty minutes",
    data: "emoji",
  },
  avatars: {
    config: { ...plain, image: [3, 64, 64], widths: [32, 64, 96, 128], depth: 1 },
    training: { ...diffusionTraining, epochs: 8, batch: 32, ema: 0.999 },
    about: "faces at 64 x 64; about half an hour",
    data: "avatars",
  },
} satisfies Record<string, Preset<DdpmConfig>>;

export const ddpm = defineModel<DdpmConfig, Diffusion>({
  name: "ddpm",
  title: "Denoising diffusion (DDPM, DDIM)",
  family: "diffusion",
  year: 2020,
  paper: "2006.11239",
  summary:
    "Learns to take a little noise off a picture, at every degree of noise. Beginning with nothing but noise, it takes it off until a picture is left.",
  config,
  presets,
  data: {
    sets: ["fashion-mnist", "mnist", "cifar10", "emoji", "avatars", "moons", "circles", "ring", "checkerboard", "spirals"],
    labels: false,
    shape: ({ image }) => image,
  },
  build: (settings, rng) => new Diffusion(settings, rng),
  objective: (model, batch, rng) => diffusionLoss(model, examplesOf(model, batch), undefined, rng),
  metrics: (model, batch, rng) => diffusionMetrics(model, examplesOf(model, batch), undefined, rng),
  metricInfo: diffusionMetricInfo,
  leaderboard: { likelihood: diffusionLikelihood },
  prior: "normal",
  codes: ({ image }) => [image.reduce((size, side) => size * side, 1)],
  encode: (model, images) => encodeNoise(model, fromUser(model, images), {}),
  decode: (model, codes) => toUser(model, decodeNoise(model, codes, {})),
  fills: true,
  starts: true,
  sampling: z.strictObject({ ...samplingFields("ddim", 20), ...editingFields }),
  sample: (model, context) => paint(model, context),
});
