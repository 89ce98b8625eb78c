import { z } from "zod";
import { AtelierError } from "../../core/errors.ts";
import type { RandomStream } from "../../core/random.ts";
import { fromRange, toRange, valueRange } from "../../data/ranges.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { leakyRelu } from "../../nn/activations.ts";
import { Conv2d, ConvTranspose2d } from "../../nn/conv.ts";
import { Dropout } from "../../nn/dropout.ts";
import { type Initializer, zeros } from "../../nn/init.ts";
import { Module } from "../../nn/module.ts";
import { BatchNorm } from "../../nn/norm.ts";
import { Upsample } from "../../nn/resample.ts";
import type { InputSpec } from "../../runtime/program.ts";
import { wantedConditions } from "../conditions.ts";
import type { SampleContext, Samples } from "../model.ts";

// The two players of Generative Deep Learning, 2nd ed., ch. 4, for any size: the DCGAN's networks of Radford et al. 2015 with filters of 4 x 4.

/** The smallest map, which a code becomes first and a picture last. */
const smallest = 4;
/** Of the leaky ReLU below 0, in both players. */
const slope = 0.2;

const symmetric = valueRange("symmetric");

const side = z.literal([8, 16, 32, 64, 128]);

const picture = z.tuple([z.literal([1, 3]), side, side]);

export const ganFields = {
  image: z
    .union([picture, z.tuple([z.int().min(1).max(4096)])])
    .describe("channels (1 grey, 3 colour), height and width, a square; [D] for points of D numbers"),
  codeSize: z.int().min(1).max(4096).describe("normal numbers in a code"),
  width: z
    .int()
    .min(1)
    .max(1024)
    .describe("channels of the largest maps; each halving of the sides doubles them; units of the dense layers for points"),
  enlarge: z
    .enum(["transposed", "nearest"])
    .describe("how the generator doubles a map: transposed convolution, or repeated pixels and a convolution"),
};

/** {@link ganFields} of models that only paint pictures. */
export const painterFields = {
  ...ganFields,
  image: picture.describe("channels (1 grey, 3 colour), height and width; a square"),
};

export type GanConfig = z.infer<z.ZodObject<typeof ganFields>>;

/** Channels of the maps from the largest to the smallest. @throws AtelierError unless the picture is a square, and for points */
export function widthsOf({ image, width: first }: Pick<GanConfig, "image" | "width">): number[] {
  if (image.length === 1) {
    throw new AtelierError({
      what: "These networks paint pictures, not points.",
      got: `image [${image.join(", ")}]`,
      hint: "take dcgan or wgan-gp for points",
    });
  }
  const [channels, height, width] = image;
  if (height !== width) {
    throw new AtelierError({
      what: "The networks of a GAN paint squares.",
      got: `${height} x ${width}`,
      hint: `--set image=[${channels},${width},${width}]`,
    });
  }
  return Array.from({ length: Math.log2(height / smallest) }, (_, i) => first * 2 ** i);
}

/** Intensities in [0, 1] as the players see them: in [-1, 1]. Any shape. */
export function toSigned(images: Tensor): Tensor {
  return toRange(images, symmetric);
}

/** What the generator paints, in [-1, 1], as intensities in [0, 1]. Any shape. */
export function toIntensity(pictures: Tensor): Tensor {
  return fromRange(pictures, symmetric);
}

type Convolution = Conv2d | ConvTranspose2d;

/** A convolution either way, of an enlarged map where asked for; batch norm where there is one; leaky ReLU; dropout where asked for. */
class Layer extends Module {
  readonly enlarge: Upsample | undefined;
  readonly conv: Convolution;
  readonly norm: BatchNorm | undefined;
  readonly dropout: Dropout;

  constructor(conv: Convolution, options: { enlarge?: Upsample | undefined; norm?: BatchNorm | undefined; dropout?: number }) {
    super();
    this.enlarge = options.enlarge;
    this.conv = conv;
    this.norm = options.norm;
    this.dropout = new Dropout(options.dropout ?? 0);
  }

  /** [B, C, H, W] -> [B, C', H', W'] */
  call(x: Tensor): Tensor {
    const y = this.conv.call(this.enlarge?.call(x) ?? x);
    return this.dropout.call(leakyRelu(this.norm?.call(y) ?? y, slope));
  }
}

export interface PlayerOptions {
  rng: RandomStream;
  /** Of the convolutions' weights. Default PyTorch's. */
  init?: Initializer | undefined;
  /** Conditions per picture that come with the code or the picture. Default 0. */
  conditions?: number | undefined;
}

/** Codes [B, Z] -> pictures [B, C, S, S] in (-1, 1). Batch norm in every layer but the last. */
export class Generator extends Module {
  readonly layers: Layer[];
  readonly enlarge: Upsample | undefined;
  readonly last: Convolution;

