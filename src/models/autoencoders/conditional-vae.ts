/**
 * Conditional variational autoencoder.
 * Papers: Sohn, Lee and Yan, "Learning structured output representation using deep conditional generative models", NeurIPS 2015; the network for
 * pictures of a known class is M2 of Kingma, Rezende, Mohamed and Welling, "Semi-supervised learning with deep generative models", 2014,
 * arXiv:1406.5298, with all labels known.
 *
 * A VAE that is told what a picture shows, on both sides. The code then need not say it, and keeps what is left: the hand, the slant, the stroke. To
 * paint a seven, draw a code and say seven.
 *
 *   papers       here                 shape             range or unit
 *   x            images               [B, C, H, W]      intensity in [0, 1], or dots (`binarize`)
 *   y            conditions           [B, K]            class as one-hot, or attributes as 0 and 1
 *   z            codes                [B, Z]            prior N(0, I), whatever y is
 *   q(z|x, y)    posterior()          mean, logVar      [B, Z] each
 *   p(x|y, z)    decode()             [B, C, H, W]      logits
 *   L(x, y)      objective()          scalar terms      nats per picture, mean over B
 *
 * Departs from the papers: pictures are generated from what is known of them, where Sohn's predicts a structured output y from a picture x with a learned
 * prior p(z|x); of M2 there is no classifier, as no label is missing, and p(y) is left out of the bound, which is of log p(x|y). `small` has convolutions.
 * Next: vae.ts is the same without y.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { constant } from "../../graph/ops/source.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { Linear } from "../../nn/linear.ts";
import { gaussianKl, type Terms, terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { wantedConditions } from "../conditions.ts";
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
import { reparameterize } from "./vae.ts";

const config = z.strictObject({
  ...networkFields,
  ...likelihoodFields,
  conditions: z.int().min(1).max(10_000).describe("numbers known of each picture: its classes, or its attributes"),
  klWeight: z.number().min(0).max(1000).describe("weight of the KL term; 1 is the paper"),
});
export type ConditionalVaeConfig = NetworkConfig & LikelihoodConfig & { conditions: number; klWeight: number };

export class ConditionalVae extends Module {
  readonly trunk: EncoderTrunk;
  readonly mean: Linear;
  readonly logVar: Linear;
  readonly decoder: Decoder;
  readonly config: ConditionalVaeConfig;

  constructor(settings: ConditionalVaeConfig, rng: RandomStream) {
    super();
    requireLikelihood(settings.image, settings);
    this.trunk = new EncoderTrunk(settings, rng, settings.conditions);
    this.mean = new Linear({ in: this.trunk.size, out: settings.codeSize, rng });
    this.logVar = new Linear({ in: this.trunk.size, out: settings.codeSize, rng });
    this.decoder = new Decoder(settings, rng, settings.conditions);
    this.config = settings;
  }

  /** q(z|x, y): images [B, C, H, W], conditions [B, K] -> mean and logVar [B, Z] */
  posterior(images: Tensor, conditions: Tensor): { mean: Tensor; logVar: Tensor } {
    const features = this.trunk.call(images, conditions);
    return { mean: this.mean.call(features), logVar: this.logVar.call(features) };
  }

  /** p(x|y, z): codes [B, Z], conditions [B, K] -> logits [B, C, H, W] */
  decode(codes: Tensor, conditions: Tensor): Tensor {
    return this.decoder.call(codes, conditions);
  }
}

interface Drawn {
  /** What is observed, [B, C, H, W]. */
  x: Tensor;
  posterior: { mean: Tensor; logVar: Tensor };
  /** [B] each, in nats. */
  reconstruction: Tensor;
  kl: Tensor;
}

/** The two terms of the bound of log p(x|y), with one draw a picture. (Kingma et al. 2014, Eq. 6, without log p(y).) */
function bound(network: ConditionalVae, { images, points, conditions }: Batch, rng: Rng): Drawn {
  const x = observed(network.config.image.length === 1 ? points : images, network.config, rng);
  const posterior = network.posterior(x, conditions);
  const { mean, logVar } = posterior;
  const codes = reparameterize(mean, logVar, rng.normal("noise", mean.shape));
  const reconstruction = reconstructionNats(network.decode(codes, conditions), x, network.config);
  return { x, posterior, reconstruction, kl: gaussianKl(mean, logVar) };
}

export function objective(network: ConditionalVae, batch: Batch, rng: Rng): Terms {
  const { reconstruction, kl } = bound(network, batch, rng);
  return terms({ reconstruction, kl }, { kl: network.config.klWeight });
}

/** Held-out terms of the bound, and log p(x|y) by importance sampling where the configuration asks for it: [B] each, in nats. */
export function metrics(network: ConditionalVae, batch: Batch, rng: Rng): Record<string, Tensor> {
  const { x, posterior, reconstruction, kl } = bound(network, batch, rng);
  const elbo = reconstruction.add(kl).neg();
  const { importanceSamples: samples } = network.config;
  if (samples === 0) return { reconstruction, kl, elbo };
  const nats = (codes: Tensor, times: number) =>
    reconstructionNats(network.decode(codes, repeated(batch.conditions, times)), repeated(x, times), network.config);
  return { reconstruction, kl, elbo, logLikelihood: importanceBound({ ...posterior, samples, nats, rng }) };
}

