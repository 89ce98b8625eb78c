import type { Tensor } from "../graph/tensor.ts";
import { Module } from "./module.ts";

/** Anything that maps a tensor to a tensor: a layer, or a function such as `relu`. */
export type Step = { call(x: Tensor): Tensor } | ((x: Tensor) => Tensor);

/** Steps one after the other. Parameters are named by position: `steps.0.weight`. */
export class Sequential extends Module {
  readonly steps: readonly Step[];

  constructor(...steps: Step[]) {
    super();
    this.steps = steps;
  }

  call(x: Tensor): Tensor {
    return this.steps.reduce((value, step) => (typeof step === "function" ? step(value) : step.call(value)), x);
  }
}
