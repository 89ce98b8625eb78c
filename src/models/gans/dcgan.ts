/**
 * Deep convolutional generative adversarial network.
 * Paper: Radford, Metz and Chintala, "Unsupervised representation learning with deep convolutional generative adversarial networks", 2015,
 * arXiv:1511.06434; the game is that of Goodfellow et al., "Generative adversarial networks", 2014, arXiv:1406.2661.
 *
 * A generator paints pictures from random codes, a discriminator tells them from real ones, and each learns from the other's successes.
 *
 *   paper        here                     shape             range or unit
 *   x            images                   [B, C, S, S]      intensity in [0, 1]; [-1, 1] inside
 *   z            codes                    [B, Z]            prior N(0, I)
 *   G(z)         generator.call()         [B, C, S, S]      (-1, 1)
 *   D(x)         discriminator.call()     [B]               logit of "real"
 *   -log D(x)    real                     scalar            nats per picture, mean over B
 *   -log(1-D(G)) fake                     scalar            nats per picture, mean over B
 *   -log D(G)    generator                scalar            nats per picture, mean over B
 *
 * Departs from the paper: filters of 4 x 4 instead of 5 x 5, so that strides divide them; leaky ReLU in the generator too; normal codes. All three are
 * Foster's ("Generative Deep Learning", 2nd edition, chapter 4), whose dropout and label noise the `paper` preset has. His noise moves the targets
 * out of [0, 1], where a cross entropy of logits has no minimum; here it moves them inwards. One-sided smoothing is Salimans et al. 2016, section 3.4;
 * the preset `upsampling` enlarges as Odena et al., "Deconvolution and checkerboard artifacts", 2016, propose.
 * Next: wgan-gp.ts, whose loss does not vanish when the other player is sure.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { full } from "../../graph/ops/movement.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { normal } from "../../nn/init.ts";
import { binaryCrossEntropy, type Terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { type Batch, defineModel, type Players } from "../model.ts";
import { diversity, type GanConfig, type Generator, ganFields, type Judge, paintSamples } from "./blocks.ts";
import { asData, makeGenerator, makeJudge, type PointGenerator, type PointJudge, realOf } from "./dense.ts";

/** What tames a discriminator: shared with the conditional GAN. */
export const discriminatorFields = {
  labelNoise: z.number().min(0).max(0.5).describe("targets of both kinds are moved towards each other by a uniform draw up to this"),
  smoothing: z.number().min(0).max(0.5).describe("taken off the target of real pictures only"),
  dropout: z.number().min(0).max(0.95).describe("share of the discriminator's features dropped while training"),
};

const config = z.strictObject({ ...ganFields, ...discriminatorFields });
export type DcganConfig = z.infer<typeof config>;

/** "All weights were initialized from a zero-centered Normal distribution with standard deviation 0.02" (section 4). */
export const firstWeights = normal(0.02);

export class Dcgan extends Module {
  readonly generator: Generator | PointGenerator;
  readonly discriminator: Judge | PointJudge;
  readonly config: DcganConfig;

  constructor(settings: DcganConfig, rng: RandomStream) {
    super();
    this.generator = makeGenerator(settings, { rng, init: firstWeights });
    this.discriminator = makeJudge(settings, { rng, init: firstWeights, kind: "discriminator", dropout: settings.dropout });
    this.config = settings;
  }
}

/**
 * Both players' terms of one forward pass, by player. (Goodfellow et al. 2014, Eq. 1, halved; for the generator section 3: it maximises log D(G(z)).)
 * @param real logits [B] of the real pictures `images`, fake logits [B] of `pictures`
 */
export function minimax(
  { labelNoise, smoothing }: Pick<DcganConfig, "labelNoise" | "smoothing">,
  { images, pictures, real, fake }: Readonly<Record<"images" | "pictures" | "real" | "fake", Tensor>>,
  rng: Rng,
): Record<"discriminator" | "generator", Terms> {
  const noise = (name: string) => (labelNoise === 0 ? full(real.shape, 0) : rng.uniform(name, real.shape).mul(labelNoise));
  const onReal = binaryCrossEntropy(real, full(real.shape, 1 - smoothing).sub(noise("real labels"))).mean();
  const onFake = binaryCrossEntropy(fake, noise("fake labels")).mean();
  const generator = binaryCrossEntropy(fake, full(fake.shape, 1)).mean();
  return {
    discriminator: { total: onReal.add(onFake).mul(0.5), terms: { real: onReal, fake: onFake } },
    generator: { total: generator, terms: { diversity: diversity(images, pictures) } },
  };
}