/** Pictures are shown as the mean of p(x|y, z), points are drawn from it. */
export async function* sample(network: ConditionalVae, context: SampleContext): AsyncGenerator<Samples> {
  const { codeSize, conditions: known, image, deviation } = network.config;
  const { count } = context;
  const program = await context.compile<"conditions", "pictures">(
    ({ conditions }, rng) => {
      const mean = meanOf(network.decode(rng.normal("prior", [count, codeSize]), conditions));
      return { pictures: image.length === 1 ? mean.add(rng.normal("likelihood", mean.shape).mul(deviation)) : mean };
    },
    { inputs: { conditions: { shape: [count, known] } } },
  );
  const { pictures } = await program.run({ conditions: wantedConditions(context, known) });
  yield { data: (pictures as Float32Array).slice(), shape: [count, ...image] };
  await program.dispose();
}

/** What is known, or that nothing is: zeros. */
function orNothing(network: ConditionalVae, like: Tensor, conditions: Tensor | undefined): Tensor {
  const shape = [like.shape[0], network.config.conditions];
  return conditions ?? constant(new Float32Array(shape[0] * shape[1]), "float32", shape);
}

const digits: ConditionalVaeConfig = {
  // Without dense layers the class enters linearly, and the codes keep it.
  ...{ image: [1, 28, 28], codeSize: 16, widths: [32, 64], norm: true, ...plain, hidden: [256] },
  ...{ ...greyBernoulli, conditions: 10, klWeight: 1 },
};

export const conditionalVae = defineModel<ConditionalVaeConfig, ConditionalVae>({
  name: "conditional-vae",
  title: "Conditional variational autoencoder",
  family: "autoencoders",
  year: 2015,
  paper: "Sohn et al., NeurIPS 2015; 1406.5298 (M2)",
  summary:
    "A variational autoencoder that is told what each picture shows. Say what you want, draw a code, and it paints one of that kind.",
  config,
  presets: {
    smoke: {
      config: { ...digits, image: [1, 8, 8], codeSize: 2, widths: [4, 8], hidden: [8], conditions: 4, importanceSamples: 3 },
      training: { epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: digits,
      training: { epochs: 4, batch: 128, learningRate: 2e-3, schedule: "cosine" },
      about: "convolutions and 16 numbers a code; about three minutes",
    },
    paper: {
      config: { ...digits, codeSize: 50, widths: [], hidden: [500], norm: false, activation: "softplus", binarize: true },
      training: { epochs: 100, batch: 128 },
      about: "500 softplus units each way and 50 numbers a code, black and white digits; about ten minutes",
    },
    faces: {
      config: {
        ...{ ...digits, image: [3, 64, 64], codeSize: 200, widths: [24, 48, 64, 128], activation: "leaky-relu", slope: 0.2 },
        ...{ likelihood: "gaussian", deviation: 0.6, conditions: 24 },
      },
      training: { epochs: 6, batch: 32, schedule: "cosine" },
      about: "colour faces by their 24 attributes",
      data: "avatars",
    },
    toy: {
      config: {
        ...{ ...digits, image: [2], codeSize: 2, widths: [], hidden: [128, 128], norm: false, conditions: 2 },
        ...{ likelihood: "gaussian", deviation: 0.1, importanceSamples: 200 },
      },
      training: { epochs: 40, batch: 256, learningRate: 2e-3, schedule: "cosine" },
      about: "points in the plane by their class, and a code of two numbers; half a minute",
      data: "moons",
    },
  },
  data: {
    sets: ["mnist", "fashion-mnist", "avatars", "moons"],
    labels: false,
    conditions: ({ conditions }) => conditions,
    shape: ({ image }) => image,
  },
  build: (settings, rng) => new ConditionalVae(settings, rng),
  objective,
  metrics,
  metricInfo: {
    reconstruction: {
      unit: "nats per picture",
      better: "lower",
      about: "-log p(x|y, z) of held-out pictures, summed over pixels, one draw a picture",
    },
    kl: { unit: "nats per picture", better: "lower", about: "KL divergence of the code from the prior" },
    elbo: { unit: "nats per picture", better: "higher", about: "lower bound of log p(x|y), minus the sum of the two" },
    logLikelihood: {
      unit: "nats per picture",
      better: "higher",
      about: "log p(x|y) by importance sampling, a tighter bound than elbo (importanceSamples)",
    },
  },
  prior: "normal",
  leaderboard: { likelihood: (settings) => ({ ...boundOf(settings), of: `${boundOf(settings).of}, given the class` }) },
  encode: (network, images, conditions) => network.posterior(images, orNothing(network, images, conditions)).mean,
  decode: (network, codes, conditions) => meanOf(network.decode(codes, orNothing(network, codes, conditions))),
  reconstruct: (network, images, conditions) => {
    const known = orNothing(network, images, conditions);
    return meanOf(network.decode(network.posterior(images, known).mean, known));
  },
  sample,
});
