/**
 * Glow: generative flow with invertible 1 x 1 convolutions.
 * Paper: Kingma and Dhariwal, "Glow: Generative Flow with Invertible 1x1 Convolutions", 2018, arXiv:1807.03039.
 *
 * A RealNVP whose steps are plainer and stronger: act-norm gives every channel mean 0 and variance 1 at the start, a learned 1 x 1 convolution mixes the
 * channels where RealNVP only swaps their roles, and a coupling changes half of them. Noise of a lower temperature gives fewer and more typical pictures.
 *
 *   paper        here                    shape             range or unit
 *   x            images                  [B, C, H, W]      intensity in [0, 1], dequantised to numbers in (0, 1), then x - 1/2 (`paper`) or a logit
 *   z            z, codes                [B, Z]            prior N(0, I); what leaves at a scale is measured in units of its own prior
 *   s, b         ActNorm                 [C]               Eq. in Table 1
 *   W = PL(U+s)  InvertibleConv          [C, C]            Eq. 10
 *   s, t         logScale, shift         [B, C / 2, ...]   ln of a factor, in (-1, 1); any number
 *   K, L         depth, scales                             steps of flow at a scale; scales
 *   T            temperature             number            above 0; 1 for the density that was learned
 *
 * Departs from the paper: a coupling's factor is exp(tanh h), as RealNVP's, where its code has σ(h + 2): that may come near 0, and the inverse then
 * multiplies an unusual number a hundredfold, step after step, until pictures are checkerboards; the deviation of a scale's prior keeps within exp(±8);
 * hidden layers have a bias and PyTorch's first weights in place of act-norm and N(0, 0.05²) (its code); Adam's rate falls along a cosine.
 * Next: ffjord.ts, without any restriction on the network.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import { Parameter } from "../../graph/leaf.ts";
import { perChannel } from "../../graph/ops/norm.ts";
import { chunk } from "../../graph/ops/split.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { relu } from "../../nn/activations.ts";
import { Conv2d } from "../../nn/conv.ts";
import { HalfCoupling } from "../../nn/coupling.ts";
import { type Affine, FactorOut, Flatten, type Flow, FlowChain, Squeeze } from "../../nn/flow.ts";
import { ActNorm, InvertibleConv } from "../../nn/flow-layers.ts";
import { zeros } from "../../nn/init.ts";
import { Module } from "../../nn/module.ts";
import { defineModel } from "../model.ts";
import {
  flowBoard,
  flowDecode,
  flowEncode,
  flowMetricInfo,
  flowMetrics,
  flowObjective,
  flowSample,
  flowSampling,
  pixelTransform,
  pixelTransformField,
} from "./blocks.ts";

const side = z.int().min(2).max(512);
const config = z
  .strictObject({
    image: z
      .tuple([z.literal([1, 3]), side, side])
      .describe("channels (1 grey, 3 colour), height and width; the sides divisible by 2 for each scale"),
    scales: z.int().min(1).max(7).describe("L: each halves the sides, and after each but the last half of the numbers leave"),
    depth: z.int().min(1).max(64).describe("K: steps of flow at each scale"),
    features: z.int().min(1).max(2048).describe("channels of the couplings' networks"),
    alpha: pixelTransformField,
  })
  .refine(({ image, scales }) => image.slice(1).every((size) => size % 2 ** scales === 0), {
    error: "height and width must halve with every scale: choose other sides, or fewer scales",
    path: ["image"],
  });
export type GlowConfig = z.infer<typeof config>;

/** A 3 x 3 convolution that starts at zero, with a factor exp(3 l) per channel that lets it grow quickly. (Section 3.3, and its code's conv2d_zeros.) */
class ZeroConv extends Module {
  readonly conv: Conv2d;
  readonly logFactor: Parameter;

  constructor(from: number, to: number, rng: RandomStream) {
    super();
    this.conv = new Conv2d({ in: from, out: to, kernel: 3, padding: 1, rng, init: zeros, biasInit: zeros });
    this.logFactor = new Parameter([to], new Float32Array(to));
  }

  /** [B, from, H, W] -> [B, to, H, W] */
  call(x: Tensor): Tensor {
    return this.conv.call(x).mul(perChannel(this.logFactor.mul(3).exp(), x.rank));
  }
}

/** s and t of a coupling: 3 x 3, 1 x 1, and a 3 x 3 convolution that starts at zero. (Section 3.3.) */
class CouplingNet extends Module {
  readonly first: Conv2d;
  readonly second: Conv2d;
  readonly last: ZeroConv;

  constructor(channels: number, features: number, rng: RandomStream) {
    super();
    this.first = new Conv2d({ in: channels, out: features, kernel: 3, padding: 1, rng });
    this.second = new Conv2d({ in: features, out: features, kernel: 1, rng });
    this.last = new ZeroConv(features, 2 * channels, rng);
  }

