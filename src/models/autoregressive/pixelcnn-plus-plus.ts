/**
 * PixelCNN++.
 * Paper: Salimans, Karpathy, Chen and Kingma, "PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood and Other Modifications", 2017,
 * arXiv:1701.05517.
 *
 * A PixelCNN that knows that levels are neighbours: instead of 256 scores, a pixel gets a few bell curves, and a level the mass around it. Green leans on red
 * and blue on both by a straight line, so one run of the network draws a whole pixel. Short cuts join layers of equal size.
 *
 *   paper          here                    shape                range or unit
 *   x              images                  [B, C, H, W]         intensity in [0, 1]; the network reads 2 x - 1 and a plane of ones
 *   π, μ, s, α     pixels()                [B, P, H, W]         weights, means, log scales, coefficients of the mixture
 *   P(x | π,μ,s)   logisticMixtureNats()   [B]                  nats per picture (Eq. 2 and 3)
 *                  u, ul                   [B, channels, H, W]  what lies above; what lies above and to the left
 *
 * Departs from the paper: plain filters with PyTorch's initialisation for weight normalisation with data-dependent initialisation; drawn channels are put on
 * their level before the next one looks at them; a bin's logarithm is exact, without the paper's stand-in for bins that hold next to nothing. With `scales` above 1 sampling runs the whole network for each pixel.
 * Next: pixelcnn.ts has the scores that this replaces.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { floor } from "../../graph/ops/elementwise.ts";
import { concat, full } from "../../graph/ops/movement.ts";
import { chunk } from "../../graph/ops/split.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { elu } from "../../nn/activations.ts";
import { Conv2d, ConvTranspose2d } from "../../nn/conv.ts";
import { Dropout } from "../../nn/dropout.ts";
import type { RasterNetwork } from "../../nn/gated-pixels.ts";
import { drawLogisticMixture, logisticMixtureNats, mixtureSize } from "../../nn/logistic-mixture.ts";
import { type Terms, terms } from "../../nn/losses.ts";
import { ShiftedConv2d } from "../../nn/masked-conv.ts";
import { Module } from "../../nn/module.ts";
import type { Surroundings } from "../../nn/raster.ts";
import { type Batch, defineModel } from "../model.ts";
import { firstKernelField, pixelFields, pixelLikelihood, pixelMetricInfo, pixelMetrics } from "./blocks.ts";
import { type RasterModel, sampleRaster } from "./raster.ts";

const config = z
  .strictObject({
    image: pixelFields.image,
    levels: pixelFields.levels,
    channels: z.int().min(1).max(1024).describe("of both streams"),
    firstKernel: firstKernelField,
    blocks: z.int().min(1).max(16).describe("gated residual blocks of each scale on the way in"),
    scales: z.int().min(1).max(3).describe("sizes of the maps: each one half of the one before"),
    components: z.int().min(1).max(64).describe("logistic distributions a pixel"),
    dropout: z.number().min(0).max(0.95).describe("share of features dropped inside of a block while training"),
  })
  .refine(({ image, scales }) => image[1] % 2 ** (scales - 1) === 0 && image[2] % 2 ** (scales - 1) === 0, {
    error: "height and width must halve with every scale",
    path: ["image"],
  });
export type PixelCnnPlusPlusConfig = z.infer<typeof config>;

/** Which pixels a stream sees: those above (`u`), or those above and to the left (`ul`). */
type Side = "u" | "ul";

/** The stream's filter, 2 x 3 around the present column or 2 x 2 that ends at it. */
function filterOf(side: Side, from: number, to: number, rng: RandomStream): ShiftedConv2d {
  return side === "u"
    ? new ShiftedConv2d({ in: from, out: to, kernel: [2, 3], align: "centre", rng })
    : new ShiftedConv2d({ in: from, out: to, kernel: [2, 2], align: "right", rng });
}

/** elu of x and of -x: [B, C, H, W] -> [B, 2C, H, W] */
const concatElu = (x: Tensor): Tensor => elu(concat([x, x.neg()], 1));

/** Gated residual block (section 2.5 and its code): x + a σ(b), where a and b also hear of `beside`. */
class GatedBlock extends Module {
  readonly first: ShiftedConv2d;
  readonly beside: Conv2d | undefined;
  readonly second: ShiftedConv2d;
  readonly dropout: Dropout;

  constructor(side: Side, beside: number, { channels, dropout }: PixelCnnPlusPlusConfig, rng: RandomStream) {
    super();
    this.first = filterOf(side, 2 * channels, channels, rng);
    this.beside = beside > 0 ? new Conv2d({ in: 2 * beside, out: channels, kernel: 1, rng }) : undefined;
    this.second = filterOf(side, 2 * channels, 2 * channels, rng);
    this.dropout = new Dropout(dropout);
  }

