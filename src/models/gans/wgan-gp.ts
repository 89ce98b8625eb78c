/**
 * Wasserstein generative adversarial network, with gradient penalty or with clipped weights.
 * Papers: Gulrajani et al., "Improved training of Wasserstein GANs", 2017, arXiv:1704.00028; Arjovsky, Chintala and Bottou, "Wasserstein generative
 * adversarial networks", 2017, arXiv:1701.07875.
 *
 * The critic gives pictures a score whose slope is held near 1 everywhere between real and fake ones. The difference of the mean scores then estimates
 * how far the fakes are from the data, and its gradient leads there however far that is.
 *
 *   paper        here                     shape             range or unit
 *   x            images                   [B, C, S, S]      intensity in [0, 1]; [-1, 1] inside
 *   x̃            pictures                 [B, C, S, S]      (-1, 1)
 *   x̂            between                  [B, C, S, S]      uniform on the line from x to x̃
 *   D(x)         critic.call()            [B]               any real number
 *   E D(x)-E D(x̃) estimate                scalar            score; an estimate of the distance where slopes are at most 1
 *   (|∇D|-1)²    penalty                  scalar            mean over B
 *   λ            penalty (configuration)  10
 *   c            clip                     0.01 (WGAN)
 *   n_critic     criticSteps              5
 *
 * Departs from the papers: the networks are those of dcgan.ts without batch norm in the critic, at 32 x 32 or 64 x 64; PyTorch's initialisation.
 * Next: conditional-gan.ts, which is told what to paint.
 */
import { z } from "zod";
import { gradients } from "../../autodiff/gradient.ts";
import type { RandomStream } from "../../core/random.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { sumPerExample, type Terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { type Batch, defineModel, type Players } from "../model.ts";
import { diversity, type GanConfig, type Generator, ganFields, type Judge, paintSamples } from "./blocks.ts";
import { pointPlayers } from "./dcgan.ts";
import { asData, makeGenerator, makeJudge, type PointGenerator, type PointJudge, realOf } from "./dense.ts";

const config = z.strictObject({
  ...ganFields,
  criticSteps: z.int().min(1).max(100).describe("moves of the critic for each of the generator, every one on new pictures"),
  penalty: z.number().min(0).max(1000).describe("weight of the gradient penalty; 0 for none"),
  clip: z.number().min(0).max(1).describe("the critic's weights are limited to this size after each of its moves; 0 for no limit"),
});
export type WganConfig = z.infer<typeof config>;

export class Wgan extends Module {
  readonly generator: Generator | PointGenerator;
  readonly critic: Judge | PointJudge;
  readonly config: WganConfig;

  constructor(settings: WganConfig, rng: RandomStream) {
    super();
    this.generator = makeGenerator(settings, { rng });
    this.critic = makeJudge(settings, { rng, kind: "critic" });
    this.config = settings;
  }
}

/**
 * Squared distance of the critic's slope from 1 at points between real and fake pictures. (Gulrajani et al. 2017, Eq. 3, second term.)
 * @param real [B, ...], fake [B, ...], at [B, 1, ...] in [0, 1)
 * @returns [B]
 */
export function gradientPenalty(critic: (pictures: Tensor) => Tensor, real: Tensor, fake: Tensor, at: Tensor): Tensor {
  const between = real.add(at.mul(fake.sub(real))); // Algorithm 1, line 6
  const [slopes] = gradients(critic(between), [between]);
  // Of a slope of exactly 0 the root has no derivative.
  return sumPerExample(slopes.square()).add(1e-12).sqrt().sub(1).square();
}

/** A batch of fresh codes [B, Z]. */
function codesFor({ config }: Wgan, images: Tensor, rng: Rng, name: string): Tensor {
  return rng.normal(name, [images.shape[0], config.codeSize]);
}

function criticLosses(gan: Wgan, batch: Batch, rng: Rng): Record<string, Terms> {
  const images = realOf(gan.config, batch);
  const pictures = gan.generator.call(codesFor(gan, images, rng, "codes"));
  const critic = (x: Tensor) => gan.critic.call(x);
  const estimate = critic(images).mean().sub(critic(pictures).mean());
  if (gan.config.penalty === 0) return { critic: { total: estimate.neg(), terms: { estimate } } };
  const at = rng.uniform("between", [images.shape[0], ...images.shape.slice(1).fill(1)]);
  const penalty = gradientPenalty(critic, images, pictures, at).mean();
  return { critic: { total: penalty.mul(gan.config.penalty).sub(estimate), terms: { estimate, penalty } } }; // Algorithm 1, line 7
}

