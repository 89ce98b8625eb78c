import type { Optimizer } from "./optimizer.ts";

/** The same as an update whose parameter is the average and whose gradient is the parameter, for averages that live on a device. */
export function averaging(decay: number): Optimizer {
  return {
    name: "average",
    slots: [],
    settings: { decay },
    coefficients: () => ({}),
    update: (average, parameter) => ({ parameter: average.mul(decay).add(parameter.mul(1 - decay)), slots: {} }),
  };
}

/**
 * An exponential moving average of flat parameters: average = decay · average + (1 - decay) · parameters.
 * (Polyak and Juditsky 1992; the form that diffusion models and GANs use.)
 */
export class ExponentialAverage {
  readonly decay: number;
  /** The averaged parameters, flat. */
  readonly values: Float32Array;

  constructor(parameters: Float32Array, decay: number) {
    this.decay = decay;
    this.values = parameters.slice();
  }

  /** Move towards the present parameters. */
  update(parameters: Float32Array): void {
    const { values, decay } = this;
    const rest = 1 - decay;
    for (let i = 0; i < values.length; i++) values[i] = decay * values[i] + rest * parameters[i];
  }
}
