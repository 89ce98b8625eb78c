import type { Tensor } from "../graph/tensor.ts";

/** Symbolic slots and coefficients of one chunk of parameters, by name. */
export type Slots = Readonly<Record<string, Tensor>>;

/**
 * An optimizer is a pure rule: it builds the graph that renews a chunk of parameters from their gradient. Numbers that change from step to step
 * are worked out on the host in float64 and come in as scalars, so schedules never recompile anything.
 */
export interface Optimizer {
  readonly name: string;
  /** Arrays kept per parameter (moments), all starting at zero. */
  readonly slots: readonly string[];
  /** Settings, for the run's record. */
  readonly settings: Readonly<Record<string, number | boolean>>;
  /**
   * The scalars of one step.
   * @param step counted from 1
   * @param weightDecay undefined where no group of the model decays: its scalar is then left out
   */
  coefficients(step: number, learningRate: number, weightDecay: number | undefined): Readonly<Record<string, number>>;
  /** New parameters and slots, all of shape [n]. `weightDecay` and the like are absent from the coefficients where no group decays. */
  update(parameter: Tensor, gradient: Tensor, slots: Slots, coefficients: Slots): Update;
}

export interface Update {
  readonly parameter: Tensor;
  readonly slots: Slots;
}

/** The gradient with an L2 penalty's part, g + decay p; the bare gradient where nothing decays. */
export function withDecay(gradient: Tensor, parameter: Tensor, weightDecay: Tensor | undefined): Tensor {
  return weightDecay === undefined ? gradient : gradient.add(parameter.mul(weightDecay));
}
