import type { RandomStream } from "../../src/core/random.ts";
import { State } from "../../src/graph/leaf.ts";
import { stopGradient } from "../../src/graph/ops/control.ts";
import { abs, cos, sin } from "../../src/graph/ops/elementwise.ts";
import { concat, full } from "../../src/graph/ops/movement.ts";
import { batchNorm } from "../../src/graph/ops/norm.ts";
import { averagePool } from "../../src/graph/ops/pooling.ts";
import { resize } from "../../src/graph/ops/resize.ts";
import { constant } from "../../src/graph/ops/source.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { currentTrace, type Rng } from "../../src/graph/trace.ts";
import { silu } from "../../src/nn/activations.ts";
import { Conv2d } from "../../src/nn/conv.ts";
import { Module } from "../../src/nn/module.ts";
import { adamw } from "../../src/optim/adam.ts";
import { pictures } from "../harness/values.ts";
import type { Workload } from "../harness/workload.ts";
import { trainingWorkload } from "./training.ts";

// The diffusion U-Net of Generative Deep Learning, 2nd ed., ch. 8, at 32x32.

const batch = 32;
const size = 32;
const widths = [32, 64, 96];
const bottomWidth = 128;
const depth = 2;

/** Batch norm without scale and shift, which keeps running statistics as the affine one does. */
class PlainBatchNorm extends Module {
  readonly runningMean: State<"float32">;
  readonly runningVariance: State<"float32">;

  constructor(channels: number) {
    super();
    this.runningMean = new State([channels], "float32", 0);
    this.runningVariance = new State([channels], "float32", 1);
  }

  call(x: Tensor): Tensor {
    const trace = currentTrace("PlainBatchNorm");
    const { y, mean, variance } = batchNorm(x, full(this.runningMean.shape, 1), full(this.runningMean.shape, 0), 1e-3);
    const blend = (old: Tensor, fresh: Tensor) => old.mul(0.9).add(stopGradient(fresh).mul(0.1));
    trace.update(this.runningMean, blend(this.runningMean, mean));
    trace.update(this.runningVariance, blend(this.runningVariance, variance));
    return y;
  }
}

class ResidualBlock extends Module {
  readonly residual: Conv2d | undefined;
  readonly norm: PlainBatchNorm;
  readonly first: Conv2d;
  readonly second: Conv2d;

  constructor(inputs: number, width: number, rng: RandomStream) {
    super();
    this.residual = inputs === width ? undefined : new Conv2d({ in: inputs, out: width, kernel: 1, rng });
    this.norm = new PlainBatchNorm(inputs);
    this.first = new Conv2d({ in: inputs, out: width, kernel: 3, padding: 1, rng });
    this.second = new Conv2d({ in: width, out: width, kernel: 3, padding: 1, rng });
  }

  call(x: Tensor): Tensor {
    return (this.residual?.call(x) ?? x).add(this.second.call(silu(this.first.call(this.norm.call(x)))));
  }
}

/** Noisy pictures [B, 3, H, W] and noise variances [B, 1, 1, 1] -> the noise [B, 3, H, W]. */
class Unet extends Module {
  readonly stem: Conv2d;
  readonly down: ResidualBlock[] = [];
  readonly bottom: ResidualBlock[] = [];
  readonly up: ResidualBlock[] = [];
  readonly head: Conv2d;

  constructor(rng: RandomStream) {
    super();
    this.stem = new Conv2d({ in: 3, out: 32, kernel: 1, rng });
    let at = 64;
    const block = (list: ResidualBlock[], skip: number, width: number) => {
      list.push(new ResidualBlock(at + skip, width, rng));
      at = width;
    };
    const twice = widths.flatMap((width) => Array.from({ length: depth }, () => width));
    for (const width of twice) block(this.down, 0, width);
    for (let i = 0; i < depth; i++) block(this.bottom, 0, bottomWidth);
    for (const width of [...twice].reverse()) block(this.up, width, width);
    this.head = new Conv2d({ in: at, out: 3, kernel: 1, rng });
  }

  call(x: Tensor, variance: Tensor): Tensor {
    const [B, , H, W] = x.dims("B C H W");
    const speeds = Float32Array.from({ length: 16 }, (_, i) => 2 * Math.PI * Math.exp((Math.log(1000) * i) / 15));
    const angles = variance.mul(constant(speeds, "float32", [1, 16, 1, 1]));
    const embedding = concat([sin(angles), cos(angles)], 1).expand([B, 32, H, W]);
    let h = concat([this.stem.call(x), embedding], 1);
    const skips: Tensor[] = [];
    this.down.forEach((block, i) => {
      h = block.call(h);
      skips.push(h);
      if (i % depth === depth - 1) h = averagePool(h, { kernel: 2 });
    });
    for (const block of this.bottom) h = block.call(h);
    this.up.forEach((block, i) => {
      const skip = skips.pop()!;
      if (i % depth === 0) h = resize(h, skip.shape.slice(2), { mode: "linear" });
      h = block.call(concat([h, skip], 1));
    });
    return this.head.call(h);
  }
}

/** Offset cosine schedule; mean absolute error of the noise. */
function diffusionLoss(network: Unet, images: Tensor, rng: Rng): Tensor {
  const noise = rng.normal("noise", images.shape);
  const [start, end] = [Math.acos(0.95), Math.acos(0.02)];
  const angles = rng
    .uniform("times", [batch, 1, 1, 1])
    .mul(end - start)
    .add(start);
  const rate = sin(angles);
  return abs(network.call(cos(angles).mul(images).add(rate.mul(noise)), rate.square()).sub(noise)).mean();
}

export const diffusionWorkload: Workload = trainingWorkload({
  name: "unet",
  summary: "diffusion step of a U-Net of widths 32-64-96-128 on 3x32x32 (2.0 million parameters), batch 32, AdamW",
  build: (rng) => new Unet(rng),
  objective: (network, { images }, rng) => diffusionLoss(network, images, rng),
  inputs: { images: { shape: [batch, 3, size, size] } },
  batches: () => ({ images: pictures([batch, 3, size, size], -1) }),
  optimizer: adamw(),
  learningRate: 1e-3,
  weightDecay: 1e-4,
});
