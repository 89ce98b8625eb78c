/**
 * Convolutional classifier.
 * Source: Foster, "Generative Deep Learning", 2nd edition, chapter 2, "Putting it all together" (592,554 parameters on CIFAR-10).
 *
 * Small filters slide over the picture, so that what is learned in one place holds everywhere; strides shrink the map while channels grow.
 * Batch normalisation keeps each layer's inputs in range, dropout keeps the head from relying on single units.
 *
 *   book         here              shape            range or unit
 *   x            images            [B, C, H, W]     intensity in [0, 1]
 *   y            labels            [B]              class index
 *   ŷ            logits            [B, K]           before the softmax
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { leakyRelu } from "../../nn/activations.ts";
import { Conv2d } from "../../nn/conv.ts";
import { Dropout } from "../../nn/dropout.ts";
import { glorotUniform, torchDefault, zeros } from "../../nn/init.ts";
import { Linear } from "../../nn/linear.ts";
import { crossEntropy, terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { BatchNorm } from "../../nn/norm.ts";
import { defineModel } from "../model.ts";
import { classifierMetricInfo, classifierMetrics, imageShape } from "./blocks.ts";

const config = z.strictObject({
  image: imageShape.describe("channels, height and width; the sides divisible by 4"),
  classes: z.int().min(2).max(10_000).describe("number of classes"),
  widths: z.array(z.int().min(1).max(4096)).length(4).describe("channels of the four convolutions; the second and fourth have stride 2"),
  dense: z.int().min(1).max(65_536).describe("units of the dense layer"),
  dropout: z.number().min(0).max(0.95).describe("share of dense units dropped while training"),
  slope: z.number().positive().max(1).describe("of the leaky ReLU below 0"),
  defaults: z.enum(["torch", "keras"]).describe("whose defaults: initialisation, padding, batch-norm momentum and epsilon"),
});
export type CnnConfig = z.infer<typeof config>;

/** Convolution, batch norm, leaky ReLU. */
class Block extends Module {
  readonly conv: Conv2d;
  readonly norm: BatchNorm;
  readonly #slope: number;

  constructor(from: number, to: number, stride: number, settings: CnnConfig, rng: RandomStream) {
    super();
    const keras = settings.defaults === "keras";
    this.conv = new Conv2d({ in: from, out: to, kernel: 3, stride, padding: keras ? "same" : 1, rng, ...initOf(settings) });
    this.norm = new BatchNorm({ channels: to, ...normOf(settings) });
    this.#slope = settings.slope;
  }

  /** [B, from, H, W] -> [B, to, H / stride, W / stride] */
  call(x: Tensor): Tensor {
    return leakyRelu(this.norm.call(this.conv.call(x)), this.#slope);
  }
}

function initOf({ defaults }: CnnConfig) {
  return defaults === "keras" ? { init: glorotUniform, biasInit: zeros } : { init: torchDefault };
}

function normOf({ defaults }: CnnConfig) {
  return defaults === "keras" ? { epsilon: 1e-3, momentum: 0.01, unbiased: false } : {};
}

export class Cnn extends Module {
  readonly blocks: Block[];
  readonly dense: Linear;
  readonly norm: BatchNorm;
  readonly dropout: Dropout;
  readonly head: Linear;
  readonly #slope: number;

  constructor(settings: CnnConfig, rng: RandomStream) {
    super();
    const [channels, height, width] = settings.image;
    const widths = [channels, ...settings.widths];
    this.blocks = settings.widths.map((to, i) => new Block(widths[i], to, i % 2 === 0 ? 1 : 2, settings, rng));
    const flat = Math.ceil(height / 4) * Math.ceil(width / 4) * settings.widths[3];
    this.dense = new Linear({ in: flat, out: settings.dense, rng, ...initOf(settings) });
    this.norm = new BatchNorm({ channels: settings.dense, ...normOf(settings) });
    this.dropout = new Dropout(settings.dropout);
    this.head = new Linear({ in: settings.dense, out: settings.classes, rng, ...initOf(settings) });
    this.#slope = settings.slope;
  }

  /** images [B, C, H, W] -> logits [B, K] */
  call(images: Tensor): Tensor {
    const features = this.blocks.reduce((x, block) => block.call(x), images).flatten();
    return this.head.call(this.dropout.call(leakyRelu(this.norm.call(this.dense.call(features)), this.#slope)));
  }
}

const shared = { image: [3, 32, 32] as [3, number, number], classes: 10, widths: [32, 32, 64, 64], dense: 128, dropout: 0.5 };

export const cnn = defineModel<CnnConfig, Cnn>({
  name: "cnn",
  title: "Convolutional classifier",
  family: "classifiers",
  year: 2012,
  paper: "Generative Deep Learning, 2nd ed., ch. 2",
  summary: "Four small convolutions with batch normalisation name what is in a picture. The same parts build every picture model here.",
  config,
  presets: {
    smoke: {
      config: { ...shared, widths: [4, 4, 8, 8], dense: 16, slope: 0.01, defaults: "torch" },
      training: { epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: { ...shared, slope: 0.01, defaults: "torch" },
      training: { epochs: 10, batch: 32, learningRate: 5e-4 },
      about: "the book's network with PyTorch's defaults; about five minutes",
    },
    paper: {
      config: { ...shared, slope: 0.3, defaults: "keras" },
      training: { epochs: 10, batch: 32, learningRate: 5e-4, epsilon: 1e-7 },
      about: "the book's setting, with Keras's defaults; about five minutes",
    },
  },
  data: { sets: ["cifar10", "fashion-mnist", "mnist"], labels: true, shape: ({ image }) => image },
  build: (settings, rng) => new Cnn(settings, rng),
  objective: (network, { images, labels }) => terms({ nats: crossEntropy(network.call(images), labels) }),
  metrics: (network, { images, labels }) => classifierMetrics(network.call(images), labels),
  metricInfo: classifierMetricInfo,
  classify: (network, images) => network.call(images),
});
