/**
 * Variational autoencoder.
 * Paper: Kingma and Welling, "Auto-Encoding Variational Bayes", 2013, arXiv:1312.6114.
 *
 * Squeeze a picture into a small Gaussian code, draw from the code, paint the picture back. Training weighs a faithful picture against a tidy
 * code space, so that fresh codes also decode to pictures.
 *
 *   paper        here                 shape             range or unit
 *   x            images               [B, C, H, W]      intensity in [0, 1]
 *   z            codes                [B, Z]            prior N(0, I)
 *   q(z|x)       posterior()          mean, logVar      [B, Z] each
 *   p(x|z)       decode()             [B, C, H, W]      Bernoulli logits
 *   ε            noise                [B, Z]            N(0, I)
 *   L(θ, φ; x)   objective()          scalar terms      nats per picture, mean over B
 *
 * Departs from the paper: strided convolutions for the hidden layer (Foster, "Generative Deep Learning", 2nd edition, chapter 3), Adam for Adagrad,
 * and grey intensities as Bernoulli probabilities. The `paper` preset is the book's: two numbers a code, and its loss 500 · mean + KL, which is a
 * KL weight of 1024 / 500 = 2.048 against the sum over pixels used here.
 * Next: autoencoder.ts is the same without the draw.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { Linear } from "../../nn/linear.ts";
import { binaryCrossEntropy, gaussianKl, type Terms, terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { type Batch, defineModel, type Pictures, type SampleContext } from "../model.ts";
import { codecFields, Decoder, EncoderTrunk } from "./blocks.ts";

const config = z.strictObject({
  ...codecFields,
  klWeight: z.number().min(0).max(1000).describe("weight of the KL term; 1 is the paper, above 1 is a beta-VAE"),
});
export type VaeConfig = z.infer<typeof config>;

export class Vae extends Module {
  readonly trunk: EncoderTrunk;
  readonly mean: Linear;
  readonly logVar: Linear;
  readonly decoder: Decoder;
  readonly config: VaeConfig;

  constructor(settings: VaeConfig, rng: RandomStream) {
    super();
    this.trunk = new EncoderTrunk(settings, rng);
    this.mean = new Linear({ in: this.trunk.size, out: settings.codeSize, rng });
    this.logVar = new Linear({ in: this.trunk.size, out: settings.codeSize, rng });
    this.decoder = new Decoder(settings, rng);
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
function bound(vae: Vae, images: Tensor, rng: Rng): { reconstruction: Tensor; kl: Tensor } {
  const { mean, logVar } = vae.posterior(images);
  const codes = reparameterize(mean, logVar, rng.normal("noise", mean.shape));
  return {
    reconstruction: binaryCrossEntropy(vae.decode(codes), images), // Eq. 10, second term
    kl: gaussianKl(mean, logVar), // Eq. 10, first term (Appendix B)
  };
}

export function objective(vae: Vae, { images }: Batch, rng: Rng): Terms {
  return terms(bound(vae, images, rng), { kl: vae.config.klWeight });
}

export async function* sample(vae: Vae, { count, compile }: SampleContext): AsyncGenerator<Pictures> {
  const program = await compile((_inputs, rng) => ({ pictures: vae.decode(rng.normal("prior", [count, vae.config.codeSize])).sigmoid() }));
  const { pictures } = await program.run();
  yield { data: (pictures as Float32Array).slice(), shape: [count, ...vae.config.image] };
  await program.dispose();
}

const book: VaeConfig = { image: [1, 32, 32], codeSize: 2, widths: [32, 64, 128], norm: false, klWeight: 2.048 };

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
      config: { image: [1, 8, 8], codeSize: 2, widths: [4, 4, 8], norm: true, klWeight: 1 },
      training: { epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: { ...book, codeSize: 8, norm: true, klWeight: 1 },
      training: { epochs: 10, batch: 64 },
      about: "a code of 8 numbers and batch norm, whose samples look like the data; about forty seconds an epoch",
    },
    paper: { config: book, training: { epochs: 5, batch: 100 }, about: "the book's two-number code and loss; about four minutes" },
  },
  data: { sets: ["fashion-mnist", "mnist"], labels: false, shape: ({ image }) => image },
  build: (settings, rng) => new Vae(settings, rng),
  objective,
  metrics: (network, { images }, rng) => {
    const { reconstruction, kl } = bound(network, images, rng);
    return { reconstruction, kl, elbo: reconstruction.add(kl).neg() };
  },
  metricInfo: {
    reconstruction: {
      unit: "nats per picture",
      better: "lower",
      about: "binary cross entropy of held-out pictures, summed over pixels, one draw a picture",
    },
    kl: { unit: "nats per picture", better: "lower", about: "KL divergence of the code from the prior" },
    elbo: { unit: "nats per picture", better: "higher", about: "evidence lower bound, minus the sum of the two" },
  },
  encode: (network, images) => network.posterior(images).mean,
  decode: (network, codes) => network.decode(codes).sigmoid(),
  reconstruct: (network, images) => network.decode(network.posterior(images).mean).sigmoid(),
  sample,
});
