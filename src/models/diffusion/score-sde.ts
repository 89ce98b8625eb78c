/**
 * Score-based generative modelling through stochastic differential equations.
 * Papers: Song, Sohl-Dickstein, Kingma, Kumar, Ermon and Poole, "Score-based generative modeling through stochastic differential equations", 2021,
 * arXiv:2011.13456; the weighting by likelihood and its bound: Song, Durkan, Murray and Ermon, "Maximum likelihood training of score-based diffusion models",
 * 2021, arXiv:2101.09258; denoising score matching: Vincent, "A connection between score matching and denoising autoencoders", 2011.
 *
 * Let noise flow into the data until nothing else is left, and learn the score ∇ log p_t(x), which points to where data are denser, at every degree of noise.
 * With the score the flow can be turned round: step by step with noise, or along an equation without any, which also says how probable each example is.
 *
 *   paper              here                      shape             range or unit
 *   x(0)               examples                  [B, D] or [B, C, H, W]  points as they are; pictures in [-1, 1]
 *   t                  t                         [B]               [earliest, 1]
 *   f(x, t), g(t)      drift() x, diffusion()    [B]               sde.ts; diffusion() is g²
 *   p_0t(x(t)|x(0))    scale(), deviation()      [B]               x(t) = m x(0) + σ z
 *   s_θ(x, t)          -noise() / deviation()    as x              score
 *   λ(t)               weighting                 σ², or g²         Eq. 7
 *   N, M, r            steps, correctorSteps, snr                  Algorithm 1 (sde-samplers.ts)
 *   log p_0(x)         flowLikelihood()          [B]               nats, Eq. 39 (probability-flow.ts)
 *
 * Departs from the papers: the network gives a correction to the best linear guess of the noise (Karras et al. 2022, arXiv:2206.00364, Table 1), is told the
 * logarithm of the noise, and is the family's U-Net or a perceptron, not NCSN++ or DDPM++; VP and sub-VP samplers take steps that are even in √t, not in t; all
 * pictures are in [-1, 1]; PyTorch's first weights.
 * Next: ncsn.ts, where it began, with a row of noise levels; ddpm.ts, the VP equation in discrete steps.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { type ExampleShape, isPoint } from "../../data/dataset.ts";
import { concat } from "../../graph/ops/movement.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { squaredError, sumPerExample, type Terms, terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { type Batch, defineModel, type SampleContext, type Samples } from "../model.ts";
import { flowLikelihood, type ScoreModel } from "./probability-flow.ts";
import { examplesOf, finished, fitsHalvings, NoiseNet, type NoiseNetConfig, noiseNetFields } from "./score-nets.ts";
import { diffuse, paperSde, type Sde, type SdeConfig, sdeFields, sdeOf } from "./sde.ts";
import { samplerFields, sampleSde } from "./sde-samplers.ts";

const config = z
  .strictObject({
    ...noiseNetFields,
    ...sdeFields,
    weighting: z
      .enum(["noise", "likelihood"])
      .describe(
        "of the score's error over time: noise (σ²) for the look of samples, likelihood (g²) for the density, with times drawn accordingly",
      ),
    odeSteps: z
      .int()
      .min(0)
      .max(1000)
      .describe("Runge-Kutta steps, four evaluations each, of the likelihood by the probability-flow equation; 0 leaves these metrics out"),
  })
  .refine(fitsHalvings, { error: "height and width must be divisible by 2 for each resolution after the first", path: ["image"] });
export type ScoreSdeConfig = NoiseNetConfig & SdeConfig & { weighting: "noise" | "likelihood"; odeSteps: number };

/** The network, and the equation that makes a score of what it says. */
export class ScoreSde extends Module implements ScoreModel {
  readonly net: NoiseNet;
  readonly config: ScoreSdeConfig;
  readonly sde: Sde;

  constructor(settings: ScoreSdeConfig, rng: RandomStream) {
    super();
    this.net = new NoiseNet(settings, rng);
    this.config = settings;
    this.sde = sdeOf(settings);
  }

  /** The noise z in x = m x(0) + σ z: x [B, ...], t [B] -> [B, ...]. */
  noise(x: Tensor, t: Tensor): Tensor {
    return this.net.call(x, this.sde.scale(t), this.sde.deviation(t));
  }
}

