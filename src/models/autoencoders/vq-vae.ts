/**
 * VQ-VAE: an autoencoder whose codes are entries of a small book, and a network that writes new pages of them.
 * Paper: van den Oord, Vinyals and Kavukcuoglu, "Neural Discrete Representation Learning", 2017, arXiv:1711.00937.
 *
 * A picture becomes a small grid of numbers of codes: each place takes the nearest of K learned vectors, and the decoder paints the picture from them. A
 * PixelCNN then learns which codes stand beside which, and its fresh grids decode to fresh pictures.
 *
 *   paper        here                   shape             range or unit
 *   x            images                 [B, C, H, W]      intensity in [0, 1]
 *   z_e(x)       encoder.call()         [B, D, h, w]      any real number
 *   e            quantizer.vectors()    [K, D]            the book
 *   z            indices                [B, h, w]         int32 in [0, K)
 *   z_q(x)       quantized              [B, D, h, w]      entries of the book
 *   p(x|z_q)     decoder.call()         [B, C, H, W]      means of Gaussians of one fixed variance
 *   sg           stopGradient()
 *   β            commitmentWeight
 *   p(z)         prior.call()           [B, h, w, K]      logits of each place's code, from the places before it
 *
 * Departs from the paper: the codebook's and the commitment's terms are summed over all places instead of averaged over them, as every loss here is (with the
 * variance of the presets their weight beside the reconstruction is about that of the authors' code; of `avatars`, whose pictures are larger for their
 * grids, a tenth of it); dead codes are revived (Dhariwal et al. 2020, "Jukebox", section 3.2); PyTorch's initialisation.
 * Next: ../autoregressive/ for networks like the prior on pixels themselves.
 */
