import type { Tensor } from "../graph/tensor.ts";
import { Module } from "./module.ts";

/** What {@link Sequential} can call. */
export interface Layer {
  /** The layer's output for an input of its shape. */
  call(x: Tensor): Tensor;
}

/** Anything that maps a tensor to a tensor: a layer, or a function such as `relu`. */
export type Step = Layer | ((x: Tensor) => Tensor);

/** Steps one after the other. Parameters are named by position: `steps.0.weight`. */
export class Sequential extends Module {
  readonly steps: readonly Step[];

  constructor(...steps: Step[]) {
    super();
    this.steps = steps;
  }

  /** What the last step gives. */
  call(x: Tensor): Tensor {
    return this.steps.reduce((value, step) => (typeof step === "function" ? step(value) : step.call(value)), x);
  }
}