/** The same with bytes of pictures spread evenly over their 256th of [-1, 1], as densities need it (Theis et al. 2016). */
function spreadExamples(model: ScoreSde, batch: Batch, rng: Rng): Tensor {
  if (isPoint(model.config.image)) return batch.points;
  const { images } = batch;
  return images
    .mul(255)
    .add(rng.uniform("dequantization", images.shape))
    .mul(1 / 128)
    .sub(1);
}

/** -log of what a density over [-1, 1] gives a byte per unit: nats to be added for each number of a picture; none for points. */
function bytesNats(shape: ExampleShape): number {
  return isPoint(shape) ? 0 : shape.reduce((a, b) => a * b, 1) * Math.log(128);
}

/** ‖ẑ - z‖² at t, [B]: σ² times the squared error of the score (Eq. 7), summed over an example's numbers. */
function denoisingError(model: ScoreSde, x: Tensor, t: Tensor, noise: Tensor): Tensor {
  return squaredError(model.noise(diffuse(model.sde, x, t, noise), t), noise);
}

/**
 * An upper bound on -log p(x) in nats, [B] each, by one time and one noise an example (Song et al., arXiv:2101.09258, Theorem 3): the cross entropy of x(1) with the
 * prior, and the score's error with weight g², drawn by `Sde.likelihoodTime`. The chance of the noise's size, ‖z‖² - D, whose mean is 0, is taken out as far as
 * it stays in the error: by the share of the noise that the best linear guess misses. This changes no mean and no gradient.
 */
export function boundNats(model: ScoreSde, x: Tensor, rng: Rng): Tensor {
  const { sde } = model;
  const size = x.size / x.shape[0];
  const { scale, deviation } = sde.last;
  const t = sde.likelihoodTime(rng.uniform("likelihood time", [x.shape[0]]));
  const noise = rng.normal("noise", x.shape);
  const missed = sde
    .scale(t)
    .square()
    .div(sde.scale(t).square().add(sde.deviation(t).square()));
  const error = denoisingError(model, x, t, noise)
    .sub(size)
    .sub(missed.mul(sumPerExample(noise.square()).sub(size)))
    .mul(0.5 * sde.likelihoodMass);
  const prior = sumPerExample(x.square())
    .mul(scale ** 2)
    .add(size * deviation ** 2)
    .mul(0.5 / sde.prior ** 2);
  const constant = size * (Math.log(sde.prior) + 0.5 * Math.log(2 * Math.PI) - sde.totalDrift);
  return prior.add(error).add(constant + bytesNats(model.config.image));
}

export function objective(model: ScoreSde, batch: Batch, rng: Rng): Terms {
  if (model.config.weighting === "likelihood") return terms({ bound: boundNats(model, spreadExamples(model, batch, rng), rng) });
  const x = examplesOf(model.config, batch);
  return terms({ denoising: denoisingError(model, x, evenTimes(model.sde, x, rng), rng.normal("noise", x.shape)) });
}

/** Times drawn evenly from [earliest, 1]: [B]. */
function evenTimes({ earliest }: Sde, x: Tensor, rng: Rng): Tensor {
  return rng
    .uniform("time", [x.shape[0]])
    .mul(1 - earliest)
    .add(earliest);
}

/** -log p of examples as the equation sees them, [B], nats: with the exact divergence for points, by one random direction for pictures. */
function flowNats(model: ScoreSde, x: Tensor, rng?: Rng): Tensor {
  const { image, odeSteps } = model.config;
  return flowLikelihood(model, x, { steps: Math.max(1, odeSteps), rng: isPoint(image) ? undefined : rng })
    .logDensity.neg()
    .add(bytesNats(image));
}

/** Times and noises that a point's bound is the mean of: for pictures one has little chance in it, for points much. */
const POINT_DRAWS = 16;

function metrics(model: ScoreSde, batch: Batch, rng: Rng): Record<string, Tensor> {
  const x = spreadExamples(model, batch, rng);
  const { image, odeSteps } = model.config;
  const bits = 1 / (image.reduce((a, b) => a * b, 1) * Math.LN2);
  const plain = examplesOf(model.config, batch);
  const denoising = denoisingError(model, plain, evenTimes(model.sde, plain, rng), rng.normal("noise", plain.shape));
  const draws = isPoint(image) ? POINT_DRAWS : 1;
  const bound = boundNats(model, draws === 1 ? x : concat(Array.from({ length: draws }, () => x)), rng)
    .reshape([draws, x.shape[0]])
    .mean(0);
  const cheap = { denoising, bound, boundBitsPerDim: bound.mul(bits) };
  if (odeSteps === 0) return cheap;
  const nats = flowNats(model, x, rng);
  return { ...cheap, nats, bitsPerDim: nats.mul(bits) };
}

