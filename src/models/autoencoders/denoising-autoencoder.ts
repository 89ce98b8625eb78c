/**
 * Denoising autoencoder.
 * Paper: Vincent, Larochelle, Bengio and Manzagol, "Extracting and composing robust features with denoising autoencoders", ICML 2008.
 *
 * Spoil a picture, and learn to give back the clean one. To do so the network must know what pictures look like, not only copy them; even a code with
 * more numbers than the picture has learns something.
 *
 *   paper        here                 shape             range or unit
 *   x            images               [B, C, H, W]      intensity in [0, 1]
 *   x̃ ~ q_D      corrupt()            [B, C, H, W]      intensity in [0, 1]
 *   ν            level                number            share of the numbers destroyed; the noise's deviation for `gaussian`
 *   y = f(x̃)     encode()             [B, Z]            after the activation
 *   z = g(y)     decode()             [B, C, H, W]      logits
 *   L_H(x, z)    reconstruction       scalar            nats per picture
 *
 * The preset `paper` is one dense layer of sigmoid units each way, with a quarter of the pixels masked. Departs from the paper: the decoder's weights are
 * its own (the paper leaves open to tie them to the encoder's), each number is struck with chance ν instead of exactly ν of them, Adam for plain gradient
 * descent, and no stack of several. `small` has convolutions.
 * Gaussian and salt-and-pepper noise: Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010, section 3.3.
 * Next: vae.ts, which puts the noise into the code.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { less, where } from "../../graph/ops/elementwise.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { Linear } from "../../nn/linear.ts";
import { binaryCrossEntropy, meanSquaredError, type Terms, terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { type Batch, defineModel } from "../model.ts";
import { activate, Decoder, EncoderTrunk, type NetworkConfig, networkFields, plain } from "./blocks.ts";

const config = z.strictObject({
  ...networkFields,
  corruption: z.enum(["masking", "gaussian", "salt-and-pepper"]).describe("what spoils the picture"),
  level: z
    .number()
    .min(0)
    .max(1)
    .describe("share of the numbers set to 0 (masking) or to 0 or 1 (salt-and-pepper); for gaussian the deviation, in intensity"),
});
export interface DenoisingConfig extends NetworkConfig {
  corruption: "masking" | "gaussian" | "salt-and-pepper";
  level: number;
}

/** x̃ ~ q_D(x̃|x): images [B, C, H, W] in [0, 1] -> the same, spoiled. (Section 2.3; Gaussian and salt-and-pepper: 2010, section 3.3.) */
export function corrupt(images: Tensor, { corruption, level }: Pick<DenoisingConfig, "corruption" | "level">, rng: Rng): Tensor {
  if (corruption === "gaussian") return images.add(rng.normal("corruption", images.shape).mul(level)).clip(0, 1);
  const chance = rng.uniform("corruption", images.shape);
  const struck = less(chance, level);
  if (corruption === "masking") return where(struck, 0, images);
  return where(struck, less(chance, level / 2).cast("float32"), images);
}

export class DenoisingAutoencoder extends Module {
  readonly trunk: EncoderTrunk;
  readonly code: Linear;
  readonly decoder: Decoder;
  readonly config: DenoisingConfig;

  constructor(settings: DenoisingConfig, rng: RandomStream) {
    super();
    this.trunk = new EncoderTrunk(settings, rng);
    this.code = new Linear({ in: this.trunk.size, out: settings.codeSize, rng });
    this.decoder = new Decoder(settings, rng);
    this.config = settings;
  }

  /** y = s(W x̃ + b): images [B, C, H, W] -> codes [B, Z] */
  encode(images: Tensor): Tensor {
    return activate(this.code.call(this.trunk.call(images)), this.config);
  }

  /** codes [B, Z] -> logits [B, C, H, W] */
  decode(codes: Tensor): Tensor {
    return this.decoder.call(codes);
  }
}

/** How far a picture is from the clean one, as peak signal to noise in dB, for a peak of 1: [B, C, H, W] each -> [B], at most 100. */
export function peakSignalToNoise(images: Tensor, clean: Tensor): Tensor {
  return meanSquaredError(images, clean)
    .maximum(1e-10)
    .log()
    .mul(-10 / Math.LN10);
}

export function objective(network: DenoisingAutoencoder, { images }: Batch, rng: Rng): Terms {
  const logits = network.decode(network.encode(corrupt(images, network.config, rng)));
  return terms({ reconstruction: binaryCrossEntropy(logits, images) }); // Eq. 5: the clean picture from the spoiled one
}

/** Held-out: the same spoiled pictures for the same seed. [B] each. */
export function metrics(network: DenoisingAutoencoder, { images }: Batch, rng: Rng): Record<string, Tensor> {
  const spoiled = corrupt(images, network.config, rng);
  const logits = network.decode(network.encode(spoiled));
  return {
    reconstruction: binaryCrossEntropy(logits, images),
    noisyPsnr: peakSignalToNoise(spoiled, images),
    denoisedPsnr: peakSignalToNoise(logits.sigmoid(), images),
  };
}

const dense: DenoisingConfig = {
  ...{ image: [1, 28, 28], codeSize: 1000, widths: [], norm: false, ...plain, activation: "sigmoid" },
  ...{ corruption: "masking", level: 0.25 },
};
const convolutions: DenoisingConfig = { ...dense, codeSize: 128, widths: [32, 64], norm: true, activation: "relu", level: 0.5 };

export const denoisingAutoencoder = defineModel<DenoisingConfig, DenoisingAutoencoder>({
  name: "denoising-autoencoder",
  title: "Denoising autoencoder",
  family: "autoencoders",
  year: 2008,
  paper: "Vincent et al., ICML 2008",
  summary:
    "Gets spoiled pictures and learns to give back the clean ones. What it finds on the way are features that noise does not disturb.",
  config,
  presets: {
    smoke: {
      config: { ...convolutions, image: [1, 8, 8], codeSize: 8, widths: [4, 8], level: 0.25 },
      training: { epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: convolutions,
      training: { epochs: 3, batch: 128, schedule: "cosine" },
      about: "convolutions, half of the pixels masked; about two minutes",
    },
    paper: {
      config: dense,
      training: { epochs: 10, batch: 128 },
      about: "one layer of 1,000 sigmoid units each way, a quarter of the pixels masked; about two minutes",
    },
    gaussian: {
      config: { ...convolutions, corruption: "gaussian" },
      training: { epochs: 3, batch: 128, schedule: "cosine" },
      about: "normal noise of deviation 0.5; about two minutes",
    },
    "salt-and-pepper": {
      config: { ...convolutions, corruption: "salt-and-pepper", level: 0.3 },
      training: { epochs: 3, batch: 128, schedule: "cosine" },
      about: "three pixels in ten black or white by chance; about two minutes",
    },
  },
  data: { sets: ["mnist", "fashion-mnist"], labels: false, shape: ({ image }) => image },
  build: (settings, rng) => new DenoisingAutoencoder(settings, rng),
  objective,
  metrics,
  metricInfo: {
    reconstruction: {
      unit: "nats per picture",
      better: "lower",
      about: "binary cross entropy of held-out clean pictures given spoiled ones, summed over pixels",
    },
    noisyPsnr: { unit: "dB", better: "higher", about: "peak signal to noise of the spoiled pictures: what there is to beat" },
    denoisedPsnr: { unit: "dB", better: "higher", about: "peak signal to noise of what the model makes of them" },
  },
  encode: (network, images) => network.encode(images),
  decode: (network, codes) => network.decode(codes).sigmoid(),
  reconstruct: (network, images) => network.decode(network.encode(images)).sigmoid(),
});
