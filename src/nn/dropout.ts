import { AtelierError } from "../core/errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import { currentTrace } from "../graph/trace.ts";
import { Module } from "./module.ts";

/** While training, zero each element with the given probability and scale the rest by 1 / (1 - probability); else the identity. */
export class Dropout extends Module {
  readonly probability: number;

  /** @param probability of zeroing, in [0, 1) */
  constructor(probability = 0.5) {
    super();
    if (!(probability >= 0 && probability < 1))
      throw new AtelierError({ what: "Dropout: the probability must be in [0, 1).", got: String(probability) });
    this.probability = probability;
  }

  /** Any shape. The mask is a fresh draw of the stream "dropout" (one per layer, numbered in call order). */
  call(x: Tensor): Tensor {
    const trace = currentTrace("Dropout");
    if (!trace.training || this.probability === 0) return x;
    const keep = 1 - this.probability;
    return x.mul(trace.bernoulli("dropout", x.shape, keep).mul(1 / keep));
  }
}
