/**
 * PixelCNN.
 * Papers: van den Oord, Kalchbrenner and Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, arXiv:1601.06759 (section 3.4, Table 1, Figure 5); the gated
 * form: van den Oord et al., "Conditional Image Generation with PixelCNN Decoders", 2016, arXiv:1606.05328.
 *
 * A picture's probability is a product: each pixel given all pixels before it, in the order of reading. One convolutional network with masked filters
 * computes all these factors at once, so training is fast; painting has to go pixel by pixel.
 *
 *   paper             here                  shape               range or unit
 *   x                 images                [B, C, H, W]        intensity in [0, 1]
 *                     pixelsOf()            [B, C, H, W]        levels 0, 1 / (levels - 1) ... 1
 *   p(x_i | x_<i)     pixels()              [B, C · K, H, W]    logits of a Bernoulli (2 levels, K = 1) or a softmax (K levels)
 *   2h                channels              number              of the residual path (plain), of each stack (gated: P)
 *   L                 nats                  [B]                 nats per picture
 *
 * Departs from the papers: the rows that a mask closes are left out of the filters; the filters see intensities, not 0 to 255; Adam for RMSProp; the gated
 * presets' first filter is 27 x 27, so that eight layers see 20 rows up instead of 10. The gated form takes grey pictures only: its colours would need masks in
 * every 1 x 1 layer.
 * Next: pixelcnn-plus-plus.ts, where the 256 levels know that they are neighbours; pixelrnn.ts, where a row remembers all rows above.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { GatedPixelNet, type RasterNetwork } from "../../nn/gated-pixels.ts";
import { type Terms, terms } from "../../nn/losses.ts";
import { MaskedConv2d } from "../../nn/masked-conv.ts";
import { Module } from "../../nn/module.ts";
import type { Surroundings } from "../../nn/raster.ts";
import { type Batch, defineModel } from "../model.ts";
import {
  drawPixel,
  firstKernelField,
  logitsPerPixel,
  PixelBlock,
  PixelHead,
  pixelFields,
  pixelLikelihood,
  pixelMetricInfo,
  pixelMetrics,
  pixelNats,
  pixelsOf,
  shades,
  toLevels,
} from "./blocks.ts";
import { type RasterModel, sampleRaster } from "./raster.ts";

const config = z
  .strictObject({
    ...pixelFields,
    gated: z.boolean().describe("two stacks with gates, which see every pixel before; else residual blocks, which have a blind spot"),
    channels: z.int().min(2).max(1024).describe("of the residual path, divisible by 2 (and by 6 for colour); gated: of each stack"),
    firstKernel: firstKernelField,
    layers: z.int().min(1).max(64).describe("residual blocks, or gated layers after the first"),
    head: z.int().min(1).max(4096).describe("channels of the 1 x 1 layers before the logits (divisible by 3 for colour)"),
  })
  .refine(({ gated, image }) => !gated || image[0] === 1, { error: "the gated network takes grey pictures", path: ["image"] })
  .refine(({ binarize, levels }) => binarize === "none" || levels === 2, { error: "a stochastic picture has 2 levels", path: ["levels"] })
  .refine(({ gated, channels, image }) => gated || channels % (2 * image[0]) === 0, {
    error: "must be divisible by 2, for colour by 6",
    path: ["channels"],
  })
  .refine(({ head, image }) => head % image[0] === 0, { error: "must be divisible by 3 for colour", path: ["head"] });
export type PixelCnnConfig = z.infer<typeof config>;

/** The plain network (Table 1): mask A with 7 x 7, residual blocks with mask B, two 1 x 1 layers. */
class MaskedNet extends Module implements RasterNetwork {
  readonly first: MaskedConv2d;
  readonly blocks: PixelBlock[];
  readonly head: PixelHead;

  constructor(settings: PixelCnnConfig, rng: RandomStream) {
    super();
    const { channels, layers } = settings;
    const colours = settings.image[0];
    this.first = new MaskedConv2d({ in: colours, out: channels, kernel: settings.firstKernel, mask: "A", colours, rng });
    this.blocks = Array.from({ length: layers }, () => new PixelBlock(channels, 3, colours, rng));
    this.head = new PixelHead(channels, settings.head, logitsPerPixel(settings), colours, rng);
  }

  /** x [B, C, H, W] -> logits [B, C · K, H, W] */
  pixels(x: Tensor, _maps: readonly Tensor[], here?: Surroundings): Tensor {
    const features = this.blocks.reduce((value, block) => block.call(value, here), this.first.call(x, here));
    return this.head.call(features, here);
  }
}

export class PixelCnn extends Module {
  readonly net: MaskedNet | GatedPixelNet;
  readonly config: PixelCnnConfig;