import { z } from "zod";
import { AtelierError } from "../../core/errors.ts";
import type { RandomStream } from "../../core/random.ts";
import { oneHot } from "../../graph/ops/gather.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { evaluating } from "../../graph/trace.ts";
import { sampleCategorical } from "../../nn/categorical.ts";
import { Embedding } from "../../nn/embedding.ts";
import { GatedPixelNet } from "../../nn/gated-pixels.ts";
import { crossEntropy, meanSquaredError, squaredError, type Terms, terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { codeUses, nearest, usePerplexity, VectorQuantizer } from "../../nn/quantize.ts";
import { type RasterModel, sampleRaster } from "../autoregressive/raster.ts";
import { type Batch, defineModel, type Pictures, type Players, type SampleContext } from "../model.ts";
import { VqDecoder, VqEncoder } from "./vq-blocks.ts";

const width = z.int().min(1).max(2048);
const config = z.strictObject({
  image: z
    .tuple([z.literal([1, 3]), z.int().min(8).max(512).multipleOf(2), z.int().min(8).max(512).multipleOf(2)])
    .describe("channels (1 grey, 3 colour), height and width; the sides divisible by 2 for each of `widths`"),
  codes: z.int().min(2).max(65_536).describe("entries of the book, K"),
  codeWidth: width.describe("numbers in an entry, D"),
  widths: z.array(width).min(1).max(6).describe("channels of the encoder's strided convolutions, each of which halves the sides"),
  residuals: z.int().min(0).max(32).describe("residual blocks in each half"),
  residualWidth: width.describe("channels inside a residual block"),
  learning: z.enum(["averages", "gradient"]).describe("how entries follow their vectors: moving averages, or a loss"),
  decay: z.number().min(0.5).max(0.99999).describe("of the moving averages and the counted uses"),
  revival: z.number().min(0).max(1e6).describe("uses a step below which an entry is put on a random vector; 0 for never"),
  commitmentWeight: z.number().min(0).max(100).describe("β, the weight of the commitment term"),
  variance: z.number().positive().max(10).describe("of p(x|z) about its mean, intensities in [0, 1]"),
  priorWidth: width.describe("channels of the prior's stacks"),
  priorLayers: z.int().min(1).max(64).describe("gated layers of the prior"),
  priorStart: z.number().min(0.01).max(0.99).describe("the part of the training that is the autoencoder's; the rest is the prior's"),
});
export type VqVaeConfig = z.infer<typeof config>;

/** p(z): a gated PixelCNN over the grid of codes. */
export class CodePrior extends Module {
  readonly embedding: Embedding;
  readonly net: GatedPixelNet;

  constructor({ codes, priorWidth, priorLayers }: VqVaeConfig, rng: RandomStream) {
    super();
    this.embedding = new Embedding({ count: codes, width: priorWidth, rng });
    const stacks = { in: priorWidth, channels: priorWidth, layers: priorLayers, firstKernel: 5 };
    this.net = new GatedPixelNet({ ...stacks, out: codes, head: 2 * priorWidth, rng });
  }

  /** indices [B, h, w], int32 -> [B, priorWidth, h, w] */
  embed(indices: Tensor): Tensor {
    return this.embedding.call(indices).transpose([0, 3, 1, 2]);
  }

  /** indices [B, h, w], int32 -> logits [B, h, w, K], each place's from the places before it */
  call(indices: Tensor): Tensor {
    return this.net.call(this.embed(indices)).transpose([0, 2, 3, 1]);
  }
}

/** Encoder, book, decoder, and the prior over grids of codes. */
export class VqVae extends Module {
  readonly encoder: VqEncoder;
  readonly quantizer: VectorQuantizer;
  readonly decoder: VqDecoder;
  readonly prior: CodePrior;
  readonly config: VqVaeConfig;

  /** @throws AtelierError when the strided convolutions do not divide the sides */
  constructor(settings: VqVaeConfig, rng: RandomStream) {
    super();
    const { image, codes, codeWidth, learning, decay, revival } = settings;
    const factor = 2 ** settings.widths.length;
    if (image[1] % factor !== 0 || image[2] % factor !== 0)
      throw new AtelierError({
        what: "VQ-VAE: the strided convolutions must divide the picture's sides.",
        got: `${image[1]} x ${image[2]} pixels and ${settings.widths.length} widths`,
        expected: `sides divisible by ${factor}`,
      });
    const codec = { ...settings, image: image[0], rng };
    this.encoder = new VqEncoder(codec);
    this.quantizer = new VectorQuantizer({ count: codes, width: codeWidth, rng, learning, decay, revival });
    this.decoder = new VqDecoder(codec);
    this.prior = new CodePrior(settings, rng);
    this.config = settings;
  }

  /** [D, h, w]: what a picture becomes. */
  get grid(): readonly [number, number, number] {
    const { image, widths, codeWidth } = this.config;
    return [codeWidth, image[1] / 2 ** widths.length, image[2] / 2 ** widths.length];
  }

  /** Pictures' codes: images [B, C, H, W] -> indices [B, h, w]. (Eq. 1.) */
  indices(images: Tensor): Tensor {
    const [D, h, w] = this.grid;
    const rows = this.encoder.call(images).transpose([0, 2, 3, 1]).reshape([-1, D]);
    return nearest(rows, this.quantizer.vectors()).reshape([images.shape[0], h, w]);
  }

  /** Codes' pictures: indices [B, h, w] -> [B, C, H, W] in [0, 1]. */
  paint(indices: Tensor): Tensor {
    return this.decoder.call(this.quantizer.look(indices)).clip(0, 1);
  }
}

/** -log N(x; mean, variance), summed over pixels: [B], nats. A density, so it may be below 0. */
function gaussianNats(mean: Tensor, images: Tensor, variance: number): Tensor {
  const dimensions = images.size / images.shape[0];
  return squaredError(mean, images)
    .mul(0.5 / variance)
    .add(0.5 * dimensions * Math.log(2 * Math.PI * variance));
}

/** The autoencoder's loss. (Eq. 3.) */
export function codecLoss({ encoder, quantizer, decoder, config }: VqVae, { images }: Batch): Terms {
  const { quantized, indices, codebookLoss, commitment } = quantizer.call(encoder.call(images));
  const reconstruction = gaussianNats(decoder.call(quantized), images, config.variance);
  const moved: Record<string, Tensor> = config.learning === "gradient" ? { codebook: codebookLoss } : {};
  const perplexity = usePerplexity(codeUses(indices, config.codes));
  return terms({ reconstruction, ...moved, commitment, perplexity }, { commitment: config.commitmentWeight, perplexity: 0 });
}

/** -log p(z) of pictures' codes under the prior, [B], nats a grid. The autoencoder stays as it is. */
function priorNats(network: VqVae, images: Tensor): Tensor {
  const indices = evaluating(() => network.indices(images));
  return crossEntropy(network.prior.call(indices), indices);
}

/** First the autoencoder, then the prior over its codes. */
export function players({ priorStart }: VqVaeConfig): Players<VqVae> {
  return {
    parts: ({ encoder, quantizer, decoder, prior }) => ({ autoencoder: [encoder, quantizer, decoder], prior }),
    phases: [
      { moves: ["autoencoder"], losses: (network, batch) => ({ autoencoder: codecLoss(network, batch) }), span: [0, priorStart] },
      {
        moves: ["prior"],
        losses: (network, { images }) => ({ prior: terms({ prior: priorNats(network, images) }) }),
        span: [priorStart, 1],
      },
    ],
  };
}

function metrics(network: VqVae, { images }: Batch): Record<string, Tensor> {
  const indices = network.indices(images);
  const decoded = network.decoder.call(network.quantizer.look(indices));
  const [B, h, w] = indices.dims("B h w");
  const prior = crossEntropy(network.prior.call(indices), indices);
  return {
    mse: meanSquaredError(decoded.clip(0, 1), images),
    reconstruction: gaussianNats(decoded, images, network.config.variance),
    perplexity: oneHot(indices.reshape([B, h * w]), network.config.codes).sum(1),
    prior,
    bitsPerCode: prior.mul(1 / (h * w * Math.LN2)),
  };
}

/** The prior as what fresh grids are drawn from: pictures of one channel whose "intensities" are the numbers of codes. */
export function gridModel({ grid, prior }: VqVae): RasterModel {
  return {
    image: [1, grid[1], grid[2]],
    inputs: prior.embedding.weight.shape[1],
    network: () => prior.net,
    prepare: (values) =>
      prior.embed(
        values
          .slice(1, 0, 1)
          .reshape([values.shape[0], ...values.shape.slice(2)])
          .cast("int32"),
      ),
    draw: (logits, rng) => sampleCategorical(logits.reshape([logits.shape[0], 1, 1, 1, -1]), rng, "choice", 4).cast("float32"),
    passes: 1,
    stepwise: true,
  };
}

/** Ancestral sampling: codes from the prior, place after place; the decoder paints what there is after each row. (Section 3.3.) */
export async function* sample(network: VqVae, context: SampleContext): AsyncGenerator<Pictures> {
  const { count, compile } = context;
  const [, h, w] = network.grid;
  const inputs = { indices: { shape: [count, h, w], dtype: "int32" as const } };
  const painter = await compile(({ indices }) => ({ pictures: network.paint(indices) }), { inputs });
  for await (const { data } of sampleRaster(gridModel(network), { count, compile })) {
    const { pictures } = await painter.run({ indices: Int32Array.from(data) });
    yield { data: (pictures as Float32Array).slice(), shape: [count, ...network.config.image] };
  }
  await painter.dispose();
}

const small: VqVaeConfig = {
  image: [1, 28, 28],
  codes: 256,
  codeWidth: 32,
  widths: [32, 64],
  residuals: 2,
  residualWidth: 32,
  learning: "averages",
  decay: 0.99,
  revival: 0.5,
  commitmentWeight: 0.25,
  variance: 0.02,
  priorWidth: 64,
  priorLayers: 4,
  priorStart: 0.3,
};

export const vqVae = defineModel<VqVaeConfig, VqVae>({
  name: "vq-vae",
  title: "VQ-VAE",
  family: "autoencoders",
  year: 2017,
  paper: "1711.00937",
  summary:
    "Turns a picture into a small grid of numbers, each the nearest entry of a learned book, and paints it back. A second network learns to write such grids, and so invents pictures.",
  config,
  presets: {
    smoke: {
      config: {
        ...{ image: [1, 8, 8], codes: 8, codeWidth: 4, widths: [4, 8], residuals: 1, residualWidth: 4, learning: "gradient", decay: 0.9 },
        ...{ revival: 0.1, commitmentWeight: 0.25, variance: 0.02, priorWidth: 4, priorLayers: 2, priorStart: 0.5 },
      },
      training: { epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: small,
      training: { epochs: 5, batch: 64 },
      about: "grids of 7x7 codes; three tenths of the steps for the autoencoder, the rest for the prior",
    },
    gradient: {
      config: { ...small, learning: "gradient" },
      training: { epochs: 5, batch: 64 },
      about: "`small` with the book learned by its loss",
    },
    avatars: {
      config: { ...small, image: [3, 64, 64], widths: [32, 64, 64] },
      training: { epochs: 5, batch: 64 },
      about: "colour pictures of 64x64 as grids of 8x8 codes",
      data: "avatars",
    },
    paper: {
      config: {
        ...small,
        ...{ image: [3, 32, 32], codes: 512, codeWidth: 64, widths: [256, 256], residualWidth: 256, learning: "gradient", revival: 0 },
        ...{ priorWidth: 128, priorLayers: 15, priorStart: 0.5 },
      },
      training: { epochs: 1282, batch: 128, learningRate: 2e-4 },
      about: "the paper's sizes, 250,000 steps of the autoencoder on CIFAR-10, and as many of the prior",
      data: "cifar10",
    },
  },
  data: { sets: ["fashion-mnist", "mnist", "avatars", "cifar10"], labels: false, shape: ({ image }) => image },
  build: (settings, rng) => new VqVae(settings, rng),
  players,
  metrics,
  metricInfo: {
    mse: {
      unit: "per pixel",
      better: "lower",
      about: "mean squared error of held-out pictures painted from their codes, intensities in [0, 1]",
    },
    reconstruction: {
      unit: "nats per picture",
      better: "lower",
      about: "-log density of held-out pictures under Gaussians of the configured variance",
    },
    perplexity: {
      unit: "codes",
      better: "higher",
      about: "exp of the entropy of the codes' shares in the whole split: how many are as good as in use",
      reduce: perplexityOf,
    },
    prior: { unit: "nats per grid", better: "lower", about: "-log probability of held-out pictures' codes under the prior" },
    bitsPerCode: { unit: "bits per code", better: "lower", about: "the same for one place of the grid; log2 K for codes drawn at random" },
  },
  // The codes of a picture are one way to it of many: p(x) is no less than p(its codes) p(x | its codes).
  leaderboard: { likelihood: () => ({ metrics: ["reconstruction", "prior"], kind: "bound", of: "256 levels", density: true }) },
  encode: (network, images) => network.encoder.call(images).flatten(),
  decode: (network, codes) => {
    const vectors = codes.reshape([codes.shape[0], ...network.grid]);
    return network.decoder.call(network.quantizer.call(vectors).quantized).clip(0, 1);
  },
  reconstruct: (network, images) => network.paint(network.indices(images)),
  sample,
});

/** As {@link usePerplexity}, of plain numbers. */
function perplexityOf(uses: readonly number[]): number {
  const total = uses.reduce((a, b) => a + b, 0);
  return Math.exp(uses.reduce((entropy, n) => (n > 0 ? entropy - (n / total) * Math.log(n / total) : entropy), 0));
}
