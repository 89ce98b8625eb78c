import { type Shape, sizeOf } from "../core/dtype.ts";
import type { RandomStream } from "../core/random.ts";
import { Parameter } from "../graph/leaf.ts";

/** How many inputs feed one output of a weight, and how many outputs one input feeds. */
export interface Fans {
  fanIn: number;
  fanOut: number;
}

/** Makes the first values of a parameter. */
export type Initializer = (shape: Shape, fans: Fans, rng: RandomStream) => Float32Array;

/** Fans of a weight of shape [out, in, ...kernel]. */
export function fansOf(shape: Shape): Fans {
  const taps = sizeOf(shape.slice(2));
  return { fanIn: (shape[1] ?? 1) * taps, fanOut: shape[0] * taps };
}

function uniformWithin(shape: Shape, bound: number, rng: RandomStream): Float32Array {
  const data = new Float32Array(sizeOf(shape));
  rng.fillUniform(data);
  for (let i = 0; i < data.length; i++) data[i] = (2 * data[i] - 1) * bound;
  return data;
}

/** U(-1/√fanIn, 1/√fanIn): what PyTorch gives linear and convolution layers, weights and biases, by default. */
export const torchDefault: Initializer = (shape, { fanIn }, rng) => uniformWithin(shape, 1 / Math.sqrt(fanIn), rng);

/** U(-a, a) with a = √(6 / (fanIn + fanOut)): Keras's default for weights (Glorot and Bengio 2010, Eq. 16). */
export const glorotUniform: Initializer = (shape, { fanIn, fanOut }, rng) => uniformWithin(shape, Math.sqrt(6 / (fanIn + fanOut)), rng);

/** U(-a, a) with a = √(6 / fanIn), for layers before a ReLU (He et al. 2015, Eq. 10 as a uniform). */
export const heUniform: Initializer = (shape, { fanIn }, rng) => uniformWithin(shape, Math.sqrt(6 / fanIn), rng);

/** N(0, deviation²). */
export function normal(deviation: number): Initializer {
  return (shape, _fans, rng) => {
    const data = new Float32Array(sizeOf(shape));
    rng.fillNormal(data);
    for (let i = 0; i < data.length; i++) data[i] *= deviation;
    return data;
  };
}

/** One value everywhere. */
export function filled(value: number): Initializer {
  return (shape) => new Float32Array(sizeOf(shape)).fill(value);
}

export const zeros: Initializer = filled(0);
export const ones: Initializer = filled(1);

/** A weight and, unless switched off, a bias, of a layer that multiplies. */
export interface WeightOptions {
  /** Where the first values are drawn from. */
  rng: RandomStream;
  /** Default true. */
  bias?: boolean;
  /** Of the weight. Default {@link torchDefault}. */
  init?: Initializer;
  /** Of the bias. Default {@link torchDefault} with the weight's fan-in, as in PyTorch. */
  biasInit?: Initializer;
}

/** Make a weight of `shape` [out, in, ...] and a bias of `biasSize`. */
export function weightAndBias(
  shape: Shape,
  fans: Fans,
  biasSize: number,
  options: WeightOptions,
): { weight: Parameter; bias: Parameter | undefined } {
  const weight = new Parameter(shape, (options.init ?? torchDefault)(shape, fans, options.rng));
  if (options.bias === false) return { weight, bias: undefined };
  return { weight, bias: new Parameter([biasSize], (options.biasInit ?? torchDefault)([biasSize], fans, options.rng)) };
}