  /** held [B, C, H, W] -> [B, C, H, W] each */
  call(held: Tensor): Affine {
    const [shift, h] = chunk(this.last.call(relu(this.second.call(relu(this.first.call(held))))), 2, 1);
    return { logScale: h.tanh(), shift };
  }
}

/** Bound of a prior's ln deviation, either way. */
const WIDEST = 8;

/** Mean and ln deviation of the half that leaves, from the half that goes on. (Its code's split2d_prior.) */
class ScalePrior extends Module {
  readonly last: ZeroConv;

  constructor(channels: number, rng: RandomStream) {
    super();
    this.last = new ZeroConv(channels, 2 * channels, rng);
  }

  /** held [B, C, H, W] -> [B, C, H, W] each */
  call(held: Tensor): Affine {
    const [shift, h] = chunk(this.last.call(held), 2, 1);
    return {
      logScale: h
        .mul(1 / WIDEST)
        .tanh()
        .mul(WIDEST),
      shift,
    };
  }
}

/** One step of flow: act-norm, 1 x 1 convolution, affine coupling. (Figure 2a.) */
function stepOf(channels: number, features: number, rng: RandomStream): Flow[] {
  return [
    new ActNorm({ channels }),
    new InvertibleConv({ channels, rng }),
    new HalfCoupling({ channels, net: new CouplingNet(channels / 2, features, rng) }),
  ];
}

/** One scale and all behind it: [B, C, H, W] -> [B, C · H · W]. (Figure 2b.) The last one's act-norm is the prior's trained mean and deviation. */
function scaleOf([channels, height, width]: readonly number[], left: number, settings: GlowConfig, rng: RandomStream): Flow {
  const shape = [4 * channels, height / 2, width / 2];
  const steps = Array.from({ length: settings.depth }, () => stepOf(shape[0], settings.features, rng)).flat();
  if (left === 1) return new FlowChain([new Squeeze(), ...steps, new ActNorm({ channels: shape[0] }), new Flatten(shape)]);
  const half = [shape[0] / 2, shape[1], shape[2]];
  const rest = scaleOf(half, left - 1, settings, rng);
  return new FlowChain([new Squeeze(), ...steps, new FactorOut({ shape, rest, prior: new ScalePrior(half[0], rng) })]);
}

export class Glow extends Module {
  readonly flow: Flow;
  readonly config: GlowConfig;

  constructor(settings: GlowConfig, rng: RandomStream) {
    super();
    this.flow = new FlowChain([pixelTransform(settings.alpha), scaleOf(settings.image, settings.scales, settings, rng)]);
    this.config = settings;
  }
}

/**
 * Black paper fills half of its numbers: the logit gives the levels near black the room that they need (as Papamakarios et al. 2017 and FFJORD take MNIST).
 */
const digits: GlowConfig = { image: [1, 28, 28], scales: 2, depth: 12, features: 64, alpha: 1e-6 };

export const glow = defineModel<GlowConfig, Glow>({
  name: "glow",
  title: "Glow",
  family: "flows",
  year: 2018,
  paper: "1807.03039",
  summary:
    "A flow of plain steps that mix channels by a learned 1 x 1 convolution. It knows the exact probability of a picture, and every picture has a code that paints it again.",
  config,
  presets: {
    smoke: {
      config: { ...digits, image: [1, 8, 8], depth: 2, features: 8 },
      training: { epochs: 1, batch: 16 },
      about: "seconds; for tests",
    },
    small: {
      config: digits,
      training: { epochs: 8, batch: 64, learningRate: 2e-3, warmup: 50, schedule: "cosine" },
      about: "digits at 28 x 28: two scales of 12 steps; about seven minutes",
      data: "mnist",
    },
    paper: {
      config: { ...digits, image: [3, 32, 32], scales: 3, depth: 32, features: 512, alpha: 0 },
      training: { epochs: 1800, batch: 64, learningRate: 1e-3, warmup: 7810 },
      about: "the paper's network for CIFAR-10; months",
      data: "cifar10",
    },
  },
  data: { sets: ["mnist", "fashion-mnist", "cifar10"], labels: false, shape: ({ image }) => image },
  build: (settings, rng) => new Glow(settings, rng),
  objective: flowObjective,
  metrics: flowMetrics,
  metricInfo: flowMetricInfo,
  leaderboard: flowBoard,
  prior: "normal",
  encode: flowEncode,
  decode: flowDecode,
  reconstruct: (network, images) => flowDecode(network, flowEncode(network, images)),
  sampling: flowSampling,
  sample: flowSample,
});
