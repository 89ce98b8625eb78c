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
