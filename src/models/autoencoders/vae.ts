/**
 * Variational autoencoder.
 * Paper: Kingma and Welling, "Auto-Encoding Variational Bayes", 2013, arXiv:1312.6114.
 *
 * Squeeze a picture into a small Gaussian code, draw from the code, paint the picture back. Training weighs a faithful picture against a tidy
 * code space, so that fresh codes also decode to pictures.
 *
 *   paper        here                 shape             range or unit
 *   x            images               [B, C, H, W]      intensity in [0, 1], or dots 0 and 1 drawn with these probabilities (`binarize`)
 *   z            codes                [B, Z]            prior N(0, I)
 *   q(z|x)       posterior()          mean, logVar      [B, Z] each
 *   p(x|z)       decode()             [B, C, H, W]      logits of a Bernoulli, or of a Gaussian's mean (`likelihood`)
 *   ε            noise                [B, Z]            N(0, I)
 *   L(θ, φ; x)   objective()          scalar terms      nats per picture, mean over B
 *
 * The preset `mlp` is the paper's network (Appendix C.1) on dots, as its section 5 has it. Departs from the paper there: Adam for Adagrad, PyTorch's first
 * weights for N(0, 0.01²), and no prior on the weights. The others have strided convolutions (Foster, "Generative Deep Learning", 2nd edition,
 * chapter 3), and `small` and `paper` grey intensities as Bernoulli probabilities. `paper` is the book's: two numbers a code, and its loss
 * 500 · mean + KL, which is a KL weight of 1024 / 500 = 2.048 against the sum over pixels used here. `book-faces` is the book's network for faces, whose
 * loss 2000 · mean + KL over 3 x 32 x 32 numbers is that of a Gaussian of deviation √(3072 / 4000) = 0.876; its last layer, a transposed convolution of
 * stride 1 there, is a convolution here, which is the same with the filters turned round. `beta`: Higgins et al., "beta-VAE", ICLR 2017.
 * Next: autoencoder.ts is the same without the draw, conditional-vae.ts with something known of the picture.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { Linear } from "../../nn/linear.ts";
import { gaussianKl, type Terms, terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { Warmup } from "../../nn/warmup.ts";
import { type Batch, defineModel, type SampleContext, type Samples } from "../model.ts";
import { Decoder, EncoderTrunk, type NetworkConfig, networkFields, plain } from "./blocks.ts";
import {
  boundOf,
  greyBernoulli,
  importanceBound,
  type LikelihoodConfig,
  likelihoodFields,
  meanOf,
  observed,
  reconstructionNats,
  repeated,
  requireLikelihood,
} from "./likelihood.ts";

const config = z.strictObject({
  ...networkFields,
  ...likelihoodFields,
  klWeight: z.number().min(0).max(1000).describe("weight of the KL term; 1 is the paper, above 1 is a beta-VAE"),
  klWarmup: z
    .int()
    .min(0)
    .max(1_000_000)
    .describe(
      "training steps in which that weight climbs from 0, so that codes are in use before they cost; 0 has it whole from the start",
    ),
});
export type VaeConfig = NetworkConfig & LikelihoodConfig & { klWeight: number; klWarmup: number };

export class Vae extends Module {
  readonly trunk: EncoderTrunk;
  readonly mean: Linear;
  readonly logVar: Linear;
  readonly decoder: Decoder;
  readonly warmup: Warmup | undefined;
  readonly config: VaeConfig;

  constructor(settings: VaeConfig, rng: RandomStream) {
    super();
    requireLikelihood(settings.image, settings);
    this.trunk = new EncoderTrunk(settings, rng);
    this.mean = new Linear({ in: this.trunk.size, out: settings.codeSize, rng });
    this.logVar = new Linear({ in: this.trunk.size, out: settings.codeSize, rng });
    this.decoder = new Decoder(settings, rng);
    if (settings.klWarmup > 0) this.warmup = new Warmup(settings.klWarmup);
    this.config = settings;
  }

  /** q(z|x): images [B, C, H, W] -> mean and logVar [B, Z] */
  posterior(images: Tensor): { mean: Tensor; logVar: Tensor } {
    const features = this.trunk.call(images);
    return { mean: this.mean.call(features), logVar: this.logVar.call(features) };
  }

  /** p(x|z): codes [B, Z] -> logits [B, C, H, W] */
  decode(codes: Tensor): Tensor {
    return this.decoder.call(codes);
  }
}

