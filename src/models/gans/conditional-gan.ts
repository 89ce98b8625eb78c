/**
 * Conditional generative adversarial network.
 * Paper: Mirza and Osindero, "Conditional generative adversarial nets", 2014, arXiv:1411.1784.
 *
 * Both players are told what a picture shall show: the generator paints to order, and the discriminator also turns down good pictures of something else.
 *
 *   paper        here                     shape             range or unit
 *   x            images                   [B, C, S, S]      intensity in [0, 1]; [-1, 1] inside
 *   y            conditions               [B, K]            one-hot class, or attributes as 0 and 1
 *   z            codes                    [B, Z]            prior N(0, I)
 *   G(z|y)       generator                [B, C, S, S]      (-1, 1)
 *   D(x|y)       discriminator            [B]               logit of "real, and of y"
 *
 * Departs from the paper: the networks are the DCGAN's (dcgan.ts) instead of maxout layers. The condition joins the code as further numbers, and the
 * picture as one further channel that a linear layer draws from it.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { concat, full } from "../../graph/ops/movement.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { Linear } from "../../nn/linear.ts";
import type { Terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { type Batch, defineModel, type Players, type SampleContext, type Samples } from "../model.ts";
import { Generator, Judge, painterFields, paintSamples, toIntensity, toSigned } from "./blocks.ts";
import { dcganTraining, discriminatorFields, discriminatorMetricInfo, firstWeights, minimax } from "./dcgan.ts";

const config = z.strictObject({
  ...painterFields,
  ...discriminatorFields,
  conditions: z.int().min(1).max(1000).describe("classes of the data, or attributes where they have any"),
});
export type ConditionalGanConfig = z.infer<typeof config>;

/** D(x|y). */
class ConditionalJudge extends Module {
  /** Draws a channel from the conditions. */
  readonly channel: Linear;
  readonly judge: Judge;

  constructor(settings: ConditionalGanConfig, rng: RandomStream) {
    super();
    const { conditions, dropout, image } = settings;
    this.channel = new Linear({ in: conditions, out: image[1] * image[2], rng });
    this.judge = new Judge(settings, { rng, init: firstWeights, kind: "discriminator", dropout, conditions: 1 });
  }

  /** pictures [B, C, S, S] in [-1, 1], conditions [B, K] -> logits [B] */
  call(pictures: Tensor, conditions: Tensor): Tensor {
    const [B, , H, W] = pictures.dims("B C H W");
    return this.judge.call(concat([pictures, this.channel.call(conditions).reshape([B, 1, H, W])], 1));
  }
}

export class ConditionalGan extends Module {
  readonly generator: Generator;
  readonly discriminator: ConditionalJudge;
  readonly config: ConditionalGanConfig;

  constructor(settings: ConditionalGanConfig, rng: RandomStream) {
    super();
    this.generator = new Generator(settings, { rng, init: firstWeights, conditions: settings.conditions });
    this.discriminator = new ConditionalJudge(settings, rng);
    this.config = settings;
  }

  /** G(z|y): codes [B, Z], conditions [B, K] -> pictures [B, C, S, S] in (-1, 1) */
  paint(codes: Tensor, conditions: Tensor): Tensor {
    return this.generator.call(concat([codes, conditions], 1));
  }
}

function losses(gan: ConditionalGan, batch: Batch, rng: Rng): Record<string, Terms> {
  const { conditions } = batch;
  const images = toSigned(batch.images);
  const pictures = gan.paint(rng.normal("codes", [images.shape[0], gan.config.codeSize]), conditions);
  const [real, fake] = [gan.discriminator.call(images, conditions), gan.discriminator.call(pictures, conditions)];
  return minimax(gan.config, { images, pictures, real, fake }, rng);
}

export function players(): Players<ConditionalGan> {
  return {
    parts: ({ generator, discriminator }) => ({ discriminator, generator }),
    phases: [{ moves: ["discriminator", "generator"], losses }],
  };
}

function metrics(gan: ConditionalGan, { images, conditions }: Batch, rng: Rng): Record<string, Tensor> {
  const codes = rng.normal("codes", [images.shape[0], gan.config.codeSize]);
  return {
    realProbability: gan.discriminator.call(toSigned(images), conditions).sigmoid(),
    fakeProbability: gan.discriminator.call(gan.paint(codes, conditions), conditions).sigmoid(),
  };
}

export function sample(gan: ConditionalGan, context: SampleContext): AsyncGenerator<Samples> {
  return paintSamples(gan.config, context, (codes, conditions) => gan.paint(codes, conditions!));
}

const grey: Omit<ConditionalGanConfig, "conditions" | keyof typeof discriminatorFields> = {
  ...{ image: [1, 32, 32], codeSize: 100, width: 32, enlarge: "transposed" },
};
const ten = { conditions: 10, labelNoise: 0, smoothing: 0, dropout: 0 };

export const conditionalGan = defineModel<ConditionalGanConfig, ConditionalGan>({
  name: "conditional-gan",
  title: "Conditional GAN",
  family: "gans",
  year: 2014,
  paper: "1411.1784",
  summary: "A GAN whose two players are told what the picture shall show, a digit say, or glasses and black hair. It paints to order.",
  config,
  presets: {
    smoke: {
      config: { image: [1, 8, 8], codeSize: 4, width: 8, enlarge: "transposed", ...ten },
      training: { ...dcganTraining, epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: { ...grey, ...ten },
      training: { ...dcganTraining, epochs: 8, batch: 64 },
      about: "digits at 32 x 32; about three minutes",
    },
    paper: {
      config: { ...grey, ...ten, width: 64 },
      training: { ...dcganTraining, epochs: 25, batch: 128 },
      about: "twice the width; about an hour",
    },
  },
  data: { sets: ["mnist", "fashion-mnist"], labels: false, conditions: ({ conditions }) => conditions, shape: ({ image }) => image },
  build: (settings, rng) => new ConditionalGan(settings, rng),
  players,
  metrics,
  metricInfo: discriminatorMetricInfo,
  codes: ({ codeSize }) => [codeSize],
  decode: (gan, codes, conditions) => toIntensity(gan.paint(codes, conditions ?? full([codes.shape[0], gan.config.conditions], 0))),
  sample,
});
