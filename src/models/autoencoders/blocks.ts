import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { relu } from "../../nn/activations.ts";
import { Conv2d, ConvTranspose2d } from "../../nn/conv.ts";
import { Linear } from "../../nn/linear.ts";
import { Module } from "../../nn/module.ts";
import { BatchNorm } from "../../nn/norm.ts";

// The convolutional halves of Generative Deep Learning, 2nd ed., ch. 3, shared by the autoencoder and the VAE.

export const codecFields = {
  image: z
    .tuple([z.literal([1, 3]), z.int().min(8).max(512).multipleOf(8), z.int().min(8).max(512).multipleOf(8)])
    .describe("channels (1 grey, 3 colour), height and width; the sides divisible by 8"),
  codeSize: z.int().min(1).max(4096).describe("numbers in a code"),
  widths: z.array(z.int().min(1).max(2048)).length(3).describe("channels of the three convolutions, each of stride 2"),
  norm: z.boolean().describe("batch normalisation after each strided convolution"),
};

export interface CodecConfig {
  image: [1 | 3, number, number];
  codeSize: number;
  widths: number[];
  norm: boolean;
}

/** One batch norm a width, or none at all. */
function normsFor(config: CodecConfig, widths: readonly number[]): BatchNorm[] {
  return config.norm ? widths.map((channels) => new BatchNorm({ channels })) : [];
}

/** Convolution, batch norm where there is one, ReLU; layer after layer. */
function stack(x: Tensor, convs: readonly (Conv2d | ConvTranspose2d)[], norms: readonly BatchNorm[]): Tensor {
  return convs.reduce((value, conv, i) => relu(norms[i]?.call(conv.call(value)) ?? conv.call(value)), x);
}

/** Numbers in the deepest feature map, and its shape [channels, H / 8, W / 8]. */
function deepest({ image: [, height, width], widths }: CodecConfig): { size: number; shape: [number, number, number] } {
  const shape: [number, number, number] = [widths[2], height / 8, width / 8];
  return { size: shape[0] * shape[1] * shape[2], shape };
}

/** Three strided convolutions: [B, C, H, W] -> [B, size of the deepest map]. */
export class EncoderTrunk extends Module {
  readonly convs: Conv2d[];
  readonly norms: BatchNorm[];
  readonly size: number;

  constructor(config: CodecConfig, rng: RandomStream) {
    super();
    const widths = [config.image[0], ...config.widths];
    this.convs = config.widths.map((out, i) => new Conv2d({ in: widths[i], out, kernel: 3, stride: 2, padding: 1, rng }));
    this.norms = normsFor(config, config.widths);
    this.size = deepest(config).size;
  }

  call(images: Tensor): Tensor {
    return stack(images, this.convs, this.norms).flatten();
  }
}

/** Codes [B, Z] -> logits [B, C, H, W]: a dense layer, three transposed convolutions of stride 2, and one convolution. */
export class Decoder extends Module {
  readonly dense: Linear;
  readonly convs: ConvTranspose2d[];
  readonly norms: BatchNorm[];
  readonly head: Conv2d;
  readonly #shape: readonly [number, number, number];

  constructor(config: CodecConfig, rng: RandomStream) {
    super();
    const { size, shape } = deepest(config);
    this.#shape = shape;
    this.dense = new Linear({ in: config.codeSize, out: size, rng });
    const outward = [...config.widths].reverse();
    const from = [outward[0], ...outward];
    this.convs = outward.map(
      (out, i) => new ConvTranspose2d({ in: from[i], out, kernel: 3, stride: 2, padding: 1, outputPadding: 1, rng }),
    );
    this.norms = normsFor(config, outward);
    this.head = new Conv2d({ in: outward[2], out: config.image[0], kernel: 3, padding: 1, rng });
  }

  call(codes: Tensor): Tensor {
    const start = this.dense.call(codes).reshape([codes.shape[0], ...this.#shape]);
    return this.head.call(stack(start, this.convs, this.norms));
  }
}
