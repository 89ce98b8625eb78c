import { sizeOf } from "../core/dtype.ts";
import { concat } from "../graph/ops/movement.ts";
import { constant } from "../graph/ops/source.ts";
import { split } from "../graph/ops/split.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type Conditioner, Flow, type Forward, type Inverse } from "./flow.ts";
import { sumPerExample } from "./losses.ts";
import { requireSize } from "./module.ts";

// Affine coupling: one part of the numbers decides how the other is scaled and shifted, so that the map has an inverse whatever the network is.

export interface MaskedCouplingOptions {
  /** Of one example. */
  shape: readonly number[];
  /** 1 where a number is held, 0 where it changes; row-major, of `shape` or broadcasting to it with `maskShape`. */
  mask: ArrayLike<number>;
  /** Default: `shape`. */
  maskShape?: readonly number[];
  /** From the held numbers (zeros elsewhere), [B, ...shape], to both halves of the map, of the same shape. */
  net: Conditioner;
}

/** z = b ⊙ x + (1 - b) ⊙ (x ⊙ exp(s(b ⊙ x)) + t(b ⊙ x)): affine coupling by a mask b. (Dinh et al. 2017, Eq. 9.) */
export class MaskedCoupling extends Flow {
  readonly net: Conditioner;
  readonly #mask: Float32Array;
  readonly #shape: readonly number[];

  /** @throws AtelierError where the mask does not fill its shape */
  constructor({ shape, mask, maskShape = shape, net }: MaskedCouplingOptions) {
    super();
    requireSize("MaskedCoupling", "mask / shape", mask.length / sizeOf(maskShape));
    this.net = net;
    this.#mask = Float32Array.from(mask);
    this.#shape = maskShape;
  }

  #parts(x: Tensor): { held: Tensor; free: Tensor; logScale: Tensor; shift: Tensor } {
    const mask = constant(this.#mask, "float32", this.#shape);
    const free = constant(
      this.#mask.map((v) => 1 - v),
      "float32",
      this.#shape,
    );
    const held = x.mul(mask);
    const { logScale, shift } = this.net.call(held);
    return { held, free, logScale: logScale.mul(free), shift };
  }

  forward(x: Tensor): Forward {
    const { held, free, logScale, shift } = this.#parts(x);
    return { z: held.add(free.mul(x.mul(logScale.exp()).add(shift))), logDet: sumPerExample(logScale) };
  }

  inverse(z: Tensor): Inverse {
    const { held, free, logScale, shift } = this.#parts(z);
    return { x: held.add(free.mul(z.sub(shift).mul(logScale.neg().exp()))), logDet: sumPerExample(logScale).neg() };
  }
}

/** Affine coupling of the two halves of the channels: the first is held, the second becomes x ⊙ exp(s) + t. (Kingma and Dhariwal 2018, Table 1.) */
export class HalfCoupling extends Flow {
  readonly net: Conditioner;
  readonly #half: number;

  /**
   * @param options channels of what comes in, even; net, from the held half [B, C / 2, ...] to the map of the other
   * @throws AtelierError for an odd number of channels
   */
  constructor(options: { channels: number; net: Conditioner }) {
    super();
    this.#half = options.channels / 2;
    requireSize("HalfCoupling", "channels / 2", this.#half);
    this.net = options.net;
  }

  forward(x: Tensor): Forward {
    const [held, free] = split(x, [this.#half, this.#half], 1);
    const { logScale, shift } = this.net.call(held);
    return { z: concat([held, free.mul(logScale.exp()).add(shift)], 1), logDet: sumPerExample(logScale) };
  }

  inverse(z: Tensor): Inverse {
    const [held, free] = split(z, [this.#half, this.#half], 1);
    const { logScale, shift } = this.net.call(held);
    return { x: concat([held, free.sub(shift).mul(logScale.neg().exp())], 1), logDet: sumPerExample(logScale).neg() };
  }
}

/** 1 where row and column add up to an even number (with `odd`, to an odd one): [H, W]. (Dinh et al. 2017, Figure 3, left.) */
export function checkerboardMask(height: number, width: number, odd = false): Float32Array {
  return Float32Array.from({ length: height * width }, (_, i) => ((Math.floor(i / width) + (i % width) + (odd ? 1 : 0)) % 2 === 0 ? 1 : 0));
}

/** 1 for the first half of the channels (with `odd`, for the second): [C]. (Dinh et al. 2017, Figure 3, right.) */
export function channelMask(channels: number, odd = false): Float32Array {
  return Float32Array.from({ length: channels }, (_, i) => (i < channels / 2 === odd ? 0 : 1));
}
