/**
 * PixelRNN with row LSTM layers.
 * Paper: van den Oord, Kalchbrenner and Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, arXiv:1601.06759 (section 3.1, Table 1, Figure 5 right).
 *
 * The older sibling of PixelCNN: an LSTM goes down the picture, a whole row at a time. Its state at a place is made from the three states above, so that it
 * remembers everything in the triangle above it, however far; filters along the row add what lies to the left.
 *
 *   paper             here                shape               range or unit
 *   x                 images              [B, 1, H, W]        intensity in [0, 1]
 *   h                 channels / 2        number              features of a gate; the path between layers has 2h
 *   K^is * x          inputs              [B, 4h, H, W]       input-to-state: i, f, g, o for all rows at once
 *   K^ss * h_{i-1}    states              [B, 4h, 1, W]       state-to-state: from the row above
 *   h_i, c_i          row                 [B, h, 1, W]        Eq. 3
 *   L                 nats                [B]                 nats per picture
 *
 * Departs from the paper: grey pictures only; gates in the order i, f, g, o; Adam for RMSProp.
 * Next: pixelcnn.ts does without the recurrence, and sees less.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { concat, full } from "../../graph/ops/movement.ts";
import { chunk, split } from "../../graph/ops/split.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { Conv2d } from "../../nn/conv.ts";
import type { RasterNetwork } from "../../nn/gated-pixels.ts";
import { type Terms, terms } from "../../nn/losses.ts";
import { MaskedConv2d, ShiftedConv2d } from "../../nn/masked-conv.ts";
import { Module } from "../../nn/module.ts";
import type { Surroundings } from "../../nn/raster.ts";
import { type Batch, defineModel } from "../model.ts";
import {
  drawPixel,
  firstKernelField,
  logitsPerPixel,
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
    image: z.tuple([z.literal(1), z.int().min(4).max(256), z.int().min(4).max(256)]).describe("channels (1 grey), height and width"),
    channels: z.int().min(2).max(1024).multipleOf(2).describe("2h, of the path between layers; a gate has half of them"),
    layers: z.int().min(1).max(32).describe("row LSTM layers"),
    firstKernel: firstKernelField,
    head: z.int().min(1).max(4096).describe("channels of the two 1 x 1 layers before the logits"),
  })
  .refine(({ binarize, levels }) => binarize === "none" || levels === 2, { error: "a stochastic picture has 2 levels", path: ["levels"] });
export type PixelRnnConfig = z.infer<typeof config>;

/** c_i = f c_{i-1} + i g, h_i = o tanh(c_i) (Eq. 3). gates [B, 4h, 1, W] before their bends, c [B, h, 1, W] */
function rowStep(gates: Tensor, c: Tensor): { h: Tensor; c: Tensor } {
  const [i, f, g, o] = chunk(gates, 4, 1);
  const cell = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
  return { h: o.sigmoid().mul(cell.tanh()), c: cell };
}

/** Row LSTM with its residual path (Figure 5 right): [B, 2h, H, W] -> the same. */
class RowLstm extends Module {
  readonly inputs: ShiftedConv2d;
  readonly states: Conv2d;
  readonly widen: Conv2d;

  constructor(channels: number, rng: RandomStream) {
    super();
    const half = channels / 2;
    // The paper's masked filter of three: the pixel to the left and the present one.
    this.inputs = new ShiftedConv2d({ in: channels, out: 4 * half, kernel: [1, 2], align: "right", rng });
    this.states = new Conv2d({ in: half, out: 4 * half, kernel: [1, 3], padding: [0, 1], bias: false, rng });
    this.widen = new Conv2d({ in: half, out: channels, kernel: 1, rng });
  }