function generatorLosses(gan: Wgan, batch: Batch, rng: Rng): Record<string, Terms> {
  const images = realOf(gan.config, batch);
  const pictures = gan.generator.call(codesFor(gan, images, rng, "generator codes"));
  const generator = gan.critic.call(pictures).mean().neg(); // Algorithm 1, line 12
  return { generator: { total: generator, terms: { diversity: diversity(images, pictures) } } };
}

export function players({ criticSteps, clip }: WganConfig): Players<Wgan> {
  return {
    parts: ({ generator, critic }) => ({ critic, generator }),
    phases: [
      { moves: ["critic"], losses: criticLosses, repeat: criticSteps },
      { moves: ["generator"], losses: generatorLosses, batch: "same" },
    ],
    ...(clip === 0 ? {} : { clipWeights: { critic: clip } }),
  };
}

/** Scores of held-out pictures, and how far they are above those of samples: [B] each. */
function metrics(gan: Wgan, batch: Batch, rng: Rng): Record<string, Tensor> {
  const images = realOf(gan.config, batch);
  const realScore = gan.critic.call(images);
  const pictures = gan.generator.call(codesFor(gan, images, rng, "codes"));
  return { estimate: realScore.sub(gan.critic.call(pictures)), realScore };
}

const grey: GanConfig = { image: [1, 32, 32], codeSize: 128, width: 32, enlarge: "transposed" };
/** A couple of thousand steps are too few to unlearn the grid that transposed convolutions begin with. */
const small: GanConfig = { ...grey, enlarge: "nearest" };
/** Algorithm 1's defaults. */
const penalised = { criticSteps: 5, penalty: 10, clip: 0 };
const training = { learningRate: 1e-4, beta1: 0, beta2: 0.9 };

export const wganGp = defineModel<WganConfig, Wgan>({
  name: "wgan-gp",
  title: "Wasserstein GAN with gradient penalty",
  family: "gans",
  year: 2017,
  paper: "1704.00028",
  summary:
    "A critic with bounded slope measures how far the painted pictures are from real ones, and the generator goes down that distance. Its loss tells how good the pictures are.",
  config,
  presets: {
    smoke: {
      config: { image: [1, 8, 8], codeSize: 4, width: 8, enlarge: "transposed", ...penalised, criticSteps: 2 },
      training: { ...training, epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: { ...small, ...penalised },
      training: { ...training, learningRate: 5e-4, epochs: 12, batch: 64 },
      about:
        "32 x 32 grey, half the width, enlarged by nearest neighbours, five times the paper's learning rate for so few steps; about six minutes",
    },
    clipping: {
      config: { ...small, ...penalised, penalty: 0, clip: 0.01 },
      training: { optimizer: "rmsprop", learningRate: 5e-5, epochs: 12, batch: 64 },
      about: "`small` as the first Wasserstein GAN: clipped weights instead of the penalty, RMSProp",
    },
    paper: {
      config: { ...grey, ...penalised, image: [1, 64, 64], width: 64 },
      training: { ...training, epochs: 100, batch: 64 },
      about: "the DCGAN's networks at 64 x 64; days",
    },
    toy: {
      config: { ...pointPlayers, ...penalised, penalty: 0.1 },
      training: { ...training, learningRate: 1e-3, beta1: 0.5, epochs: 120, batch: 256 },
      about: "dense players of points in the plane; half a minute",
      data: "ring",
    },
  },
  data: { sets: ["fashion-mnist", "mnist", "ring"], labels: false, shape: ({ image }) => image },
  build: (settings, rng) => new Wgan(settings, rng),
  players,
  metrics,
  metricInfo: {
    estimate: {
      unit: "score",
      better: "lower",
      about: "critic's mean score of held-out pictures minus that of samples, its estimate of their distance",
    },
    realScore: { unit: "score", better: "higher", about: "critic's score of held-out pictures; its zero is arbitrary" },
  },
  codes: ({ codeSize }) => [codeSize],
  decode: ({ generator, config }, codes) => asData(config, generator.call(codes)),
  sample: (gan, context) => paintSamples(gan.config, context, (codes) => gan.generator.call(codes)),
});
