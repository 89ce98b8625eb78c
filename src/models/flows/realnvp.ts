/**
 * RealNVP: real-valued non-volume preserving transformations.
 * Paper: Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", ICLR 2017, arXiv:1605.08803.
 *
 * A chain of maps that can be undone turns data into normal noise. Because each map knows how much it stretches space, the chain knows exactly how probable
 * every picture is; run backwards it makes pictures of noise. Each map holds a part of the numbers and lets them decide how the others are scaled and
 * shifted.
 *
 *   paper        here                   shape             range or unit
 *   x            points, images         [B, D], [B, C, H, W]  points as they are; intensities in [0, 1], dequantised to numbers in (0, 1)
 *   z            z, codes               [B, Z]            prior N(0, I); as many numbers as x
 *   f, g         forward(), inverse()                     x to z, z to x
 *   b            mask                   of x              1 where a number is held
 *   s, t         logScale, shift        of x              ln of a factor, bounded by tanh times a trained size; any number
 *   log|det|     logDet                 [B]               nats
 *   α            alpha                  number            0.05 (`paper`), 1e-6 (digits)
 *
 * Points: networks of dense layers, one for s and one for t, as in Foster, "Generative Deep Learning", 2nd edition, chapter 6 (preset `book`), whose
 * coupling is this one written for the inverse. Pictures: residual networks (section 4.1), checkerboard then channel masks at every scale, and half of the
 * numbers leave after each (section 3.6).
 * Departs from the paper: no weight normalisation, and no skip connections to a residual network's end; its last layer starts at zero, so that training
 * starts at the identity; the size of s starts at 1; batch norm uses a batch's own statistics while training, where the paper mixes them with running ones;
 * pictures go through logit(α + (1 - 2α) x), which ends at 1 - α.
 * Next: glow.ts, where channels are mixed by a learned 1 x 1 convolution; ffjord.ts, where the chain is continuous.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { Parameter } from "../../graph/leaf.ts";
import { perChannel } from "../../graph/ops/norm.ts";
import { chunk } from "../../graph/ops/split.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { relu } from "../../nn/activations.ts";
import { Conv2d } from "../../nn/conv.ts";
import { channelMask, checkerboardMask, MaskedCoupling, type MaskedCouplingOptions } from "../../nn/coupling.ts";
import { type Affine, FactorOut, Flatten, type Flow, FlowChain, Squeeze } from "../../nn/flow.ts";
import { FlowBatchNorm } from "../../nn/flow-layers.ts";
import { zeros } from "../../nn/init.ts";
import { Linear } from "../../nn/linear.ts";
import { Module } from "../../nn/module.ts";
import { BatchNorm } from "../../nn/norm.ts";
import { defineModel } from "../model.ts";
import {
  flowBoard,
  flowDecode,
  flowEncode,
  flowLogDensity,
  flowMetricInfo,
  flowMetrics,
  flowObjective,
  flowSample,
  flowSampling,
  pixelTransform,
  pixelTransformField,
} from "./blocks.ts";

const side = z.int().min(4).max(256);
const config = z
  .strictObject({
    image: z
      .union([z.tuple([z.int().min(2).max(64)]), z.tuple([z.literal([1, 3]), side, side])])
      .describe("[D] for points; [channels, height, width] for pictures, the sides divisible by 2 for each scale after the first"),
    couplings: z
      .int()
      .min(1)
      .max(64)
      .describe("points: coupling layers; pictures: of each kind of mask at a scale, and one more at the last"),
    features: z
      .int()
      .min(1)
      .max(2048)
      .describe("points: units of a dense layer; pictures: channels of the residual networks, doubled by each scale"),
    depth: z.int().min(1).max(16).describe("points: dense layers before the last; pictures: residual blocks"),
    scales: z.int().min(1).max(5).describe("pictures: after each but the last, half of the numbers leave (points: 1)"),
    norm: z.boolean().describe("batch norm with its log-determinant after each coupling (section 3.7)"),
    alpha: pixelTransformField,
  })
  .refine(({ image, scales }) => image.slice(1).every((size) => size % 2 ** (scales - 1) === 0), {
    error: "height and width must halve with every scale after the first: choose other sides, or fewer scales",
    path: ["image"],
  })
  .refine(({ image, scales }) => image.length === 3 || scales === 1, { error: "points have one scale", path: ["scales"] });
export type RealNvpConfig = z.infer<typeof config>;

/** s of a coupling: tanh times a trained size per channel, so that no factor runs away (section 3.3 and its code). */
class Bounded extends Module {
  readonly size: Parameter;

