import { z } from "zod";
import { UsageError } from "../../core/errors.ts";
import type { RandomStream } from "../../core/random.ts";
import { concat } from "../../graph/ops/movement.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { leakyRelu, relu, sigmoid, softplus, tanh } from "../../nn/activations.ts";
import { Conv2d, ConvTranspose2d } from "../../nn/conv.ts";
import { Linear } from "../../nn/linear.ts";
import { Module } from "../../nn/module.ts";
import { BatchNorm } from "../../nn/norm.ts";

// The two halves that the autoencoders share: the convolutional ones of Generative Deep Learning, 2nd ed., ch. 3, and dense ones.

export const codecFields = {
  image: z
    .tuple([z.literal([1, 3]), z.int().min(8).max(512).multipleOf(8), z.int().min(8).max(512).multipleOf(8)])
    .describe("channels (1 grey, 3 colour), height and width; the sides divisible by 8"),
  codeSize: z.int().min(1).max(4096).describe("numbers in a code"),
  widths: z.array(z.int().min(1).max(2048)).length(3).describe("channels of the three convolutions, each of stride 2"),
  norm: z.boolean().describe("batch normalisation after each strided convolution"),
};

/** {@link codecFields} with any number of convolutions, and dense layers. */
export const networkFields = {
  image: z
    .union([z.tuple([z.literal([1, 3]), z.int().min(8).max(512), z.int().min(8).max(512)]), z.tuple([z.int().min(1).max(4096)])])
    .describe("channels (1 grey, 3 colour), height and width, the sides divisible by 2 for each convolution; [D] for points of D numbers"),
  codeSize: codecFields.codeSize,
  widths: z
    .array(z.int().min(1).max(2048))
    .max(6)
    .describe("channels of the convolutions, each of stride 2; [] for dense layers alone (the paper's network)"),
  hidden: z
    .array(z.int().min(1).max(8192))
    .max(4)
    .describe("units of the dense layers between the convolutions and the code; the decoder has the same in reverse"),
  activation: z.enum(["relu", "leaky-relu", "tanh", "sigmoid", "softplus"]).describe("after every hidden layer"),
  slope: z.number().min(0).max(1).describe("of leaky-relu below 0; the book's is 0.3"),
  norm: codecFields.norm,
  denseNorm: z
    .boolean()
    .describe(
      "batch normalisation and activation also after the decoder's dense layer before its convolutions, as the book has it for faces",
    ),
};

export interface CodecConfig {
  /** A picture's shape, or a point's. */
  image: [1 | 3, number, number] | [number];
  codeSize: number;
  widths: number[];
  norm: boolean;
  hidden?: number[];
  /** Default relu. */
  activation?: "relu" | "leaky-relu" | "tanh" | "sigmoid" | "softplus";
  slope?: number;
  denseNorm?: boolean;
}

/** What {@link CodecConfig} leaves open where it comes from {@link networkFields}. */
export type NetworkConfig = Required<CodecConfig>;

/** The book's three convolutions and nothing else: what {@link networkFields} add, switched off. */
export const plain = { hidden: [] as number[], activation: "relu" as const, slope: 0.01, denseNorm: false };

/** One batch norm a width, or none at all. */
function normsFor(config: CodecConfig, widths: readonly number[]): BatchNorm[] {
  return config.norm ? widths.map((channels) => new BatchNorm({ channels })) : [];
}

/** The activation of a configuration. Any shape. */
export function activate(x: Tensor, { activation = "relu", slope = 0.01 }: CodecConfig): Tensor {
  if (activation === "leaky-relu") return leakyRelu(x, slope);
  return { relu, tanh, sigmoid, softplus }[activation](x);
}

/** Convolution, batch norm where there is one, activation; layer after layer. */
function stack(x: Tensor, convs: readonly (Conv2d | ConvTranspose2d)[], norms: readonly BatchNorm[], config: CodecConfig): Tensor {
  return convs.reduce((value, conv, i) => activate(norms[i]?.call(conv.call(value)) ?? conv.call(value), config), x);
}

/** Dense layers, each with its activation: [B, in] -> [B, out of the last]. */
function dense(x: Tensor, layers: readonly Linear[], config: CodecConfig): Tensor {
  return layers.reduce((value, layer) => activate(layer.call(value), config), x);
}

/** Dense layers from one size to the next. */
function linears(from: number, sizes: readonly number[], rng: RandomStream): Linear[] {
  return sizes.map((out, i) => new Linear({ in: i === 0 ? from : sizes[i - 1], out, rng }));
}