/** z = mean + std · noise, so that gradients pass through the draw. */
export function reparameterize(mean: Tensor, logVar: Tensor, noise: Tensor): Tensor {
  return mean.add(logVar.mul(0.5).exp().mul(noise)); // Eq. 4, Gaussian case
}

/** The two terms of the bound, one value a picture: [B] each, in nats. */
function bound(vae: Vae, x: Tensor, { mean, logVar }: ReturnType<Vae["posterior"]>, rng: Rng): { reconstruction: Tensor; kl: Tensor } {
  const codes = reparameterize(mean, logVar, rng.normal("noise", mean.shape));
  return {
    reconstruction: reconstructionNats(vae.decode(codes), x, vae.config), // Eq. 10, second term
    kl: gaussianKl(mean, logVar), // Eq. 10, first term (Appendix B)
  };
}

/** What the model learns: pictures, as they are or as dots, or points. */
function given(vae: Vae, { images, points }: Batch, rng: Rng): Tensor {
  return observed(vae.config.image.length === 1 ? points : images, vae.config, rng);
}

export function objective(vae: Vae, batch: Batch, rng: Rng): Terms {
  const x = given(vae, batch, rng);
  const { klWeight } = vae.config;
  return terms(bound(vae, x, vae.posterior(x), rng), { kl: vae.warmup?.call().mul(klWeight) ?? klWeight });
}

/** Held-out terms of the bound, and log p(x) by importance sampling where the configuration asks for it: [B] each, in nats. */
export function metrics(vae: Vae, batch: Batch, rng: Rng): Record<string, Tensor> {
  const x = given(vae, batch, rng);
  const posterior = vae.posterior(x);
  const { reconstruction, kl } = bound(vae, x, posterior, rng);
  const elbo = reconstruction.add(kl).neg();
  const { importanceSamples: samples } = vae.config;
  if (samples === 0) return { reconstruction, kl, elbo };
  const nats = (codes: Tensor, times: number) => reconstructionNats(vae.decode(codes), repeated(x, times), vae.config);
  return { reconstruction, kl, elbo, logLikelihood: importanceBound({ ...posterior, samples, nats, rng }) };
}

/** Pictures are shown as the mean of p(x|z), points are drawn from it. */
export async function* sample(vae: Vae, { count, compile }: SampleContext): AsyncGenerator<Samples> {
  const { codeSize, image, deviation } = vae.config;
  const program = await compile((_inputs, rng) => {
    const mean = meanOf(vae.decode(rng.normal("prior", [count, codeSize])));
    return { pictures: image.length === 1 ? mean.add(rng.normal("likelihood", mean.shape).mul(deviation)) : mean };
  });
  const { pictures } = await program.run();
  yield { data: (pictures as Float32Array).slice(), shape: [count, ...image] };
  await program.dispose();
}

/** Settings that came after the first, as they were before: no dense layers, grey intensities as probabilities, the KL term whole from the start. */
const later = { ...plain, ...greyBernoulli, klWarmup: 0 };
const book: VaeConfig = {
  ...{ image: [1, 32, 32], codeSize: 2, widths: [32, 64, 128], norm: false },
  ...{ ...later, klWeight: 2.048 },
};
/** Black and white digits. */
const dots: VaeConfig = { ...book, image: [1, 28, 28], binarize: true, klWeight: 1 };
/** Points in the plane. */
const toy: VaeConfig = {
  ...{ image: [2], codeSize: 2, widths: [], hidden: [128, 128], activation: "relu", slope: 0.01, norm: false, denseNorm: false },
  ...{ likelihood: "gaussian", deviation: 0.1, binarize: false, importanceSamples: 200, klWeight: 1, klWarmup: 0 },
};
const faces: VaeConfig = {
  ...{ image: [3, 64, 64], codeSize: 200, widths: [24, 48, 64, 128], hidden: [], norm: true, denseNorm: false },
  ...{ activation: "leaky-relu", slope: 0.2 },
  ...{ ...greyBernoulli, likelihood: "gaussian", deviation: 0.38, klWeight: 1, klWarmup: 0 },
};

