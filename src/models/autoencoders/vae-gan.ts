/**
 * VAE-GAN: a variational autoencoder whose reconstructions are judged by a discriminator's features.
 * Paper: Larsen, Sønderby, Larochelle and Winther, "Autoencoding beyond pixels using a learned similarity metric", 2015, arXiv:1512.09300.
 *
 * An autoencoder that is asked for the right pixels blurs whatever it is unsure of. Here it is asked for pictures that a discriminator sees as alike, and
 * the discriminator learns at the same time to tell both reconstructions and fresh pictures from real ones.
 *
 *   paper          here                    shape             range or unit
 *   x              images                  [B, C, H, W]      intensity in [0, 1], in [-1, 1] inside
 *   z ~ q(z|x)     codes                   [B, Z]            prior N(0, I)
 *   x̃, x_p         rebuilt, fresh          [B, C, H, W]      in (-1, 1); from q(z|x) and from the prior
 *   Dis_l(x)       features()              [B, F, H/8, W/8]  the discriminator's third convolution, normalised, before its ReLU
 *   Dis(x)         judge().logits          [B]               before the sigmoid
 *   L_prior        kl                      nats per picture
 *   L_llike^Dis_l  featureNats             nats per picture, Gaussian of unit variance, less its constant
 *   L_GAN          discriminator, fooling  nats per picture
 *   γ              reconstructionWeight
 *
 * A player that is far ahead waits for the other (turns(), `margin`), where a preset says so: the authors' code does, the paper does not tell.
 * Departs from the paper: the generator minimises -log Dis(x̃) - log Dis(x_p), which has the same fixed point and a gradient where the discriminator is sure
 * (Goodfellow et al. 2014, section 3); Adam with β₁ = 0.5 for RMSProp, where the preset is not `paper`; PyTorch's initialisation.
 * Next: vq-vae.ts, another way to sharp pictures.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { stopGradient } from "../../graph/ops/control.ts";
import { full } from "../../graph/ops/movement.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { relu } from "../../nn/activations.ts";
import { Conv2d, ConvTranspose2d } from "../../nn/conv.ts";
import { Linear } from "../../nn/linear.ts";
import { binaryCrossEntropy, gaussianKl, meanSquaredError, squaredError, terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { BatchNorm } from "../../nn/norm.ts";
import { type Batch, defineModel, type Pictures, type Players, type SampleContext } from "../model.ts";
import { reparameterize } from "./vae.ts";

const width = z.int().min(1).max(2048);
const config = z.strictObject({
  image: z
    .tuple([z.literal([1, 3]), z.int().min(8).max(512).multipleOf(8), z.int().min(8).max(512).multipleOf(8)])
    .describe("channels (1 grey, 3 colour), height and width; the sides divisible by 8"),
  codeSize: z.int().min(1).max(4096).describe("numbers in a code, Z"),
  encoderWidths: z.array(width).length(3).describe("channels of the encoder's convolutions, each of stride 2"),
  encoderHidden: width.describe("width of the encoder's dense layer"),
  generatorWidths: z
    .array(width)
    .length(4)
    .describe("channels of the generator's first map, then of its transposed convolutions of stride 2"),
  judgeWidths: z.array(width).length(4).describe("channels of the discriminator's convolutions, all but the first of stride 2"),
  judgeHidden: width.describe("width of the discriminator's dense layer"),
  reconstructionWeight: z.number().min(0).max(100).describe("γ, the weight of the feature error in the generator's loss"),
  klWeight: z.number().min(0).max(1000).describe("weight of the KL term in the encoder's loss; 1 is the paper"),
  margin: z
    .number()
    .min(0)
    .max(0.69)
    .default(0)
    .describe(
      "nats by which a cross entropy may leave ln 2 before the player ahead waits for the other, as in the authors' code; 0 for never",
    ),
});
export type VaeGanConfig = z.infer<typeof config>;

/** A convolution either way, or a dense layer, with batch norm and a ReLU. */
class Layer extends Module {
  readonly linear: Conv2d | ConvTranspose2d | Linear;
  readonly norm: BatchNorm;

  constructor(linear: Conv2d | ConvTranspose2d | Linear, channels: number) {
    super();
    this.linear = linear;
    this.norm = new BatchNorm({ channels });
  }

  /** Before the ReLU. */
  normalised(x: Tensor): Tensor {
    return this.norm.call(this.linear.call(x));
  }