  constructor(config: GanConfig, { rng, init, conditions = 0 }: PlayerOptions) {
    super();
    const outputs = widthsOf(config).reverse();
    const nearest = config.enlarge === "nearest";
    const double = (from: number, out: number): Convolution => {
      const options = { in: from, out, padding: 1, bias: false, rng, init };
      return nearest ? new Conv2d({ ...options, kernel: 3 }) : new ConvTranspose2d({ ...options, kernel: 4, stride: 2 });
    };
    this.enlarge = nearest ? new Upsample({ scaleFactor: 2 }) : undefined;
    this.layers = outputs.map((out, i) => {
      const conv =
        i === 0
          ? new ConvTranspose2d({ in: config.codeSize + conditions, out, kernel: smallest, bias: false, rng, init })
          : double(outputs[i - 1], out);
      return new Layer(conv, { enlarge: i === 0 ? undefined : this.enlarge, norm: new BatchNorm({ channels: out }) });
    });
    this.last = double(outputs[outputs.length - 1], config.image[0]);
  }

  /** codes [B, Z], with the conditions joined to them where there are any -> pictures [B, C, S, S] in (-1, 1) */
  call(codes: Tensor): Tensor {
    const [B, Z] = codes.dims("B Z");
    const y = this.layers.reduce((x, layer) => layer.call(x), codes.reshape([B, Z, 1, 1]));
    return this.last.call(this.enlarge?.call(y) ?? y).tanh();
  }
}

export interface JudgeOptions extends PlayerOptions {
  /** A discriminator has batch norm, but in its first layer, and no biases; a critic has biases and no norm, which would mix the pictures of a batch. */
  kind: "discriminator" | "critic";
  /** Share of each layer's outputs dropped while training. Default 0. */
  dropout?: number | undefined;
}

/** Pictures [B, C, S, S] in [-1, 1] -> scores [B], any real number: the logit of "real" from a discriminator. */
export class Judge extends Module {
  readonly layers: Layer[];
  readonly last: Conv2d;

  constructor(config: Pick<GanConfig, "image" | "width">, { rng, init, kind, dropout, conditions = 0 }: JudgeOptions) {
    super();
    const widths = widthsOf(config);
    const options = { kernel: 4, bias: kind === "critic", rng, init, ...(init === undefined ? {} : { biasInit: zeros }) };
    this.layers = widths.map((out, i) => {
      const from = i === 0 ? config.image[0] + conditions : widths[i - 1];
      const norm = kind === "discriminator" && i > 0 ? new BatchNorm({ channels: out }) : undefined;
      return new Layer(new Conv2d({ in: from, out, stride: 2, padding: 1, ...options }), { norm, dropout });
    });
    this.last = new Conv2d({ in: widths[widths.length - 1], out: 1, ...options });
  }

  /** pictures [B, C, S, S] in [-1, 1] -> scores [B] */
  call(pictures: Tensor): Tensor {
    return this.last.call(this.layers.reduce((x, layer) => layer.call(x), pictures)).reshape([-1]);
  }
}

/** Sum over pixels of the variance over the batch: how much its pictures differ. [B, ...] -> scalar. */
function spread(pictures: Tensor): Tensor {
  return pictures
    .sub(pictures.mean(0, { keepDims: true }))
    .square()
    .mean(0)
    .sum();
}

/**
 * How different the fakes of a batch are: the mean squared distance between two of them over that between two real pictures. 1 is as different as the data,
 * near 0 all fakes are one picture. It is told with the losses and not minimised. [B, ...] each -> scalar
 */
export function diversity(real: Tensor, fake: Tensor): Tensor {
  return spread(fake).div(spread(real).add(1e-8));
}

/** Fresh pictures or points of a generator, codes drawn from N(0, I). `paint` takes codes [count, Z] to pictures in (-1, 1), or to points. */
export async function* paintSamples(
  { image, codeSize, conditions: size }: Pick<GanConfig, "image" | "codeSize"> & { conditions?: number },
  context: SampleContext,
  paint: (codes: Tensor, conditions?: Tensor) => Tensor,
): AsyncGenerator<Samples> {
  const { count } = context;
  const inputs: Record<string, InputSpec> = size === undefined ? {} : { conditions: { shape: [count, size] } };
  const program = await context.compile<string, "pictures">(
    ({ conditions }, rng) => {
      const made = paint(rng.normal("prior", [count, codeSize]), conditions);
      return { pictures: image.length === 1 ? made : toIntensity(made) };
    },
    { inputs },
  );
  const { pictures } = await program.run(size === undefined ? {} : { conditions: wantedConditions(context, size) });
  yield { data: (pictures as Float32Array).slice(), shape: [count, ...image] };
  await program.dispose();
}