  call(x: Tensor, beside: Tensor | undefined, here?: Surroundings): Tensor {
    const seen = this.first.call(concatElu(x), here);
    const both = beside === undefined ? seen : seen.add(this.beside!.call(concatElu(beside)));
    const [value, door] = chunk(this.second.call(this.dropout.call(concatElu(both)), here), 2, 1);
    return x.add(value.mul(door.sigmoid()));
  }
}

/** Half the size and back (section 2.3), so that nothing after a place is seen. */
class Halving extends Module {
  readonly down: Conv2d;
  readonly up: ConvTranspose2d;

  constructor(side: Side, channels: number, rng: RandomStream) {
    super();
    const shape = { in: channels, out: channels, stride: 2, rng };
    const wide = side === "u";
    this.down = new Conv2d({ ...shape, kernel: wide ? [2, 3] : [2, 2], padding: wide ? [1, 1, 0, 1] : [1, 1, 0, 0] });
    this.up = new ConvTranspose2d(
      wide ? { ...shape, kernel: [2, 3], padding: [0, 1, 0, 1], outputPadding: [0, 1] } : { ...shape, kernel: [2, 2] },
    );
  }
}

/** One stream: its blocks on the way in, scale after scale, and on the way out, where each takes the map of equal size from the way in. */
class Stream extends Module {
  readonly inward: GatedBlock[][];
  readonly halvings: Halving[];
  readonly outward: GatedBlock[][];

  constructor(side: Side, settings: PixelCnnPlusPlusConfig, rng: RandomStream) {
    super();
    const { channels, blocks, scales } = settings;
    const list = (count: number, beside: number) => Array.from({ length: count }, () => new GatedBlock(side, beside, settings, rng));
    // What stands beside: nothing or the other stream on the way in; on the way out the short cut, for ul with the other stream.
    const [before, after] = side === "u" ? [0, channels] : [channels, 2 * channels];
    this.inward = Array.from({ length: scales }, () => list(blocks, before));
    this.halvings = Array.from({ length: scales - 1 }, () => new Halving(side, channels, rng));
    this.outward = Array.from({ length: scales }, (_, i) => list(i === 0 ? blocks : blocks + 1, after));
  }

  /**
   * All maps after the first, in order. @param others the other stream's maps, in the same order
   */
  run(x: Tensor, others: readonly Tensor[] | undefined, here?: Surroundings): Tensor[] {
    const made: Tensor[] = [];
    const shortCuts = [x];
    let at = x;
    const other = () => others?.[made.length];
    const put = (value: Tensor, keep: boolean) => {
      at = value;
      made.push(value);
      if (keep) shortCuts.push(value);
    };
    this.inward.forEach((blocks, scale) => {
      if (scale > 0) put(this.halvings[scale - 1].down.call(at), true);
      for (const block of blocks) put(block.call(at, other(), here), true);
    });
    shortCuts.pop();
    this.outward.forEach((blocks, i) => {
      if (i > 0) put(this.halvings[this.halvings.length - i].up.call(at), false);
      for (const block of blocks) {
        const shortCut = shortCuts.pop()!;
        const beside = other();
        put(block.call(at, beside === undefined ? shortCut : concat([beside, shortCut], 1), here), false);
      }
    });
    return made;
  }
}

export class PixelCnnPlusPlus extends Module implements RasterNetwork {
  readonly above: ShiftedConv2d;
  readonly rowAbove: ShiftedConv2d;
  readonly left: ShiftedConv2d;
  readonly u: Stream;
  readonly ul: Stream;
  readonly head: Conv2d;
  readonly config: PixelCnnPlusPlusConfig;

  constructor(settings: PixelCnnPlusPlusConfig, rng: RandomStream) {
    super();
    const { image, channels, components, firstKernel } = settings;
    const shape = { in: image[0] + 1, out: channels, rng };
    const half = (firstKernel - 1) / 2;
    this.above = new ShiftedConv2d({ ...shape, kernel: [half + 1, firstKernel], align: "centre", shift: [1, 0] });
    this.rowAbove = new ShiftedConv2d({ ...shape, kernel: [1, firstKernel], align: "centre", shift: [1, 0] });
    this.left = new ShiftedConv2d({ ...shape, kernel: [2, half], align: "right", shift: [0, 1] });
    this.u = new Stream("u", settings, rng);
    this.ul = new Stream("ul", settings, rng);
    this.head = new Conv2d({ in: channels, out: mixtureSize(image[0], components), kernel: 1, rng });
    this.config = settings;
  }

