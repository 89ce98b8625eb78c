import { gradients } from "../../src/autodiff/gradient.ts";
import { RandomStream } from "../../src/core/random.ts";
import { sqrt } from "../../src/graph/ops/elementwise.ts";
import { full } from "../../src/graph/ops/movement.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import type { Rng } from "../../src/graph/trace.ts";
import { leakyRelu } from "../../src/nn/activations.ts";
import { Conv2d, ConvTranspose2d } from "../../src/nn/conv.ts";
import { binaryCrossEntropy, sumPerExample } from "../../src/nn/losses.ts";
import { Module } from "../../src/nn/module.ts";
import { BatchNorm } from "../../src/nn/norm.ts";
import { adam } from "../../src/optim/adam.ts";
import { pictures } from "../harness/values.ts";
import type { Workload } from "../harness/workload.ts";
import { playersWorkload } from "./players.ts";

// DCGAN and WGAN-GP of Generative Deep Learning, 2nd ed., ch. 4, without label noise and dropout.

const widths = [64, 128, 256, 512];
const slope = 0.2;

/** A convolution either way, batch norm where there is one, leaky ReLU. */
class Layer extends Module {
  readonly conv: Conv2d | ConvTranspose2d;
  readonly norm: BatchNorm | undefined;

  constructor(conv: Conv2d | ConvTranspose2d, norm: BatchNorm | undefined) {
    super();
    this.conv = conv;
    this.norm = norm;
  }

  call(x: Tensor): Tensor {
    const y = this.conv.call(x);
    return leakyRelu(this.norm?.call(y) ?? y, slope);
  }
}

/** Codes [B, Z, 1, 1] -> pictures [B, C, 64, 64] in (-1, 1). */
class Generator extends Module {
  readonly layers: Layer[];
  readonly last: ConvTranspose2d;

  constructor(codeSize: number, channels: number, rng: RandomStream) {
    super();
    const outputs = [...widths].reverse();
    this.layers = outputs.map((out, i) => {
      const place = i === 0 ? { in: codeSize, stride: 1, padding: 0 } : { in: outputs[i - 1], stride: 2, padding: 1 };
      return new Layer(new ConvTranspose2d({ ...place, out, kernel: 4, bias: false, rng }), new BatchNorm({ channels: out }));
    });
    this.last = new ConvTranspose2d({ in: widths[0], out: channels, kernel: 4, stride: 2, padding: 1, bias: false, rng });
  }

  call(codes: Tensor): Tensor {
    return this.last.call(this.layers.reduce((x, layer) => layer.call(x), codes)).tanh();
  }
}

/** Pictures [B, C, 64, 64] -> scores [B]: a discriminator (norm, no bias) or a critic (bias, no norm). */
class Judge extends Module {
  readonly layers: Layer[];
  readonly last: Conv2d;

  constructor(channels: number, kind: "discriminator" | "critic", rng: RandomStream) {
    super();
    const bias = kind === "critic";
    this.layers = widths.map((out, i) => {
      const norm = kind === "discriminator" && i > 0 ? new BatchNorm({ channels: out }) : undefined;
      return new Layer(new Conv2d({ in: i === 0 ? channels : widths[i - 1], out, kernel: 4, stride: 2, padding: 1, bias, rng }), norm);
    });
    this.last = new Conv2d({ in: widths[3], out: 1, kernel: 4, bias, rng });
  }

  call(images: Tensor): Tensor {
    return this.last.call(this.layers.reduce((x, layer) => layer.call(x), images)).reshape([-1]);
  }
}

const optimizer = adam({ beta1: 0.5, beta2: 0.999 });

const dcgan = playersWorkload({
  name: "dcgan",
  summary: "both players of the 64x64 grey DCGAN (6.3 million parameters), batch 32, Adam",
  build: () => {
    const rng = new RandomStream(0, "dcgan");
    const generator = new Generator(100, 1, rng);
    const discriminator = new Judge(1, "discriminator", rng);
    const losses = ({ images }: { images: Tensor }, draw: Rng) => {
      const real = discriminator.call(images);
      const fake = discriminator.call(generator.call(draw.normal("codes", [32, 100, 1, 1])));
      const loss = (scores: Tensor, target: number) => binaryCrossEntropy(scores, full(scores.shape, target)).mean();
      return { discriminator: loss(real, 1).add(loss(fake, 0)).mul(0.5), generator: loss(fake, 1) };
    };
    return { players: { generator, discriminator }, phases: [{ moves: ["discriminator", "generator"], losses, drawn: 0 }] };
  },
  inputs: { images: { shape: [32, 1, 64, 64] } },
  batches: () => ({ images: pictures([32, 1, 64, 64], -1) }),
  optimizer,
  learningRate: 2e-4,
});

/** Mean squared distance of the critic's slope from 1, at points between real and fake pictures. (Gulrajani et al. 2017, Eq. 3.) */
function gradientPenalty(critic: Judge, real: Tensor, fake: Tensor, between: Tensor): Tensor {
  const mixed = real.add(between.mul(fake.sub(real)));
  const [slopes] = gradients(critic.call(mixed), [mixed]);
  return sqrt(sumPerExample(slopes.square())).sub(1).square().mean();
}

const wganGp = playersWorkload({
  name: "wgan-gp",
  summary: "critic step with gradient penalty and generator step of the 64x64 WGAN-GP (6.6 million parameters), batch 16, Adam",
  build: () => {
    const rng = new RandomStream(0, "wgan-gp");
    const generator = new Generator(128, 3, rng);
    const critic = new Judge(3, "critic", rng);
    const fakes = (draw: Rng) => generator.call(draw.normal("codes", [16, 128, 1, 1]));
    const criticLoss = ({ images }: { images: Tensor }, draw: Rng) => {
      const fake = fakes(draw);
      const penalty = gradientPenalty(critic, images, fake, draw.uniform("between", [16, 1, 1, 1]));
      return { critic: critic.call(fake).mean().sub(critic.call(images).mean()).add(penalty.mul(10)) };
    };
    return {
      players: { generator, critic },
      phases: [
        { moves: ["critic"], losses: criticLoss, drawn: 0 },
        { moves: ["generator"], losses: (_batch, draw: Rng) => ({ generator: critic.call(fakes(draw)).mean().neg() }), drawn: 2 },
      ],
    };
  },
  inputs: { images: { shape: [16, 3, 64, 64] } },
  batches: () => ({ images: pictures([16, 3, 64, 64], -1) }),
  optimizer,
  learningRate: 2e-4,
});

export const ganWorkloads: readonly Workload[] = [dcgan, wganGp];
