import type { RandomStream } from "../../src/core/random.ts";
import { conv } from "../../src/graph/ops/conv.ts";
import { constant } from "../../src/graph/ops/source.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { relu } from "../../src/nn/activations.ts";
import { Conv2d } from "../../src/nn/conv.ts";
import { crossEntropy } from "../../src/nn/losses.ts";
import { Module } from "../../src/nn/module.ts";
import { STREAMS, tokens } from "../harness/values.ts";
import type { Workload } from "../harness/workload.ts";
import { trainingWorkload } from "./training.ts";

// The PixelCNN of Generative Deep Learning, 2nd ed., ch. 5: 16x16 pictures of four levels.

const width = 128;
const batch = 32;
const size = 16;
const levels = 4;

/** A convolution that sees the pixels above and to the left; with `centre` the pixel itself too. */
class MaskedConv2d extends Module {
  readonly conv: Conv2d;
  readonly #mask: Float32Array;
  readonly #kernel: number;

  constructor(inputs: number, out: number, kernel: number, centre: boolean, rng: RandomStream) {
    super();
    this.conv = new Conv2d({ in: inputs, out, kernel, rng });
    const middle = (kernel * kernel - 1) / 2;
    this.#mask = Float32Array.from({ length: kernel * kernel }, (_, i) => (i < middle || (centre && i === middle) ? 1 : 0));
    this.#kernel = kernel;
  }

  call(x: Tensor): Tensor {
    const mask = constant(this.#mask, "float32", [this.#kernel, this.#kernel]);
    return conv(x, this.conv.weight.mul(mask), { padding: (this.#kernel - 1) / 2, bias: this.conv.bias });
  }
}

class PixelBlock extends Module {
  readonly narrow: Conv2d;
  readonly masked: MaskedConv2d;
  readonly widen: Conv2d;

  constructor(rng: RandomStream) {
    super();
    this.narrow = new Conv2d({ in: width, out: width / 2, kernel: 1, rng });
    this.masked = new MaskedConv2d(width / 2, width / 2, 3, true, rng);
    this.widen = new Conv2d({ in: width / 2, out: width, kernel: 1, rng });
  }

  call(x: Tensor): Tensor {
    return x.add(relu(this.widen.call(relu(this.masked.call(relu(this.narrow.call(x)))))));
  }
}

/** Pictures [B, 1, 16, 16] -> logits [B, 4, 16, 16]. */
class PixelCnn extends Module {
  readonly first: MaskedConv2d;
  readonly blocks: PixelBlock[];
  readonly last: MaskedConv2d[];
  readonly head: Conv2d;

  constructor(rng: RandomStream) {
    super();
    this.first = new MaskedConv2d(1, width, 7, false, rng);
    this.blocks = Array.from({ length: 5 }, () => new PixelBlock(rng));
    this.last = Array.from({ length: 2 }, () => new MaskedConv2d(width, width, 1, true, rng));
    this.head = new Conv2d({ in: width, out: levels, kernel: 1, rng });
  }

  call(images: Tensor): Tensor {
    const features = this.blocks.reduce((x, block) => block.call(x), relu(this.first.call(images)));
    return this.head.call(this.last.reduce((x, layer) => relu(layer.call(x)), features));
  }
}

export const pixelCnnWorkload: Workload = trainingWorkload({
  name: "pixelcnn",
  summary: "PixelCNN on 16x16 pictures of 4 levels (307,460 parameters), batch 32, Adam",
  build: (rng) => new PixelCnn(rng),
  objective: (network, { images, labels }) =>
    crossEntropy(network.call(images).transpose([0, 2, 3, 1]), labels)
      .mean()
      .div(size * size),
  inputs: { images: { shape: [batch, 1, size, size] }, labels: { shape: [batch, size, size], dtype: "int32" } },
  batches: () => {
    const labels = tokens(STREAMS.labels, [batch, size, size], levels);
    return { images: labels.map((pool) => Float32Array.from(pool, (level) => level / levels)), labels };
  },
  learningRate: 5e-4,
});