/**
 * Numbers in the deepest feature map, and its shape [channels, H / 2^n, W / 2^n] after n convolutions.
 * @throws UsageError where a side cannot be halved so often, or points would be
 */
function deepest({ image, widths }: CodecConfig): { size: number; shape: number[] } {
  if (image.length === 1) {
    if (widths.length === 0) return { size: image[0], shape: image };
    throw new UsageError({
      what: "Points cannot be convolved.",
      got: `image [${image.join(", ")}], widths [${widths.join(", ")}]`,
      hint: "--set widths=[], and hidden layers instead",
    });
  }
  const [channels, height, width] = image;
  const factor = 2 ** widths.length;
  if (height % factor !== 0 || width % factor !== 0) {
    throw new UsageError({
      what: `Pictures of this size cannot be halved ${widths.length} times.`,
      got: `image [${image.join(", ")}], widths [${widths.join(", ")}]`,
      expected: `height and width divisible by ${factor}`,
      hint: "choose another image, or fewer widths",
    });
  }
  const shape = [widths.at(-1) ?? channels, height / factor, width / factor];
  return { size: shape[0] * shape[1] * shape[2], shape };
}

/** Strided convolutions, then dense layers where there are any: [B, C, H, W] -> [B, size]. */
export class EncoderTrunk extends Module {
  readonly convs: Conv2d[];
  readonly norms: BatchNorm[];
  readonly hidden: Linear[];
  /** Numbers given out. */
  readonly size: number;
  readonly #config: CodecConfig;

  /** @param known how many numbers known of each picture join the convolutions' features */
  constructor(config: CodecConfig, rng: RandomStream, known = 0) {
    super();
    const widths = [config.image[0], ...config.widths];
    this.convs = config.widths.map((out, i) => new Conv2d({ in: widths[i], out, kernel: 3, stride: 2, padding: 1, rng }));
    this.norms = normsFor(config, config.widths);
    const features = deepest(config).size + known;
    this.hidden = linears(features, config.hidden ?? [], rng);
    this.size = config.hidden?.at(-1) ?? features;
    this.#config = config;
  }

  /** images [B, C, H, W], what is known of them [B, known] -> [B, size] */
  call(images: Tensor, known?: Tensor): Tensor {
    const features = stack(images, this.convs, this.norms, this.#config).flatten();
    return dense(known === undefined ? features : concat([features, known], 1), this.hidden, this.#config);
  }
}

/**
 * Codes [B, Z] -> logits [B, C, H, W]: dense layers, transposed convolutions of stride 2, and one convolution; without convolutions the last dense
 * layer gives the logits.
 */
export class Decoder extends Module {
  readonly hidden: Linear[];
  readonly dense: Linear;
  readonly denseNorm: BatchNorm | undefined;
  readonly convs: ConvTranspose2d[];
  readonly norms: BatchNorm[];
  readonly head: Conv2d | undefined;
  readonly #shape: readonly number[];
  readonly #config: CodecConfig;

  /** @param known how many numbers known of each picture come with the code */
  constructor(config: CodecConfig, rng: RandomStream, known = 0) {
    super();
    const { size, shape } = deepest(config);
    this.#shape = shape;
    this.#config = config;
    const sizes = [...(config.hidden ?? [])].reverse();
    this.hidden = linears(config.codeSize + known, sizes, rng);
    this.dense = new Linear({ in: sizes.at(-1) ?? config.codeSize + known, out: size, rng });
    if (config.denseNorm === true) this.denseNorm = new BatchNorm({ channels: size });
    const outward = [...config.widths].reverse();
    const from = [outward[0], ...outward];
    this.convs = outward.map(
      (out, i) => new ConvTranspose2d({ in: from[i], out, kernel: 3, stride: 2, padding: 1, outputPadding: 1, rng }),
    );
    this.norms = normsFor(config, outward);
    const last = outward.at(-1);
    if (last !== undefined) this.head = new Conv2d({ in: last, out: config.image[0], kernel: 3, padding: 1, rng });
  }

  /** codes [B, Z], what is known of the pictures [B, known] -> logits [B, C, H, W] */
  call(codes: Tensor, known?: Tensor): Tensor {
    const input = known === undefined ? codes : concat([codes, known], 1);
    const flat = this.dense.call(dense(input, this.hidden, this.#config));
    const start = this.denseNorm === undefined ? flat : activate(this.denseNorm.call(flat), this.#config);
    const map = start.reshape([codes.shape[0], ...this.#shape]);
    return this.head === undefined ? map : this.head.call(stack(map, this.convs, this.norms, this.#config));
  }
}