  /** The stream of what lies above: all its maps. x [B, C + 1, H, W] */
  rows(x: Tensor, here?: Surroundings): Tensor[] {
    return this.u.run(this.above.call(x, here), undefined, here);
  }

  /** The stream of what lies above and to the left, and the mixture's numbers [B, P, H, W]. */
  pixels(x: Tensor, maps: readonly Tensor[], here?: Surroundings): Tensor {
    const start = this.rowAbove.call(x, here).add(this.left.call(x, here));
    const made = this.ul.run(start, maps, here);
    return this.head.call(elu(made[made.length - 1]));
  }

  /** Pictures [B, C, H, W] in [-1, 1] -> the mixture's numbers [B, P, H, W]. */
  call(pixels: Tensor): Tensor {
    const x = withOnes(pixels);
    return this.pixels(x, this.rows(x));
  }
}

/** A plane of ones beside the pixels tells what lies inside of the picture (the zeros around it are zero there too). */
function withOnes(pixels: Tensor): Tensor {
  const [batch, , height, width] = pixels.shape;
  return concat([pixels, full([batch, 1, height, width], 1)], 1);
}

/** Intensities in [0, 1] -> the nearest of `levels` levels in [-1, 1]. */
function levelsOf(images: Tensor, { levels }: PixelCnnPlusPlusConfig): Tensor {
  return floor(images.mul(levels - 1).add(0.5))
    .mul(2 / (levels - 1))
    .sub(1);
}

function nats(network: PixelCnnPlusPlus, { images }: Batch): Tensor {
  const { components, levels } = network.config;
  const pixels = levelsOf(images, network.config);
  return logisticMixtureNats(network.call(pixels), pixels, components, levels);
}

export function objective(network: PixelCnnPlusPlus, batch: Batch): Terms {
  return terms({ nats: nats(network, batch) });
}

/** What the network is to the sampler. */
export function rasterModel(network: PixelCnnPlusPlus): RasterModel {
  const { image, components, levels, scales } = network.config;
  return {
    image,
    inputs: image[0] + 1,
    network: () => network,
    prepare: (values) => withOnes(levelsOf(values, network.config)),
    draw: (parameters, rng) => drawLogisticMixture(parameters, image[0], components, rng, levels).add(1).mul(0.5).clip(0, 1),
    passes: 1,
    stepwise: scales === 1,
  };
}

const colour: PixelCnnPlusPlusConfig = {
  image: [3, 32, 32],
  levels: 256,
  channels: 32,
  firstKernel: 27,
  blocks: 2,
  scales: 1,
  components: 10,
  dropout: 0,
};

export const pixelCnnPlusPlus = defineModel<PixelCnnPlusPlusConfig, PixelCnnPlusPlus>({
  name: "pixelcnn-plus-plus",
  title: "PixelCNN++",
  family: "autoregressive",
  year: 2017,
  paper: "1701.05517",
  summary: "A PixelCNN for full colour: each pixel is drawn from a few bell curves over its 256 levels, all three colours at once.",
  config,
  presets: {
    smoke: {
      config: { ...colour, image: [3, 8, 8], channels: 8, firstKernel: 3, blocks: 1, scales: 2, components: 2 },
      training: { epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: { ...colour, image: [1, 28, 28] },
      training: { epochs: 1.25, batch: 16, learningRate: 2e-3, schedule: "cosine" },
      about: "one scale, four blocks of 32 channels, 256 greys; about eight minutes",
    },
    cifar: {
      config: colour,
      training: { epochs: 0.8, batch: 8, learningRate: 2e-3, schedule: "cosine" },
      about: "the same network on colour photographs, 5,000 steps of 8; about seven minutes",
      data: "cifar10",
    },
    paper: {
      config: { ...colour, channels: 160, firstKernel: 3, blocks: 5, scales: 3, dropout: 0.5 },
      training: { epochs: 100, batch: 16, learningRate: 1e-3, beta1: 0.95, beta2: 0.9995, ema: 0.9995 },
      about: "the paper's network; days on two cores",
      data: "cifar10",
    },
  },
  data: { sets: ["fashion-mnist", "cifar10", "mnist"], labels: false, shape: ({ image }) => image },
  build: (settings, rng) => new PixelCnnPlusPlus(settings, rng),
  objective,
  metrics: (network, batch) => pixelMetrics(nats(network, batch), network.config.image),
  metricInfo: pixelMetricInfo,
  leaderboard: { likelihood: pixelLikelihood },
  fills: true,
  sample: (network, context) => sampleRaster(rasterModel(network), context),
});
