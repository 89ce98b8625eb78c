/**
 * Feature network: a small classifier whose last map, averaged over places, describes a picture.
 * Sources: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", 2017, arXiv:1706.08500 (a classifier's pooled features as the space in which
 * pictures are compared); the block is convolution, batch norm (Ioffe and Szegedy 2015, arXiv:1502.03167) and ReLU.
 *
 * Heusel's network is Inception, trained on ImageNet and 92 MB large. This one is trained here, on the data whose samples it is to judge, and small
 * enough to come with the library: distances on its features are comparable with each other, never with distances on Inception's.
 *
 *   source       here              shape            range or unit
 *   x            images            [B, C, H, W]     intensity in [0, 1]
 *   y            conditions        [B, K]           one-hot class, or attributes 0 and 1
 *   f(x)         features()        [B, D]           means of rectified units, 0 and up
 *                logits            [B, K]           before softmax (classes) or sigmoid (attributes)
 *
 * Departs from the source: everything but the idea. While training, pictures are shifted, scaled and, where that keeps their meaning, mirrored.
 * The `paper` preset is the small one, trained three times as long: there is no paper's setting to repeat.
 */
import { z } from "zod";
import { UsageError } from "../../core/errors.ts";
import type { RandomStream } from "../../core/random.ts";
import { arange } from "../../graph/ops/grid.ts";
import { globalAveragePool } from "../../graph/ops/pooling.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { Conv2d } from "../../nn/conv.ts";
import { Linear } from "../../nn/linear.ts";
import { binaryCrossEntropy, sumPerExample, terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { BatchNorm } from "../../nn/norm.ts";
import { type Batch, defineModel } from "../model.ts";
import { imageShape } from "./blocks.ts";

const config = z.strictObject({
  image: imageShape,
  task: z.enum(["classes", "attributes"]).describe("classes: one of K holds (softmax); attributes: each of K holds or not (sigmoid)"),
  outputs: z.int().min(1).max(10_000).describe("K, the number of classes or attributes"),
  widths: z.array(z.int().min(1).max(4096)).min(1).max(12).describe("channels of the convolutions; the last is D, the number of features"),
  strides: z.array(z.int().min(1).max(4)).min(1).max(12).describe("steps of the convolutions, as many as there are widths"),
  shift: z.number().min(0).max(64).describe("largest shift while training, in pixels along each axis"),
  scale: z.number().min(0).max(0.5).describe("largest change of size while training, as a share"),
  mirror: z.boolean().describe("whether half of the pictures are mirrored while training"),
});
export type FeatureNetConfig = z.infer<typeof config>;

/** Convolution, batch norm, ReLU. */
class Block extends Module {
  readonly conv: Conv2d;
  readonly norm: BatchNorm;

  constructor(from: number, to: number, stride: number, rng: RandomStream) {
    super();
    this.conv = new Conv2d({ in: from, out: to, kernel: 3, stride, padding: 1, bias: false, rng });
    this.norm = new BatchNorm({ channels: to });
  }

  /** [B, from, H, W] -> [B, to, ceil(H / stride), ceil(W / stride)] */
  call(x: Tensor): Tensor {
    return this.norm.call(this.conv.call(x)).relu();
  }
}

export class FeatureNet extends Module {
  readonly blocks: Block[];
  readonly head: Linear;
  readonly config: FeatureNetConfig;

  /** @throws UsageError unless there are as many strides as widths */
  constructor(settings: FeatureNetConfig, rng: RandomStream) {
    super();
    const { image, widths, strides, outputs } = settings;
    if (widths.length !== strides.length) {
      throw new UsageError({
        what: "A feature network needs a stride for each convolution.",
        got: `${widths.length} widths, ${strides.length} strides`,
        hint: "set both: --set widths=[16,32] --set strides=[1,2]",
      });
    }
    this.blocks = widths.map((to, i) => new Block(i === 0 ? image[0] : widths[i - 1], to, strides[i], rng));
    this.head = new Linear({ in: widths[widths.length - 1], out: outputs, rng });
    this.config = settings;
  }

  /** images [B, C, H, W] -> features [B, D]: the last map's means over places */
  features(images: Tensor): Tensor {
    return globalAveragePool(this.blocks.reduce((x, block) => block.call(x), images)).flatten();
  }

  /** images [B, C, H, W] -> logits [B, K] */
  call(images: Tensor): Tensor {
    return this.head.call(this.features(images));
  }
}

/**
 * Where each row (or column) of a shifted, scaled and mirrored picture comes from, as a matrix of linear interpolation:
 * A[b, i, j] = max(0, 1 - |j - source_b(i)|). Rows beyond the border repeat it. [B, 1, size, size].
 */
function resampling(size: number, shift: Tensor, scale: Tensor): Tensor {
  const middle = (size - 1) / 2;
  const batch = shift.shape[0];
  const to = arange(0, size).sub(middle).reshape([1, 1, size, 1]);
  const source = to.mul(scale.reshape([batch, 1, 1, 1])).add(shift.reshape([batch, 1, 1, 1]).add(middle));
  const from = arange(0, size).reshape([1, 1, 1, size]);
  return source
    .clip(0, size - 1)
    .sub(from)
    .abs()
    .neg()
    .add(1)
    .relu();
}

/** Pictures a little shifted, scaled and mirrored, each by draws of its own: A_y x A_xᵀ. [B, C, H, W] -> the same. */
function augment(images: Tensor, { shift, scale, mirror }: FeatureNetConfig, rng: Rng): Tensor {
  if (shift === 0 && scale === 0 && !mirror) return images;
  const [batch, , height, width] = images.shape;
  const within = (name: string, bound: number) => rng.uniform(name, [batch]).mul(2).sub(1).mul(bound);
  const size = within("scale", scale).add(1);
  const side = mirror ? size.mul(rng.bernoulli("flip", [batch], 0.5).mul(2).sub(1)) : size;
  const rows = resampling(height, within("down", shift), size);
  const columns = resampling(width, within("across", shift), side);
  return rows.matmul(images).matmul(columns.transpose([0, 1, 3, 2]));
}

/** What the labels cost in nats, one value a picture: [B]. */
function nats({ config: { task } }: FeatureNet, logits: Tensor, conditions: Tensor): Tensor {
  if (task === "attributes") return binaryCrossEntropy(logits, conditions);
  return sumPerExample(logits.logSoftmax().mul(conditions)).neg();
}

/** The share of a picture's answers that are right: 0 or 1 for a class, in steps of 1 / K for attributes. [B] */
function accuracy({ config: { task } }: FeatureNet, logits: Tensor, conditions: Tensor): Tensor {
  if (task === "classes") return logits.argmax(1).equal(conditions.argmax(1)).cast("float32");
  return logits.greater(0).equal(conditions.greater(0.5)).cast("float32").mean(1);
}

function metrics(network: FeatureNet, { images, conditions }: Batch): Record<string, Tensor> {
  const logits = network.call(images);
  return { accuracy: accuracy(network, logits, conditions), nats: nats(network, logits, conditions) };
}

const base: FeatureNetConfig = {
  image: [1, 32, 32],
  task: "classes",
  outputs: 10,
  widths: [16, 32, 32, 64, 64, 128],
  strides: [1, 2, 1, 2, 1, 2],
  shift: 2,
  scale: 0.1,
  mirror: false,
};
const training = { batch: 64, learningRate: 3e-3, schedule: "cosine", warmup: 200 } as const;

export const featureNet = defineModel<FeatureNetConfig, FeatureNet>({
  name: "feature-net",
  title: "Feature network",
  family: "classifiers",
  year: 2017,
  paper: "1706.08500",
  summary:
    "A small classifier whose last layer turns a picture into a list of numbers. Sets of pictures are compared by these, samples with data.",
  config,
  presets: {
    smoke: {
      config: { ...base, image: [1, 8, 8], outputs: 4, widths: [4, 8], strides: [1, 2], shift: 0.5, scale: 0 },
      training: { epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: { config: base, training: { ...training, epochs: 5 }, about: "grey pictures of ten classes; about two minutes" },
    paper: { config: base, training: { ...training, epochs: 15 }, about: "the same, three times as long; about six minutes" },
    colour: {
      config: { ...base, image: [3, 32, 32], mirror: true },
      training: { ...training, epochs: 8 },
      about: "colour pictures of 32 x 32 in ten classes; about three minutes",
      data: "cifar10",
    },
    attributes: {
      config: { ...base, image: [3, 64, 64], task: "attributes", outputs: 24, strides: [2, 1, 2, 1, 2, 2], shift: 3, mirror: true },
      training: { ...training, epochs: 8 },
      about: "the 24 attributes of avatars, 64 x 64 in colour; about two minutes",
      data: "avatars",
    },
  },
  data: {
    sets: ["mnist", "fashion-mnist", "cifar10", "avatars"],
    labels: false,
    conditions: ({ outputs }) => outputs,
    shape: ({ image }) => image,
  },
  build: (settings, rng) => new FeatureNet(settings, rng),
  objective: (network, { images, conditions }, rng) =>
    terms({ nats: nats(network, network.call(augment(images, network.config, rng)), conditions) }),
  metrics,
  metricInfo: {
    accuracy: {
      unit: "fraction",
      better: "higher",
      about: "share of held-out pictures whose most likely class is theirs; of attributes, the share told rightly",
    },
    nats: { unit: "nats per picture", better: "lower", about: "cross entropy of the held-out classes, or of all attributes together" },
  },
  classify: (network, images) => network.call(images),
  features: (network, images) => network.features(images),
});
