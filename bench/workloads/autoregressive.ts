import { sizeOf } from "../../src/core/dtype.ts";
import { PixelCnn, pixelcnn } from "../../src/models/autoregressive/pixelcnn.ts";
import { PixelCnnPlusPlus, pixelCnnPlusPlus } from "../../src/models/autoregressive/pixelcnn-plus-plus.ts";
import { PixelRnn, pixelrnn } from "../../src/models/autoregressive/pixelrnn.ts";
import { logisticMixtureNats } from "../../src/nn/logistic-mixture.ts";
import { binaryCrossEntropy } from "../../src/nn/losses.ts";
import { STREAMS, tokens } from "../harness/values.ts";
import type { Workload } from "../harness/workload.ts";
import { trainingWorkload } from "./training.ts";

// The small presets of the models that paint pixel by pixel. Pictures are levels already, so that all sides learn the same ones.

/** Pictures of `levels` levels, from `low` to 1. */
function levelPictures(shape: readonly number[], levels: number, low: number): { images: Float32Array[] } {
  const scale = (1 - low) / (levels - 1);
  return { images: tokens(STREAMS.labels, shape, levels).map((pool) => Float32Array.from(pool, (level) => low + level * scale)) };
}

const digits = [64, 1, 28, 28];
const colours = [32, 3, 32, 32];
const { components } = pixelCnnPlusPlus.presets.cifar.config;

export const autoregressiveWorkloads: readonly Workload[] = [
  trainingWorkload({
    name: "pixelcnn-gated",
    summary: "Gated PixelCNN, the small preset, on black and white 28x28 (182,913 parameters), batch 64, Adam",
    build: (rng) => new PixelCnn(pixelcnn.presets.small.config, rng),
    objective: (network, { images }) =>
      binaryCrossEntropy(network.call(images), images)
        .mean()
        .div(sizeOf(digits.slice(1))),
    inputs: { images: { shape: digits } },
    batches: () => levelPictures(digits, 2, 0),
    learningRate: 1e-3,
  }),
  trainingWorkload({
    name: "pixelrnn",
    summary: "PixelRNN with row LSTM layers, the small preset, on black and white 28x28 (45,377 parameters), batch 64, Adam",
    build: (rng) => new PixelRnn(pixelrnn.presets.small.config, rng),
    objective: (network, { images }) =>
      binaryCrossEntropy(network.pixels(images), images)
        .mean()
        .div(sizeOf(digits.slice(1))),
    inputs: { images: { shape: digits } },
    batches: () => levelPictures(digits, 2, 0),
    learningRate: 1e-3,
  }),
  trainingWorkload({
    name: "pixelcnn-plus-plus",
    summary: "PixelCNN++, the small preset, on 32x32 colour (321,668 parameters), batch 32, Adam",
    build: (rng) => new PixelCnnPlusPlus(pixelCnnPlusPlus.presets.cifar.config, rng),
    objective: (network, { images }) =>
      logisticMixtureNats(network.call(images), images, components)
        .mean()
        .div(sizeOf(colours.slice(1))),
    inputs: { images: { shape: colours } },
    batches: () => levelPictures(colours, 256, -1),
    learningRate: 1e-3,
  }),
];
