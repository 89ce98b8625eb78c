/**
 * Autoencoder.
 * Source: Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science 313, 2006; the convolutional form of
 * Foster, "Generative Deep Learning", 2nd edition, chapter 3.
 *
 * Squeeze a picture through a code of very few numbers and paint it back. Pictures that look alike get codes that lie together, so with two numbers
 * the whole data set becomes a map.
 *
 *   book         here              shape            range or unit
 *   x            images            [B, C, H, W]     intensity in [0, 1]
 *   z            codes             [B, Z]           any real number
 *   x̂            logits            [B, C, H, W]     before the sigmoid
 *   loss         reconstruction    scalar           nats per picture (the book prints the mean over pixels: divide by C·H·W)
 *
 * Departs from the book: the loss is the sum over pixels, which changes nothing under Adam but its scale.
 * Next: vae.ts, which makes the space of codes one that can be drawn from.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { Linear } from "../../nn/linear.ts";
import { binaryCrossEntropy, terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { defineModel } from "../model.ts";
import { codecFields, Decoder, EncoderTrunk } from "./blocks.ts";

const config = z.strictObject(codecFields);
export type AutoencoderConfig = z.infer<typeof config>;

export class Autoencoder extends Module {
  readonly trunk: EncoderTrunk;
  readonly code: Linear;
  readonly decoder: Decoder;

  constructor(settings: AutoencoderConfig, rng: RandomStream) {
    super();
    this.trunk = new EncoderTrunk(settings, rng);
    this.code = new Linear({ in: this.trunk.size, out: settings.codeSize, rng });
    this.decoder = new Decoder(settings, rng);
  }

  /** images [B, C, H, W] -> codes [B, Z] */
  encode(images: Tensor): Tensor {
    return this.code.call(this.trunk.call(images));
  }

  /** codes [B, Z] -> logits [B, C, H, W] */
  decode(codes: Tensor): Tensor {
    return this.decoder.call(codes);
  }
}

const book: AutoencoderConfig = { image: [1, 32, 32], codeSize: 2, widths: [32, 64, 128], norm: false };

export const autoencoder = defineModel<AutoencoderConfig, Autoencoder>({
  name: "autoencoder",
  title: "Autoencoder",
  family: "autoencoders",
  year: 2006,
  paper: "Generative Deep Learning, 2nd ed., ch. 3; Hinton and Salakhutdinov 2006",
  summary: "Squeezes a picture into a few numbers and paints it back. With two numbers the data set becomes a map.",
  config,
  presets: {
    smoke: {
      config: { image: [1, 8, 8], codeSize: 2, widths: [4, 4, 8], norm: false },
      training: { epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: { ...book, codeSize: 16, norm: true },
      training: { epochs: 3, batch: 100 },
      about: "a code of 16 numbers, sharp reconstructions; about two minutes",
    },
    paper: { config: book, training: { epochs: 5, batch: 100 }, about: "the book's two-number code; about three minutes" },
  },
  data: { sets: ["fashion-mnist", "mnist"], labels: false, shape: ({ image }) => image },
  build: (settings, rng) => new Autoencoder(settings, rng),
  objective: (network, { images }) => terms({ reconstruction: binaryCrossEntropy(network.decode(network.encode(images)), images) }),
  metrics: (network, { images }) => ({ reconstruction: binaryCrossEntropy(network.decode(network.encode(images)), images) }),
  metricInfo: {
    reconstruction: { unit: "nats per picture", better: "lower", about: "binary cross entropy of held-out pictures, summed over pixels" },
  },
  encode: (network, images) => network.encode(images),
  decode: (network, codes) => network.decode(codes).sigmoid(),
  reconstruct: (network, images) => network.decode(network.encode(images)).sigmoid(),
});