function losses(gan: Dcgan, batch: Batch, rng: Rng): Record<string, Terms> {
  const images = realOf(gan.config, batch);
  const pictures = gan.generator.call(rng.normal("codes", [images.shape[0], gan.config.codeSize]));
  const [real, fake] = [gan.discriminator.call(images), gan.discriminator.call(pictures)];
  return minimax(gan.config, { images, pictures, real, fake }, rng);
}

export function players(): Players<Dcgan> {
  return {
    parts: ({ generator, discriminator }) => ({ discriminator, generator }),
    phases: [{ moves: ["discriminator", "generator"], losses }],
  };
}

/** How sure the discriminator is that held-out pictures and that samples are real: [B] each. */
function metrics({ generator, discriminator, config }: Dcgan, batch: Batch, rng: Rng): Record<string, Tensor> {
  const real = realOf(config, batch);
  const codes = rng.normal("codes", [real.shape[0], config.codeSize]);
  return {
    realProbability: discriminator.call(real).sigmoid(),
    fakeProbability: discriminator.call(generator.call(codes)).sigmoid(),
  };
}

/** Of every GAN whose judge gives logits. */
export const discriminatorMetricInfo = {
  realProbability: {
    unit: "probability",
    better: "higher",
    about: "what the discriminator gives held-out pictures for being real; distances to the data come from --distances",
  },
  fakeProbability: { unit: "probability", better: "higher", about: "what it gives samples; 0.5 on both sides is a draw" },
} as const;

const grey: GanConfig = { image: [1, 32, 32], codeSize: 100, width: 32, enlarge: "transposed" };
/** Players of points: no convolutions are left of the DCGAN. */
export const pointPlayers: GanConfig = { image: [2], codeSize: 2, width: 128, enlarge: "transposed" };
const tame = { labelNoise: 0, smoothing: 0, dropout: 0 };
/** Section 4: "the suggested value of 0.001 to be too high ... momentum term 0.9 resulted in training oscillation". */
export const dcganTraining = { learningRate: 2e-4, beta1: 0.5 };

export const dcgan = defineModel<DcganConfig, Dcgan>({
  name: "dcgan",
  title: "DCGAN",
  family: "gans",
  year: 2015,
  paper: "1511.06434",
  summary:
    "A generator paints from random codes, a discriminator tells its pictures from real ones. Each learns from the other until the pictures pass.",
  config,
  presets: {
    smoke: {
      config: { image: [1, 8, 8], codeSize: 4, width: 8, enlarge: "transposed", labelNoise: 0.1, smoothing: 0.1, dropout: 0 },
      training: { ...dcganTraining, epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: { ...grey, ...tame },
      training: { ...dcganTraining, epochs: 8, batch: 64 },
      about: "32 x 32 grey, half the width; about three minutes",
    },
    upsampling: {
      config: { ...grey, ...tame, enlarge: "nearest" },
      training: { ...dcganTraining, epochs: 8, batch: 64 },
      about: "`small` with repeated pixels and a convolution instead of the transposed one",
    },
    paper: {
      config: { ...grey, image: [1, 64, 64], width: 64, labelNoise: 0.1, smoothing: 0, dropout: 0.3 },
      training: { ...dcganTraining, epochs: 25, batch: 128 },
      about: "the book's networks at 64 x 64; hours",
    },
    toy: {
      config: { ...pointPlayers, ...tame },
      training: { ...dcganTraining, epochs: 60, batch: 256 },
      about: "the game alone: dense players of points in the plane; half a minute",
      data: "ring",
    },
  },
  data: { sets: ["fashion-mnist", "mnist", "ring"], labels: false, shape: ({ image }) => image },
  build: (settings, rng) => new Dcgan(settings, rng),
  players,
  metrics,
  metricInfo: discriminatorMetricInfo,
  codes: ({ codeSize }) => [codeSize],
  decode: ({ generator, config }, codes) => asData(config, generator.call(codes)),
  sample: (gan, context) => paintSamples(gan.config, context, (codes) => gan.generator.call(codes)),
});