  call(x: Tensor, here?: Surroundings): Tensor {
    const gates = this.inputs.call(x, here);
    return x.add(this.widen.call(here === undefined ? this.#rows(gates) : this.#pixel(gates, here)));
  }

  /** Down the picture: gates [B, 4h, H, W] with the input's part -> hidden states [B, h, H, W]. */
  #rows(gates: Tensor): Tensor {
    const [batch, size, , width] = gates.shape;
    const half = size / 4;
    let state = { h: full([batch, half, 1, width], 0), c: full([batch, half, 1, width], 0) };
    const made = split(gates, 1, 2).map((row, y) => {
      state = rowStep(y === 0 ? row : row.add(this.states.call(state.h)), state.c);
      return state.h;
    });
    return concat(made, 2);
  }

  /** One pixel: its three states above and the cell above are remembered. gates [B, 4h, 1, 1] -> [B, h, 1, 1] */
  #pixel(gates: Tensor, here: Surroundings): Tensor {
    const [batch, size] = gates.shape;
    const half = size / 4;
    const states = here.recall(batch, half, [
      [-1, -1],
      [-1, 0],
      [-1, 1],
    ]);
    const cells = here.recall(batch, half, [[-1, 0]]);
    const above = states.earlier.transpose([1, 0, 2]).reshape([batch, 3 * half]);
    const filter = this.states.weight
      .reshape([size, half, 3])
      .transpose([2, 1, 0])
      .reshape([3 * half, size]);
    const next = rowStep(gates.add(above.matmul(filter).reshape(gates.shape)), cells.earlier.reshape([batch, half, 1, 1]));
    states.keep(next.h);
    cells.keep(next.c);
    return next.h;
  }
}

export class PixelRnn extends Module implements RasterNetwork {
  readonly first: MaskedConv2d;
  readonly layers: RowLstm[];
  readonly head: PixelHead;
  readonly config: PixelRnnConfig;

  constructor(settings: PixelRnnConfig, rng: RandomStream) {
    super();
    const { channels, layers, head } = settings;
    this.first = new MaskedConv2d({ in: 1, out: channels, kernel: settings.firstKernel, mask: "A", rng });
    this.layers = Array.from({ length: layers }, () => new RowLstm(channels, rng));
    this.head = new PixelHead(channels, head, logitsPerPixel(settings), 1, rng);
    this.config = settings;
  }

  /** x [B, 1, H, W] -> logits [B, K, H, W] */
  pixels(x: Tensor, _maps: readonly Tensor[] = [], here?: Surroundings): Tensor {
    const features = this.layers.reduce((value, layer) => layer.call(value, here), this.first.call(x, here));
    return this.head.call(features, here);
  }
}

/** -Σ log p(x_i | x_<i) (Eq. 1): [B], nats. */
function nats(network: PixelRnn, { images }: Batch, rng: Rng): Tensor {
  const pixels = pixelsOf(images, network.config, rng);
  return pixelNats(network.pixels(pixels), pixels, network.config);
}

export function objective(network: PixelRnn, batch: Batch, rng: Rng): Terms {
  return terms({ nats: nats(network, batch, rng) });
}

/** What the network is to the sampler. */
export function rasterModel(network: PixelRnn): RasterModel {
  const { config: settings } = network;
  return {
    image: settings.image,
    inputs: 1,
    network: () => network,
    prepare: (values) => toLevels(values, settings),
    draw: (logits, rng) => drawPixel(logits, settings, rng),
    passes: 1,
    stepwise: true,
  };
}

const digits: PixelRnnConfig = {
  image: [1, 28, 28],
  levels: 2,
  binarize: "stochastic",
  channels: 32,
  layers: 4,
  firstKernel: 27,
  head: 32,
};

export const pixelrnn = defineModel<PixelRnnConfig, PixelRnn>({
  name: "pixelrnn",
  title: "PixelRNN",
  family: "autoregressive",
  year: 2016,
  paper: "1601.06759",
  summary:
    "An LSTM goes down the picture row by row and remembers all that is above. It paints pixel by pixel, and says how probable a picture is.",
  config,
  presets: {
    smoke: {
      config: { ...digits, image: [1, 8, 8], levels: 4, binarize: "none", channels: 8, layers: 1, firstKernel: 7, head: 8 },
      training: { epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: digits,
      training: { epochs: 3, batch: 64, learningRate: 2e-3, schedule: "cosine" },
      about: "four layers, black and white digits; about six minutes",
    },
    paper: {
      config: { ...digits, layers: 7, firstKernel: 7 },
      training: { epochs: 10, batch: 16, learningRate: 1e-3 },
      about: "the paper's seven layers of 16 units a gate; hours",
    },
  },
  data: { sets: ["mnist", "fashion-mnist"], labels: false, shape: ({ image }) => image },
  build: (settings, rng) => new PixelRnn(settings, rng),
  objective,
  metrics: (network, batch, rng) => pixelMetrics(nats(network, batch, rng), network.config.image),
  metricInfo: pixelMetricInfo,
  leaderboard: {
    settings: ([colours]) => (colours === 1 ? shades : "it reads grey pictures only"),
    likelihood: pixelLikelihood,
  },
  fills: true,
  sample: (network, context) => sampleRaster(rasterModel(network), context),
});