export const vae = defineModel<VaeConfig, Vae>({
  name: "vae",
  title: "Variational autoencoder",
  family: "autoencoders",
  year: 2013,
  paper: "1312.6114",
  summary: "Learns a tidy space of codes in which every point decodes to a picture. Draw a code, and it paints something new.",
  config,
  presets: {
    smoke: {
      config: { ...book, image: [1, 8, 8], widths: [4, 4, 8], norm: true, klWeight: 1, klWarmup: 3, importanceSamples: 12 },
      training: { epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: { ...book, codeSize: 8, norm: true, klWeight: 1 },
      training: { epochs: 10, batch: 64 },
      about: "a code of 8 numbers and batch norm, whose samples look like the data; about forty seconds an epoch",
    },
    paper: { config: book, training: { epochs: 5, batch: 100 }, about: "the book's two-number code and loss; about four minutes" },
    mlp: {
      config: { ...dots, widths: [], hidden: [500], activation: "tanh", codeSize: 20 },
      training: { epochs: 40, batch: 128, learningRate: 2e-3, schedule: "cosine" },
      about: "the paper's network of 500 tanh units and 20 numbers on black and white MNIST",
      data: "mnist",
    },
    "mnist-conv": {
      config: { ...dots, widths: [32, 64], hidden: [512], codeSize: 32, norm: true, klWarmup: 8000 },
      training: { epochs: 25, batch: 100, learningRate: 3e-3, schedule: "cosine" },
      about: "convolutions on black and white MNIST, the KL term let in over half the training; about nine minutes",
      data: "mnist",
    },
    faces: {
      config: faces,
      training: { epochs: 6, batch: 32, learningRate: 1e-3, schedule: "cosine" },
      about: "colour faces at 64 x 64 with 200 numbers a code",
      data: "avatars",
    },
    "book-faces": {
      config: { ...faces, image: [3, 32, 32], widths: [128, 128, 128, 128], slope: 0.3, denseNorm: true, deviation: 0.876 },
      training: { epochs: 10, batch: 128, learningRate: 5e-4 },
      about: "the book's network and loss for faces at 32 x 32, whose decoder has 700,803 numbers",
      data: "avatars",
    },
    beta: {
      config: { ...book, codeSize: 10, norm: true, klWeight: 4 },
      training: { epochs: 10, batch: 64 },
      about: "a beta-VAE: the KL counts four times, and each number of the code comes to mean one thing; about forty seconds an epoch",
    },
    toy: {
      config: toy,
      training: { epochs: 40, batch: 256, learningRate: 2e-3, schedule: "cosine" },
      about: "points in the plane and a code of two numbers; half a minute",
      data: "moons",
    },
  },
  data: { sets: ["fashion-mnist", "mnist", "avatars", "moons"], labels: false, shape: ({ image }) => image },
  later,
  build: (settings, rng) => new Vae({ ...later, ...settings }, rng),
  objective,
  metrics,
  metricInfo: {
    reconstruction: {
      unit: "nats per picture",
      better: "lower",
      about: "-log p(x|z) of held-out pictures, summed over pixels, one draw a picture",
    },
    kl: { unit: "nats per picture", better: "lower", about: "KL divergence of the code from the prior" },
    elbo: { unit: "nats per picture", better: "higher", about: "evidence lower bound, minus the sum of the two" },
    logLikelihood: {
      unit: "nats per picture",
      better: "higher",
      about: "log p(x) by importance sampling, a tighter bound than elbo (importanceSamples)",
    },
  },
  prior: "normal",
  leaderboard: { likelihood: boundOf },
  encode: (network, images) => network.posterior(images).mean,
  decode: (network, codes) => meanOf(network.decode(codes)),
  reconstruct: (network, images) => meanOf(network.decode(network.posterior(images).mean)),
  sample,
});
