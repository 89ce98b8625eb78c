/**
 * Flow matching with straight paths: rectified flow.
 * Papers: Liu, Gong and Liu, "Flow straight and fast: learning to generate and transfer data with rectified flow", 2022, arXiv:2209.03003; Lipman et al., "Flow
 * matching for generative modeling", 2022, arXiv:2210.02747.
 *
 * Draw a straight line from each picture to some noise. At a place where many such lines cross, a network learns the mean of their directions; to paint, go
 * against the directions it says, from noise to a picture.
 *
 *   paper             here                        shape             range or unit
 *   X_0, X_1          noise, picture              [B, C, H, W]      N(0, I); signed pictures in [-1, 1]. The papers' time runs the other way
 *   t                 1 - time                    [B]               time 0 is the picture, 1 the noise
 *   X_t               x                           [B, C, H, W]      (1 - time) picture + time · noise
 *   X_1 - X_0         -target("flow")             [B, C, H, W]      the direction
 *   v(X_t, t)         -predict()                  [B, C, H, W]      Eq. 1 of Liu et al.
 *
 * Everything else is ddpm.ts: the network, the steps, the samplers. Euler's method is the papers' sampler, and on straight paths it is ddim's step too.
 * Departs from the papers: time is one of T steps; no second round of training on the model's own pairs ("reflow").
 */
import { z } from "zod";
import { defineModel, type Preset } from "../model.ts";
import { diffusionTraining, plainDiffusion } from "./ddpm.ts";
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

const config = z.strictObject(diffusionFields).refine(fitsHalvings, halvingsRule);
type FlowMatchingConfig = z.infer<typeof config>;

const plain: DiffusionConfig = plainDiffusion;

const presets = {
  smoke: {
    config: { ...plain, image: [1, 8, 8], widths: [4, 8], depth: 1, embedding: 4, timesteps: 50 },
    training: { epochs: 1, batch: 16 },
    about: "seconds; for tests",
  },
  small: {
    config: { ...plain, depth: 1 },
    training: { ...diffusionTraining, epochs: 2, batch: 64 },
    about: "the network and budget of ddpm's small; about six minutes",
  },
  paper: {
    config: { ...plain, image: [3, 32, 32], widths: [128, 256, 256, 256], blocks: "paper", embedding: 128, attention: true },
    training: { learningRate: 2e-4, warmup: 5000, batch: 128, epochs: 1500, clipNorm: 1, ema: 0.9999, flip: true },
    about: "a network of the papers' kind on CIFAR-10: for another machine",
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
} satisfies Record<string, Preset<FlowMatchingConfig>>;

export const flowMatching = defineModel<FlowMatchingConfig, Diffusion>({
  name: "flow-matching",
  title: "Flow matching (rectified flow)",
  family: "diffusion",
  year: 2022,
  paper: "2209.03003",
  summary:
    "Learns the mean direction of straight lines between noise and pictures. To paint, it follows the directions from noise to a picture.",
  config,
  presets,
  data: {
    sets: ["fashion-mnist", "mnist", "cifar10", "emoji", "avatars", "moons", "circles", "ring", "checkerboard", "spirals"],
    labels: false,
    shape: ({ image }) => image,
  },
  build: (settings, rng) => new Diffusion({ ...settings, noiseSchedule: "straight", parameterization: "flow" }, rng),
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
  sampling: z.strictObject({ ...samplingFields("euler", 20), ...editingFields }),
  sample: (model, context) => paint(model, context),
});