  call(x: Tensor): Tensor {
    return relu(this.normalised(x));
  }
}

const run = (x: Tensor, layers: readonly Layer[]): Tensor => layers.reduce((value, layer) => layer.call(value), x);

/** Halves the sides: 5 x 5, stride 2. (Table 1.) */
function down(from: number, out: number, rng: RandomStream): Layer {
  return new Layer(new Conv2d({ in: from, out, kernel: 5, stride: 2, padding: 2, rng }), out);
}

/** Doubles the sides. */
function up(from: number, out: number, rng: RandomStream): Layer {
  return new Layer(new ConvTranspose2d({ in: from, out, kernel: 5, stride: 2, padding: 2, outputPadding: 1, rng }), out);
}

/** q(z|x): three strided convolutions and a dense layer. (Table 1, left.) */
export class VaeGanEncoder extends Module {
  readonly convs: Layer[];
  readonly dense: Layer;
  readonly mean: Linear;
  readonly logVar: Linear;

  constructor({ image: [channels, height, width], codeSize, encoderWidths, encoderHidden }: VaeGanConfig, rng: RandomStream) {
    super();
    this.convs = encoderWidths.map((out, i) => down(i === 0 ? channels : encoderWidths[i - 1], out, rng));
    const size = encoderWidths[2] * (height / 8) * (width / 8);
    this.dense = new Layer(new Linear({ in: size, out: encoderHidden, rng }), encoderHidden);
    this.mean = new Linear({ in: encoderHidden, out: codeSize, rng });
    this.logVar = new Linear({ in: encoderHidden, out: codeSize, rng });
  }

  /** images [B, C, H, W] in [-1, 1] -> mean and logVar, [B, Z] each */
  call(images: Tensor): { mean: Tensor; logVar: Tensor } {
    const hidden = this.dense.call(run(images, this.convs).flatten());
    return { mean: this.mean.call(hidden), logVar: this.logVar.call(hidden) };
  }
}

/** p(x|z): a dense layer, three transposed convolutions, a convolution. (Table 1, middle.) */
export class VaeGanGenerator extends Module {
  readonly dense: Layer;
  readonly convs: Layer[];
  readonly head: Conv2d;
  readonly #shape: readonly [number, number, number];

  constructor({ image: [channels, height, width], codeSize, generatorWidths }: VaeGanConfig, rng: RandomStream) {
    super();
    const [first, ...widths] = generatorWidths;
    this.#shape = [first, height / 8, width / 8];
    const size = first * (height / 8) * (width / 8);
    this.dense = new Layer(new Linear({ in: codeSize, out: size, rng }), size);
    this.convs = widths.map((out, i) => up(generatorWidths[i], out, rng));
    this.head = new Conv2d({ in: widths[2], out: channels, kernel: 5, padding: 2, rng });
  }

