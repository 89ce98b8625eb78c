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
   */
  coefficients(step: number, learningRate: number, weightDecay: number): Readonly<Record<string, number>>;
  /** New parameters and slots, all of shape [n]. */
  update(parameter: Tensor, gradient: Tensor, slots: Slots, coefficients: Slots): { parameter: Tensor; slots: Slots };
}
