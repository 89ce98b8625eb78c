import { concat, full } from "../graph/ops/movement.ts";
import { pixelShuffle, pixelUnshuffle } from "../graph/ops/shuffle.ts";
import { split } from "../graph/ops/split.ts";
import { sameShape, shapeError } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { sumPerExample } from "./losses.ts";
import { Module, requireSize } from "./module.ts";

// Invertible maps that know by how much they stretch: the interface of normalising flows, and the parts that only move numbers about.

/** What a flow makes of data: `logDet` is ln |det ∂z/∂x|, [B], or a scalar where it is the same for every example. */
export interface Forward {
  readonly z: Tensor;
  readonly logDet: Tensor;
}

/** What a flow makes of noise: `logDet` is ln |det ∂x/∂z|, [B] or a scalar. */
export interface Inverse {
  readonly x: Tensor;
  readonly logDet: Tensor;
}

/** An invertible map with its log-determinants, from data x to noise z and back. */
export abstract class Flow extends Module {
  /** x [B, ...] -> z with ln |det ∂z/∂x|. @throws ShapeError */
  abstract forward(x: Tensor): Forward;
  /** z -> x [B, ...] with ln |det ∂x/∂z|. @throws ShapeError */
  abstract inverse(z: Tensor): Inverse;
}

/** Flows one after the other; log-determinants add up. (Dinh et al. 2017, Eq. 6 and 7.) */
export class FlowChain extends Flow {
  readonly layers: readonly Flow[];

  /** @throws AtelierError without layers */
  constructor(layers: readonly Flow[]) {
    super();
    requireSize("FlowChain", "the number of layers", layers.length);
    this.layers = layers;
  }

  forward(x: Tensor): Forward {
    const [first, ...rest] = this.layers;
    return rest.reduce((before: Forward, layer) => {
      const { z, logDet } = layer.forward(before.z);
      return { z, logDet: before.logDet.add(logDet) };
    }, first.forward(x));
  }

  inverse(z: Tensor): Inverse {
    const [first, ...rest] = [...this.layers].reverse();
    return rest.reduce((before: Inverse, layer) => {
      const { x, logDet } = layer.inverse(before.x);
      return { x, logDet: before.logDet.add(logDet) };
    }, first.inverse(z));
  }
}

/** The log-determinant of what only moves numbers about. */
const still = (): Tensor => full([], 0);

/** Blocks of 2 x 2 pixels become channels: [B, C, H, W] -> [B, 4C, H / 2, W / 2]. (Dinh et al. 2017, section 3.6.) */
export class Squeeze extends Flow {
  /** @throws ShapeError where a side is odd */
  forward(x: Tensor): Forward {
    const [, , height, width] = x.dims("B C H W");
    if (height % 2 !== 0 || width % 2 !== 0) throw shapeError("Squeeze", [x], "height and width must be even to be halved");
    return { z: pixelUnshuffle(x, 2), logDet: still() };
  }

  /** @throws ShapeError where the channels are not divisible by 4 */
  inverse(z: Tensor): Inverse {
    return { x: pixelShuffle(z, 2), logDet: still() };
  }
}

/** The end of a flow over pictures: [B, C, H, W] -> [B, C · H · W]. */
export class Flatten extends Flow {
  readonly shape: readonly number[];

  /** @param shape of one example, [C, H, W] */
  constructor(shape: readonly number[]) {
    super();
    this.shape = shape;
  }

  forward(x: Tensor): Forward {
    if (!sameShape(x.shape.slice(1), this.shape))
      throw shapeError("Flatten", [x], `the input must have shape [B, ${this.shape.join(", ")}]`);
    return { z: x.flatten(1), logDet: still() };
  }

  inverse(z: Tensor): Inverse {
    return { x: z.reshape([z.shape[0], ...this.shape]), logDet: still() };
  }
}

/**
 * What conditions a part of a flow on another: the logarithm of a factor, and what is added. Both of the shape of the conditioned part, or broadcasting to
 * it.
 */
export interface Affine {
  readonly logScale: Tensor;
  readonly shift: Tensor;
}

/** A network from what is held to the affine map of what is not. It may be any function: it is never inverted. */
export type Conditioner = Module & {
  /** held [B, ...] -> what the other part is scaled by and shifted */
  call(held: Tensor): Affine;
};

export interface FactorOutOptions {
  /** [C, H, W] of what comes in, with C even. */
  shape: readonly number[];
  /** What becomes of the half that goes on; gives vectors. */
  rest: Flow;
  /** Mean (`shift`) and ln deviation (`logScale`) of the half that leaves, from the half that goes on. Default: 0 and 0. */
  prior?: Conditioner | undefined;
}

/**
 * Half of the channels leave as noise, the rest goes on: [B, C, H, W] -> [B, C · H · W], the numbers of the rest first. (Dinh et al. 2017, Eq. 14 to 16.)
 * With a `prior` the half that leaves is (x - mean) / deviation, so that all of the result is to be N(0, I). (Kingma and Dhariwal 2018, section 3 and its
 * code's split2d.)
 */
export class FactorOut extends Flow {
  readonly rest: Flow;
  readonly prior: Conditioner | undefined;
  readonly #half: readonly number[];
  readonly #size: number;

  /** @throws AtelierError for an odd number of channels */
  constructor({ shape: [channels, height, width], rest, prior }: FactorOutOptions) {
    super();
    requireSize("FactorOut", "channels / 2", channels / 2);
    this.rest = rest;
    this.prior = prior;
    this.#half = [channels / 2, height, width];
    this.#size = (channels / 2) * height * width;
  }

  forward(x: Tensor): Forward {
    const half = this.#half[0];
    const [held, out] = split(x, [half, half], 1);
    const inner = this.rest.forward(held);
    if (this.prior === undefined) return { z: concat([inner.z, out.flatten(1)], 1), logDet: inner.logDet };
    const { logScale, shift } = this.prior.call(held);
    const noise = out.sub(shift).mul(logScale.neg().exp());
    return { z: concat([inner.z, noise.flatten(1)], 1), logDet: inner.logDet.sub(sumPerExample(logScale)) };
  }

  inverse(z: Tensor): Inverse {
    const [inner, flat] = split(z, [z.shape[1] - this.#size, this.#size], 1);
    const { x: held, logDet } = this.rest.inverse(inner);
    const noise = flat.reshape([z.shape[0], ...this.#half]);
    if (this.prior === undefined) return { x: concat([held, noise], 1), logDet };
    const { logScale, shift } = this.prior.call(held);
    return { x: concat([held, noise.mul(logScale.exp()).add(shift)], 1), logDet: logDet.add(sumPerExample(logScale)) };
  }
}

/** -ln N(z; 0, I) in nats: ½ Σ z² + ln 2π. z [B, ...] -> [B]. */
export function standardNormalNats(z: Tensor): Tensor {
  const each = z.size / z.shape[0];
  return sumPerExample(z.square())
    .mul(0.5)
    .add(0.5 * each * Math.log(2 * Math.PI));
}

/** -ln p(x) of a flow to N(0, I), in nats: [B]. (Dinh et al. 2017, Eq. 3: change of variables.) */
export function flowNats(flow: Flow, x: Tensor): Tensor {
  const { z, logDet } = flow.forward(x);
  return standardNormalNats(z).sub(logDet);
}