  constructor(channels: number) {
    super();
    this.size = new Parameter([channels], new Float32Array(channels).fill(1));
  }

  /** [B, C, ...] -> the same. */
  call(x: Tensor): Tensor {
    return x.tanh().mul(perChannel(this.size, x.rank));
  }
}

/** Dense layers with ReLU between. */
class Dense extends Module {
  readonly layers: readonly Linear[];

  constructor({ image: [size], features, depth }: RealNvpConfig, rng: RandomStream) {
    super();
    const units = (i: number) => (i < depth ? features : size);
    this.layers = Array.from({ length: depth + 1 }, (_, i) => new Linear({ in: i === 0 ? size : features, out: units(i), rng }));
  }

  /** [B, D] -> [B, D] */
  call(x: Tensor): Tensor {
    return this.layers.reduce((value, layer, i) => layer.call(i === 0 ? value : relu(value)), x);
  }
}

/** s and t of points, a network each. */
class DensePair extends Module {
  readonly scale: Dense;
  readonly shift: Dense;
  readonly bounded: Bounded;

  constructor(settings: RealNvpConfig, rng: RandomStream) {
    super();
    this.scale = new Dense(settings, rng);
    this.shift = new Dense(settings, rng);
    this.bounded = new Bounded(settings.image[0]);
  }

  /** held [B, D] -> [B, D] each */
  call(held: Tensor): Affine {
    return { logScale: this.bounded.call(this.scale.call(held)), shift: this.shift.call(held) };
  }
}

/** x + conv(relu(norm(conv(relu(norm(x)))))), all 3 x 3. (He et al. 2016; section 4.1.) */
class Block extends Module {
  readonly norm1: BatchNorm;
  readonly conv1: Conv2d;
  readonly norm2: BatchNorm;
  readonly conv2: Conv2d;

  constructor(channels: number, rng: RandomStream) {
    super();
    const conv = () => new Conv2d({ in: channels, out: channels, kernel: 3, padding: 1, bias: false, rng });
    this.norm1 = new BatchNorm({ channels });
    this.conv1 = conv();
    this.norm2 = new BatchNorm({ channels });
    this.conv2 = conv();
  }

  /** [B, F, H, W] -> the same */
  call(x: Tensor): Tensor {
    const inner = this.conv1.call(relu(this.norm1.call(x)));
    return x.add(this.conv2.call(relu(this.norm2.call(inner))));
  }
}

/** s and t of pictures, by one residual network. */
class Residuals extends Module {
  readonly first: Conv2d;
  readonly blocks: readonly Block[];
  readonly norm: BatchNorm;
  readonly last: Conv2d;
  readonly bounded: Bounded;

  constructor(channels: number, features: number, depth: number, rng: RandomStream) {
    super();
    this.first = new Conv2d({ in: channels, out: features, kernel: 3, padding: 1, rng });
    this.blocks = Array.from({ length: depth }, () => new Block(features, rng));
    this.norm = new BatchNorm({ channels: features });
    this.last = new Conv2d({ in: features, out: 2 * channels, kernel: 1, rng, init: zeros, biasInit: zeros });
    this.bounded = new Bounded(channels);
  }

  /** held [B, C, H, W] -> [B, C, H, W] each */
  call(held: Tensor): Affine {
    const features = this.blocks.reduce((value, block) => block.call(value), this.first.call(held));
    const [scale, shift] = chunk(this.last.call(relu(this.norm.call(features))), 2, 1);
    return { logScale: this.bounded.call(scale), shift };
  }
}

/** Couplings whose masks alternate, each with its batch norm. */
function couplings(count: number, norm: boolean, channels: number, options: (odd: boolean) => MaskedCouplingOptions): Flow[] {
  return Array.from({ length: count }, (_, i) => [
    new MaskedCoupling(options(i % 2 === 1)),
    ...(norm ? [new FlowBatchNorm({ channels })] : []),
  ]).flat();
}