  constructor(settings: PixelCnnConfig, rng: RandomStream) {
    super();
    const { image, channels, firstKernel, layers, head } = settings;
    this.net = settings.gated
      ? new GatedPixelNet({ in: image[0], out: logitsPerPixel(settings), channels, layers: layers + 1, firstKernel, head, rng })
      : new MaskedNet(settings, rng);
    this.config = settings;
  }

  /** pixels [B, C, H, W] as `pixelsOf` gives them -> logits [B, C · K, H, W] */
  call(pixels: Tensor): Tensor {
    return this.net instanceof GatedPixelNet ? this.net.call(pixels) : this.net.pixels(pixels, []);
  }
}

/** -Σ log p(x_i | x_<i) (PixelRNN, Eq. 1): [B], nats. */
function nats(network: PixelCnn, { images }: Batch, rng: Rng): Tensor {
  const pixels = pixelsOf(images, network.config, rng);
  return pixelNats(network.call(pixels), pixels, network.config);
}

export function objective(network: PixelCnn, batch: Batch, rng: Rng): Terms {
  return terms({ nats: nats(network, batch, rng) });
}

/** What the network is to the sampler. */
export function rasterModel({ net, config: settings }: PixelCnn): RasterModel {
  const { image } = settings;
  return {
    image,
    inputs: image[0],
    network: () => net,
    prepare: (values) => toLevels(values, settings),
    draw: (logits, rng) => drawPixel(logits, settings, rng),
    passes: image[0],
    stepwise: true,
  };
}

/** The first filter's size was not a setting at first. */
const later = { firstKernel: 7 };
const digits: PixelCnnConfig = {
  image: [1, 28, 28],
  levels: 2,
  binarize: "stochastic",
  gated: true,
  channels: 32,
  firstKernel: 27,
  layers: 7,
  head: 64,
};
const book: PixelCnnConfig = {
  image: [1, 16, 16],
  levels: 4,
  binarize: "none",
  gated: false,
  channels: 128,
  firstKernel: 7,
  layers: 5,
  head: 128,
};

export const pixelcnn = defineModel<PixelCnnConfig, PixelCnn>({
  name: "pixelcnn",
  title: "PixelCNN",
  family: "autoregressive",
  year: 2016,
  paper: "1601.06759; gated: 1606.05328",
  summary:
    "Paints pixel by pixel, each from the ones above and to the left. It says exactly how probable a picture is, and fills in missing parts.",
  config,
  presets: {
    smoke: {
      config: { ...book, image: [1, 8, 8], channels: 8, layers: 2, head: 8 },
      training: { epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: digits,
      training: { epochs: 2, batch: 64, learningRate: 2e-3, schedule: "cosine" },
      about: "black and white digits by the gated network; about eight minutes",
    },
    paper: {
      config: { ...digits, channels: 48, layers: 9, head: 96 },
      training: { epochs: 4.5, batch: 64, learningRate: 1e-3, schedule: "cosine" },
      about: "the same, larger; about an hour",
    },
    plain: {
      config: { ...digits, gated: false, channels: 64, firstKernel: 7 },
      training: { epochs: 1, batch: 64, learningRate: 2e-3, schedule: "cosine" },
      about: "residual blocks with the blind spot; a few minutes",
    },
    gated: {
      config: digits,
      training: { epochs: 1, batch: 64, learningRate: 2e-3, schedule: "cosine" },
      about: "the network of small for as long as plain, and without its blind spot; about four minutes",
    },
    book: {
      config: book,
      training: { epochs: 2, batch: 128, learningRate: 5e-4 },
      about: "the book's 16 x 16 pictures of four levels",
      data: "fashion-mnist",
    },
    colour: {
      config: { ...book, image: [3, 16, 16], channels: 96, layers: 6, head: 96 },
      training: { epochs: 2, batch: 64, learningRate: 1e-3, schedule: "cosine" },
      about: "16 x 16 pictures of four levels a colour, red before green before blue",
      data: "cifar10",
    },
  },
  data: {
    sets: ["mnist", "fashion-mnist", "cifar10"],
    labels: false,
    shape: ({ image }) => image,
  },
  later,
  build: (settings, rng) => new PixelCnn({ ...later, ...settings }, rng),
  objective,
  metrics: (network, batch, rng) => pixelMetrics(nats(network, batch, rng), network.config.image),
  metricInfo: pixelMetricInfo,
  leaderboard: {
    settings: ([colours]) => ({ ...shades, ...(colours === 1 ? {} : { gated: false, channels: 96, firstKernel: 7, head: 96 }) }),
    likelihood: pixelLikelihood,
  },
  fills: true,
  sample: (network, context) => sampleRaster(rasterModel(network), context),
});