  /** codes [B, Z] -> pictures [B, C, H, W] in (-1, 1) */
  call(codes: Tensor): Tensor {
    const start = this.dense.call(codes).reshape([codes.shape[0], ...this.#shape]);
    return this.head.call(run(start, this.convs)).tanh();
  }
}

/** Dis: four convolutions and two dense layers. (Table 1, right.) */
export class VaeGanDiscriminator extends Module {
  readonly first: Conv2d;
  readonly convs: Layer[];
  readonly dense: Layer;
  readonly head: Linear;

  constructor({ image: [channels, height, width], judgeWidths, judgeHidden }: VaeGanConfig, rng: RandomStream) {
    super();
    const [first, ...widths] = judgeWidths;
    this.first = new Conv2d({ in: channels, out: first, kernel: 5, padding: 2, rng });
    this.convs = widths.map((out, i) => down(judgeWidths[i], out, rng));
    const size = widths[2] * (height / 8) * (width / 8);
    this.dense = new Layer(new Linear({ in: size, out: judgeHidden, rng }), judgeHidden);
    this.head = new Linear({ in: judgeHidden, out: 1, rng });
  }

  /** pictures [B, C, H, W] in [-1, 1] -> Dis_l, [B, F, H/8, W/8], and logits [B] */
  call(pictures: Tensor): { features: Tensor; logits: Tensor } {
    const features = this.convs[2].normalised(run(relu(this.first.call(pictures)), this.convs.slice(0, 2)));
    return { features, logits: this.head.call(this.dense.call(relu(features).flatten())).reshape([-1]) };
  }
}

/** Encoder, generator and discriminator. */
export class VaeGan extends Module {
  readonly encoder: VaeGanEncoder;
  readonly generator: VaeGanGenerator;
  readonly discriminator: VaeGanDiscriminator;
  readonly config: VaeGanConfig;

  constructor(settings: VaeGanConfig, rng: RandomStream) {
    super();
    this.encoder = new VaeGanEncoder(settings, rng);
    this.generator = new VaeGanGenerator(settings, rng);
    this.discriminator = new VaeGanDiscriminator(settings, rng);
    this.config = settings;
  }
}

/** [0, 1] to [-1, 1], and back. */
const signed = (images: Tensor): Tensor => images.mul(2).sub(1);
const unsigned = (pictures: Tensor): Tensor => pictures.add(1).mul(0.5);

/** -log N(Dis_l(x); Dis_l(x̃), I) without its constant: ½ Σ (difference)², [B], nats. (Eq. 7 and 8.) */
function featureError(real: Tensor, rebuilt: Tensor): Tensor {
  return squaredError(rebuilt, real).mul(0.5);
}

/** -log of the probability that the discriminator gives to `target`: logits [B] -> [B], nats. */
function judged(logits: Tensor, target: 0 | 1): Tensor {
  return binaryCrossEntropy(logits, full(logits.shape, target));
}

/**
 * Who moves: the discriminator waits while it tells real pictures or fakes too well, the generator while it is told too badly, and neither where both would.
 * (The authors' code, which has a margin of 0.35 or 0.4 around ln 2.) Scalars, 0 or 1, without gradient.
 */
export function turns(real: Tensor, fake: Tensor, margin: number): { discriminator: Tensor; generator: Tensor } {
  const [told, seen] = [stopGradient(real), stopGradient(fake)];
  const judgeAhead = told
    .minimum(seen)
    .less(Math.LN2 - margin)
    .cast("float32");
  const generatorAhead = told
    .maximum(seen)
    .greater(Math.LN2 + margin)
    .cast("float32");
  const both = judgeAhead.mul(generatorAhead);
  return { discriminator: both.add(1).sub(judgeAhead), generator: both.add(1).sub(generatorAhead) };
}

/** Losses of all three from one forward pass. (Algorithm 1.) */
export function losses({ encoder, generator, discriminator, config }: VaeGan, { images }: Batch, rng: Rng) {
  const x = signed(images);
  const { mean, logVar } = encoder.call(x);
  const rebuilt = generator.call(reparameterize(mean, logVar, rng.normal("noise", mean.shape)));
  const fresh = generator.call(rng.normal("prior", mean.shape));
  const [real, again, invented] = [x, rebuilt, fresh].map((pictures) => discriminator.call(pictures));
  const features = featureError(real.features, again.features); // L_llike^Dis_l
  const likelihood = features.mean();
  const { total, terms: prior } = terms({ kl: gaussianKl(mean, logVar) }, { kl: config.klWeight }); // L_prior
  const fooling = judged(again.logits, 1).add(judged(invented.logits, 1)).mean();
  const painter = { total: likelihood.mul(config.reconstructionWeight).add(fooling), terms: { fooling } };
  // -L_GAN, Eq. 9
  const judge = terms({ real: judged(real.logits, 1), rebuilt: judged(again.logits, 0), invented: judged(invented.logits, 0) });
  const result = {
    encoder: { total: total.add(likelihood), terms: { ...prior, featureNats: likelihood } },
    generator: painter,
    discriminator: judge,
  };
  if (config.margin === 0) return result;
  const turn = turns(judge.terms.real, judge.terms.rebuilt.add(judge.terms.invented).div(2), config.margin);
  return {
    ...result,
    generator: { ...painter, total: painter.total.mul(turn.generator) },
    discriminator: { ...judge, total: judge.total.mul(turn.discriminator) },
  };
}

const players: Players<VaeGan> = {
  parts: ({ encoder, generator, discriminator }) => ({ encoder, generator, discriminator }),
  phases: [{ moves: ["encoder", "generator", "discriminator"], losses }],
};

/** Pictures [B, C, H, W] in [0, 1] from codes [B, Z]. */
const decode = ({ generator }: VaeGan, codes: Tensor): Tensor => unsigned(generator.call(codes));
const encode = ({ encoder }: VaeGan, images: Tensor): Tensor => encoder.call(signed(images)).mean;

/** Held-out figures: the code's cost, and how far pictures rebuilt from one draw of the code are off. */
function metrics(network: VaeGan, { images }: Batch, rng: Rng): Record<string, Tensor> {
  const x = signed(images);
  const { mean, logVar } = network.encoder.call(x);
  const rebuilt = network.generator.call(reparameterize(mean, logVar, rng.normal("noise", mean.shape)));
  const [real, again] = [x, rebuilt].map((pictures) => network.discriminator.call(pictures));
  const count = real.features.size / real.features.shape[0];
  return {
    mse: meanSquaredError(unsigned(rebuilt), images),
    kl: gaussianKl(mean, logVar),
    featureMse: featureError(real.features, again.features).mul(2 / count),
  };
}

/** Pictures of codes drawn from the prior, N(0, I). */
export async function* sample(network: VaeGan, { count, compile }: SampleContext): AsyncGenerator<Pictures> {
  const { codeSize, image } = network.config;
  const program = await compile((_inputs, rng) => ({ pictures: decode(network, rng.normal("prior", [count, codeSize])) }));
  const { pictures } = await program.run();
  yield { data: (pictures as Float32Array).slice(), shape: [count, ...image] };
  await program.dispose();
}

/** Of runs from before a player could wait. */
const later = { margin: 0 };
const paper: VaeGanConfig = {
  image: [3, 64, 64],
  codeSize: 128,
  encoderWidths: [64, 128, 256],
  encoderHidden: 2048,
  generatorWidths: [256, 256, 128, 32],
  judgeWidths: [32, 128, 256, 256],
  judgeHidden: 512,
  reconstructionWeight: 1e-3,
  klWeight: 1,
  ...later,
};

const small: VaeGanConfig = {
  ...paper,
  codeSize: 64,
  encoderWidths: [16, 32, 64],
  encoderHidden: 256,
  generatorWidths: [64, 64, 32, 16],
  judgeWidths: [16, 32, 64, 64],
  judgeHidden: 128,
  reconstructionWeight: 5e-2,
  margin: 0.4,
};

export const vaeGan = defineModel<VaeGanConfig, VaeGan>({
  name: "vae-gan",
  title: "VAE-GAN",
  family: "autoencoders",
  year: 2015,
  paper: "1512.09300",
  summary:
    "An autoencoder that is asked for pictures which a discriminator sees as alike, not for the right pixels. Its pictures are sharper than a VAE's, and pictures still have codes.",
  config,
  presets: {
    smoke: {
      config: {
        ...{ image: [1, 8, 8], codeSize: 2, encoderWidths: [4, 4, 4], encoderHidden: 8, generatorWidths: [4, 4, 4, 4] },
        ...{ judgeWidths: [4, 4, 4, 4], judgeHidden: 8, reconstructionWeight: 0.1, klWeight: 1, margin: 0.1 },
      },
      training: { epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: small,
      training: { epochs: 5, batch: 32, learningRate: 5e-4, beta1: 0.5 },
      about: "colour pictures of 64x64; a quarter of the paper's channels; about eight minutes",
    },
    fashion: {
      config: { ...small, image: [1, 32, 32], codeSize: 16, reconstructionWeight: 1e-2, margin: 0 },
      training: { epochs: 2, batch: 32, learningRate: 5e-4, beta1: 0.5 },
      about: "Fashion-MNIST at 32x32",
      data: "fashion-mnist",
    },
    paper: {
      config: paper,
      training: { epochs: 100, batch: 64, learningRate: 3e-4, optimizer: "rmsprop" },
      about: "the paper's sizes and RMSProp",
    },
  },
  data: { sets: ["avatars", "fashion-mnist", "mnist"], labels: false, shape: ({ image }) => image },
  later,
  build: (settings, rng) => new VaeGan({ ...later, ...settings }, rng),
  players: () => players,
  metrics,
  metricInfo: {
    mse: {
      unit: "per pixel",
      better: "lower",
      about: "mean squared error of held-out pictures rebuilt from one draw of their codes, intensities in [0, 1]",
    },
    kl: { unit: "nats per picture", better: "lower", about: "KL divergence of the code from the prior" },
    featureMse: {
      unit: "per feature",
      better: "lower",
      about:
        "mean squared error of the discriminator's normalised features, which the encoder is trained by; each run has its own discriminator",
    },
  },
  prior: "normal",
  leaderboard: { preset: "fashion" },
  encode,
  decode,
  reconstruct: (network, images) => decode(network, encode(network, images)),
  sample,
});
