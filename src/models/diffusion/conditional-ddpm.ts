/**
 * Denoising diffusion to order, with classifier-free guidance.
 * Paper: Ho and Salimans, "Classifier-free diffusion guidance", 2022, arXiv:2207.12598.
 *
 * The network of ddpm.ts is also told what the picture shows, and now and then it is not. When it paints, the difference between what it says with and without
 * being told is the direction towards the order, and going further along it makes pictures clearer and more alike.
 *
 *   paper             here                        shape             range or unit
 *   c                 known                       [B, K + 1]        one-hot class or attributes, and a 1; all 0 for "not told"
 *   p_uncond          dropConditions              number            share of pictures whose conditions are left out, Algorithm 1
 *   1 + w             guidance                    number            1 is the plain conditional model
 *   ε̃                 predictGuided()             [B, C, H, W]      ε_θ(x) + (1 + w) (ε_θ(x, c) - ε_θ(x)), Eq. 6
 *
 * Departs from the paper: whatever the network predicts is guided, not only the noise, which is the same but for a factor; departures of ddpm.ts.
 */
import { z } from "zod";
import { defineModel, type Preset } from "../model.ts";
import { diffusionTraining, plainDiffusion } from "./ddpm.ts";
import {
  conditionFields,
  Diffusion,
  decodeNoise,
  diffusionFields,
  diffusionLoss,
  encodeNoise,
  examplesOf,
  fitsHalvings,
  fromUser,
  halvingsRule,
  knownConditions,
  toUser,
} from "./diffusion.ts";
import { diffusionLikelihood, diffusionMetricInfo, diffusionMetrics } from "./held-out.ts";
import { editingFields, guidanceField, paint, samplingFields } from "./paint.ts";
import { parameterizations } from "./parameterizations.ts";

const config = z
  .strictObject({
    ...diffusionFields,
    ...conditionFields,
    noiseSchedule: z.enum(["linear", "cosine", "offset-cosine"]).describe("how signal and noise rates change with time"),
    parameterization: z.enum(parameterizations).describe("what the network predicts: the noise, the picture, or the velocity"),
  })
  .refine(fitsHalvings, halvingsRule);
export type ConditionalDdpmConfig = z.infer<typeof config>;

const plain: ConditionalDdpmConfig = {
  ...plainDiffusion,
  ...{ noiseSchedule: "cosine", parameterization: "velocity", conditions: 10, dropConditions: 0.15 },
};

const presets = {
  smoke: {
    config: { ...plain, image: [1, 8, 8], widths: [4, 8], depth: 1, embedding: 4, timesteps: 50, conditions: 3 },
    training: { epochs: 1, batch: 16 },
    about: "seconds; for tests",
  },
  small: {
    config: { ...plain, depth: 1 },
    training: { ...diffusionTraining, epochs: 2, batch: 64 },
    about: "clothes by their class; about six minutes",
  },
  paper: {
    config: { ...plain, widths: [64, 128, 256], blocks: "paper", embedding: 64, attention: true, dropConditions: 0.1 },
    training: { learningRate: 2e-4, warmup: 1000, batch: 128, epochs: 100, clipNorm: 1, ema: 0.9999 },
    about: "a network of the paper's kind: half a day or more",
  },
  digits: {
    config: { ...plain, depth: 1 },
    training: { ...diffusionTraining, epochs: 2, batch: 64 },
    about: "digits by their number; about seven minutes",
    data: "mnist",
  },
  avatars: {
    config: { ...plain, image: [3, 64, 64], depth: 1, conditions: 24 },
    training: { ...diffusionTraining, epochs: 8, batch: 32, ema: 0.999 },
    about: "faces by their attributes; about half an hour",
    data: "avatars",
  },
} satisfies Record<string, Preset<ConditionalDdpmConfig>>;

export const conditionalDdpm = defineModel<ConditionalDdpmConfig, Diffusion>({
  name: "conditional-ddpm",
  title: "Conditional diffusion with guidance",
  family: "diffusion",
  year: 2022,
  paper: "2207.12598",
  summary:
    "Denoising diffusion that is told what a picture shows, and sometimes is not. The difference between the two guides it to what was ordered.",
  config,
  presets,
  data: {
    sets: ["fashion-mnist", "mnist", "cifar10", "avatars"],
    labels: false,
    conditions: ({ conditions }) => conditions,
    shape: ({ image }) => image,
  },
  build: (settings, rng) => new Diffusion(settings, rng),
  objective: (model, batch, rng) => diffusionLoss(model, examplesOf(model, batch), batch.conditions, rng),
  metrics: (model, batch, rng) => diffusionMetrics(model, examplesOf(model, batch), batch.conditions, rng),
  metricInfo: diffusionMetricInfo,
  leaderboard: { likelihood: diffusionLikelihood },
  prior: "normal",
  codes: ({ image }) => [image.reduce((size, side) => size * side, 1)],
  encode: (model, images, conditions) => encodeNoise(model, fromUser(model, images), { known: knownConditions(model, conditions) }),
  decode: (model, codes, conditions) => toUser(model, decodeNoise(model, codes, { known: knownConditions(model, conditions) })),
  fills: true,
  starts: true,
  sampling: z.strictObject({ ...samplingFields("ddim", 20), ...guidanceField, ...editingFields }),
  sample: (model, context) => paint(model, context),
});
