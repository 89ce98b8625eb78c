/**
 * Multilayer perceptron.
 * Source: Foster, "Generative Deep Learning", 2nd edition, chapter 2 (the architecture is Rosenblatt's, with ReLU units).
 *
 * Look at all pixels at once, through layers of weighted sums and a bend. It ignores that neighbouring pixels belong together, which is what
 * the convolutional network beside it is for.
 *
 *   book         here              shape            range or unit
 *   x            images            [B, C, H, W]     intensity in [0, 1]
 *   y            labels            [B]              class index
 *   ŷ            logits            [B, K]           before the softmax
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { relu } from "../../nn/activations.ts";
import { glorotUniform, torchDefault, zeros } from "../../nn/init.ts";
import { Linear } from "../../nn/linear.ts";
import { crossEntropy, terms } from "../../nn/losses.ts";
import { Module } from "../../nn/module.ts";
import { defineModel } from "../model.ts";
import { classifierMetricInfo, classifierMetrics, imageShape } from "./blocks.ts";

const config = z.strictObject({
  image: imageShape,
  classes: z.int().min(2).max(10_000).describe("number of classes"),
  hidden: z.array(z.int().min(1).max(65_536)).min(1).describe("units of each hidden layer"),
  init: z.enum(["torch", "keras"]).describe("first weights: PyTorch's default or Keras's (Glorot uniform, zero biases)"),
});
export type MlpConfig = z.infer<typeof config>;

export class Mlp extends Module {
  readonly layers: Linear[];

  constructor(settings: MlpConfig, rng: RandomStream) {
    super();
    const sizes = [settings.image.reduce((a, b) => a * b), ...settings.hidden, settings.classes];
    const init = settings.init === "keras" ? { init: glorotUniform, biasInit: zeros } : { init: torchDefault };
    this.layers = sizes.slice(1).map((out, i) => new Linear({ in: sizes[i], out, rng, ...init }));
  }

  /** images [B, C, H, W] -> logits [B, K] */
  call(images: Tensor): Tensor {
    const last = this.layers.length - 1;
    return this.layers.reduce((x, layer, i) => (i < last ? relu(layer.call(x)) : layer.call(x)), images.flatten());
  }
}

export const mlp = defineModel<MlpConfig, Mlp>({
  name: "mlp",
  title: "Multilayer perceptron",
  family: "classifiers",
  year: 1986,
  paper: "Generative Deep Learning, 2nd ed., ch. 2",
  summary: "A stack of dense layers that names what is in a picture. The baseline that the convolutional network beats.",
  config,
  presets: {
    smoke: {
      config: { image: [3, 32, 32], classes: 10, hidden: [16], init: "torch" },
      training: { epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: { image: [3, 32, 32], classes: 10, hidden: [200, 150], init: "torch" },
      training: { epochs: 10, batch: 32, learningRate: 5e-4 },
      about: "the book's network with PyTorch's initialisation; about half a minute",
    },
    paper: {
      config: { image: [3, 32, 32], classes: 10, hidden: [200, 150], init: "keras" },
      training: { epochs: 10, batch: 32, learningRate: 5e-4, epsilon: 1e-7 },
      about: "the book's setting, with Keras's defaults; about half a minute",
    },
  },
  data: { sets: ["cifar10", "fashion-mnist", "mnist"], labels: true, shape: ({ image }) => image },
  build: (settings, rng) => new Mlp(settings, rng),
  objective: (network, { images, labels }) => terms({ nats: crossEntropy(network.call(images), labels) }),
  metrics: (network, { images, labels }) => classifierMetrics(network.call(images), labels),
  metricInfo: classifierMetricInfo,
  classify: (network, images) => network.call(images),
});
