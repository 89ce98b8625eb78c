import type { RandomStream } from "../../core/random.ts";
import { concat } from "../../graph/ops/movement.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { silu } from "../../nn/activations.ts";
import { zeros } from "../../nn/init.ts";
import { Linear } from "../../nn/linear.ts";
import { Module } from "../../nn/module.ts";
import type { Denoiser, UnetSizes } from "./unet.ts";

/** The network for points: dense layers with SiLU, each of which is also told the noise level and what is known; the last layer begins at zero. */
export class PointNet extends Module implements Denoiser {
  readonly layers: Linear[];
  readonly exit: Linear;

  /** @param widths units of the hidden layers */
  constructor({ widths, embedding }: { widths: readonly number[]; embedding: number }, sizes: UnetSizes, rng: RandomStream) {
    super();
    const told = embedding + (sizes.conditions > 0 ? sizes.conditions + 1 : 0);
    this.layers = widths.map((out, i) => new Linear({ in: (i === 0 ? sizes.in : widths[i - 1]) + told, out, rng }));
    this.exit = new Linear({ in: widths[widths.length - 1], out: sizes.out, rng, init: zeros, biasInit: zeros });
  }

  /** x [B, in], level [B, embedding], known [B, K + 1] where there are conditions -> [B, out]. @throws ShapeError */
  call(x: Tensor, level: Tensor, known?: Tensor): Tensor {
    const told = known === undefined ? [level] : [level, known];
    return this.exit.call(this.layers.reduce((h, layer) => silu(layer.call(concat([h, ...told], 1))), x));
  }
}
