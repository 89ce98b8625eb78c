import { State } from "../graph/leaf.ts";
import { full } from "../graph/ops/movement.ts";
import type { Tensor } from "../graph/tensor.ts";
import { currentTrace } from "../graph/trace.ts";
import { Module, requireSize } from "./module.ts";

/**
 * A factor that climbs from 1 / steps to 1, linearly, in the first training steps, and stays there; outside of training it is 1. A term of the objective
 * times this factor is let in slowly, as the KL term of a variational autoencoder is. (Bowman et al. 2016, arXiv:1511.06349, section 3.1; linear, of Sønderby
 * et al. 2016, arXiv:1602.02282, section 2.3.) The steps done are state.
 */
export class Warmup extends Module {
  readonly done = new State([], "float32", 0);
  readonly #steps: number;

  /**
   * @param steps training steps until 1, at least 1
   * @throws AtelierError where it is not a whole number above 0
   */
  constructor(steps: number) {
    super();
    requireSize("Warmup", "steps", steps);
    this.#steps = steps;
  }

  /** The factor, a scalar. Call it once in a training step: each call counts as a step. @throws AtelierError outside of a traced function */
  call(): Tensor {
    const trace = currentTrace("Warmup");
    if (!trace.training) return full([], 1);
    // Counting stops at the end of the climb, where a float32 is still exact.
    const done = trace.current(this.done).add(1).minimum(this.#steps);
    trace.update(this.done, done);
    return done.div(this.#steps);
  }
}