const sampling = z.strictObject(samplerFields);

export async function* sample(model: ScoreSde, context: SampleContext): AsyncGenerator<Samples> {
  const { image } = model.config;
  for await (const values of sampleSde(model, sampling.parse(context.options ?? {}), image, context))
    yield { data: finished(model.config, values), shape: [context.count, ...image] };
}

const points: ScoreSdeConfig = {
  ...{ image: [2], units: 128, layers: 3, detail: 0.05, ...paperSde },
  ...{ widths: [8], depth: 1, blocks: "book", embedding: 2, attention: false },
  ...{ weighting: "likelihood", odeSteps: 20 },
};
const pictures: ScoreSdeConfig = {
  ...points,
  ...{ image: [1, 32, 32], detail: 0, widths: [32, 48, 64], embedding: 32, weighting: "noise", odeSteps: 0 },
};
const pointTraining = { epochs: 100, batch: 512, learningRate: 5e-3, schedule: "cosine", ema: 0.999 } as const;
const pictureTraining = { epochs: 3, batch: 64, learningRate: 1e-3, schedule: "cosine", warmup: 100, ema: 0.995 } as const;

export const scoreSde = defineModel<ScoreSdeConfig, ScoreSde>({
  name: "score-sde",
  title: "Score-based diffusion by stochastic differential equations",
  family: "diffusion",
  year: 2021,
  paper: "2011.13456",
  summary:
    "Learns, at every degree of noise, in which direction examples become more probable. Noise that follows this direction becomes a picture, and the same way back says how probable a picture is.",
  config,
  presets: {
    smoke: {
      config: { ...pictures, image: [1, 8, 8], widths: [4, 8], embedding: 4, odeSteps: 2 },
      training: { epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: { config: pictures, training: pictureTraining, about: "the variance-preserving equation; about six minutes" },
    ve: {
      config: { ...pictures, sde: "ve" },
      training: pictureTraining,
      about: "`small` with the variance-exploding equation",
    },
    paper: {
      config: {
        ...pictures,
        image: [3, 32, 32],
        ...{ widths: [128, 256, 256, 256], depth: 4, blocks: "paper", embedding: 128, attention: true },
      },
      training: { epochs: 3328, batch: 128, learningRate: 2e-4, warmup: 5000, clipNorm: 1, ema: 0.9999, flip: true },
      about: "the paper's 1.3 million steps on CIFAR-10: for another machine",
      data: "cifar10",
    },
    toy: {
      config: points,
      training: pointTraining,
      about: "points in the plane, trained for their likelihood; about half a minute",
      data: "moons",
    },
    "toy-ve": {
      config: { ...points, sde: "ve", sigmaMax: 20 },
      training: pointTraining,
      about: "`toy` with the variance-exploding equation",
      data: "moons",
    },
    "toy-subvp": {
      config: { ...points, sde: "subvp" },
      training: pointTraining,
      about: "`toy` with the sub-variance-preserving equation",
      data: "moons",
    },
  },
  data: {
    sets: ["fashion-mnist", "mnist", "cifar10", "emoji", "avatars", "moons", "circles", "ring", "checkerboard", "spirals"],
    labels: false,
    shape: ({ image }) => image,
  },
  build: (settings, rng) => new ScoreSde(settings, rng),
  objective,
  metrics,
  metricInfo: {
    denoising: {
      unit: "squared error per example",
      better: "lower",
      about: "of the noise found in held-out examples, summed over their numbers, at times drawn evenly",
    },
    bound: {
      unit: "nats per example",
      better: "lower",
      about: "upper bound on -log p of held-out examples under the stochastic equation; pictures in 256 levels, each spread over its 256th",
    },
    boundBitsPerDim: { unit: "bits per dimension", better: "lower", about: "the bound divided by the example's numbers and ln 2" },
    nats: {
      unit: "nats per example",
      better: "lower",
      about:
        "-log p of held-out examples by the probability-flow equation (odeSteps): exact for points, by one random direction each for pictures",
    },
    bitsPerDim: { unit: "bits per dimension", better: "lower", about: "the same divided by the example's numbers and ln 2" },
  },
  leaderboard: { likelihood: () => ({ metrics: ["bound"], kind: "bound", of: "256 levels" }) },
  logDensity: (model, examples) => flowNats(model, examples).neg(),
  sampling,
  sample,
});