/** One scale of a picture and all behind it: [B, C, H, W] -> [B, C · H · W]. (Section 3.6, Figure 4.) */
function scaleOf(
  shape: readonly [number, number, number],
  features: number,
  left: number,
  settings: RealNvpConfig,
  rng: RandomStream,
): Flow {
  const [channels, height, width] = shape;
  const { norm, depth } = settings;
  const last = left === 1;
  const net = (of: number, wide: number) => new Residuals(of, wide, depth, rng);
  const board = (odd: boolean): MaskedCouplingOptions => ({
    ...{ shape, maskShape: [1, height, width], mask: checkerboardMask(height, width, odd) },
    net: net(channels, features),
  });
  const first = couplings(settings.couplings + (last ? 1 : 0), norm, channels, board);
  if (last) return new FlowChain([...first, new Flatten(shape)]);
  const squeezed: readonly [number, number, number] = [4 * channels, height / 2, width / 2];
  const byChannel = (odd: boolean): MaskedCouplingOptions => ({
    ...{ shape: squeezed, maskShape: [squeezed[0], 1, 1], mask: channelMask(squeezed[0], odd) },
    net: net(squeezed[0], 2 * features),
  });
  const second = couplings(settings.couplings, norm, squeezed[0], byChannel);
  const rest = scaleOf([squeezed[0] / 2, squeezed[1], squeezed[2]], 2 * features, left - 1, settings, rng);
  return new FlowChain([...first, new Squeeze(), ...second, new FactorOut({ shape: squeezed, rest })]);
}

export class RealNvp extends Module {
  readonly flow: Flow;
  readonly config: RealNvpConfig;

  constructor(settings: RealNvpConfig, rng: RandomStream) {
    super();
    const { image, norm, alpha } = settings;
    this.config = settings;
    if (image.length === 3) {
      this.flow = new FlowChain([pixelTransform(alpha), scaleOf(image, settings.features, settings.scales, settings, rng)]);
      return;
    }
    const [size] = image;
    const points = (odd: boolean) => ({ shape: image, mask: channelMask(size, odd), net: new DensePair(settings, rng) });
    this.flow = new FlowChain(couplings(settings.couplings, norm, size, points));
  }
}

/**
 * Black paper fills half of its numbers: the logit gives the levels near black the room that they need (as Papamakarios et al. 2017 and FFJORD take MNIST).
 */
const digits: RealNvpConfig = { image: [1, 28, 28], couplings: 3, features: 16, depth: 1, scales: 2, norm: true, alpha: 1e-6 };
/** Points of the plane. */
const plane = { image: [2] as [number], scales: 1, alpha: 0 };

export const realnvp = defineModel<RealNvpConfig, RealNvp>({
  name: "realnvp",
  title: "RealNVP",
  family: "flows",
  year: 2017,
  paper: "1605.08803",
  summary: "A chain of maps that can be undone turns data into noise and noise into data. It says exactly how probable each example is.",
  config,
  presets: {
    smoke: {
      config: { ...digits, image: [1, 8, 8], couplings: 2, features: 4, depth: 1 },
      training: { epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: digits,
      training: { epochs: 6, batch: 64, learningRate: 2e-3, schedule: "cosine" },
      about: "digits at 28 x 28, two scales; about six minutes",
      data: "mnist",
    },
    paper: {
      config: { ...digits, image: [3, 32, 32], features: 64, depth: 8, alpha: 0.05 },
      training: { epochs: 100, batch: 64, weightDecay: 5e-5 },
      about: "the paper's network for CIFAR-10; days",
      data: "cifar10",
    },
    toy: {
      config: { ...plane, couplings: 12, features: 64, depth: 2, norm: true },
      training: { epochs: 60, batch: 256, learningRate: 4e-3, schedule: "cosine" },
      about: "two moons; under a minute",
      data: "moons",
    },
    book: {
      config: { ...plane, couplings: 6, features: 256, depth: 4, norm: false },
      training: { epochs: 300, batch: 256, learningRate: 1e-4 },
      about: "the book's two moons: 6 couplings of dense layers of 256",
      data: "moons",
    },
  },
  data: {
    sets: ["mnist", "fashion-mnist", "cifar10", "moons", "circles", "ring", "checkerboard", "spirals"],
    labels: false,
    shape: ({ image }) => image,
  },
  build: (settings, rng) => new RealNvp(settings, rng),
  objective: flowObjective,
  metrics: flowMetrics,
  metricInfo: flowMetricInfo,
  leaderboard: flowBoard,
  prior: "normal",
  encode: flowEncode,
  decode: flowDecode,
  reconstruct: (network, examples) => flowDecode(network, flowEncode(network, examples)),
  logDensity: flowLogDensity,
  sampling: flowSampling,
  sample: flowSample,
});
