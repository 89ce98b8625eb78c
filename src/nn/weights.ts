import type { RandomStream } from "../core/random.ts";
import { Parameter, State } from "../graph/leaf.ts";
import { stopGradient } from "../graph/ops/control.ts";
import { matmul } from "../graph/ops/linalg.ts";
import type { Tensor } from "../graph/tensor.ts";
import { currentTrace } from "../graph/trace.ts";
import { Conv2d, type Conv2dOptions, ConvTranspose2d } from "./conv.ts";
import { normal, zeros } from "./init.ts";
import { Linear, type LinearOptions } from "./linear.ts";
import { Module } from "./module.ts";

// Layers whose weight is computed from what is trained, at each step.

/** A layer that reads a field `weight`. */
type Weighted = Module & { readonly weight: Parameter; call(x: Tensor): Tensor };

/** The layer as it is, with another tensor for its weight. */
function withWeight<L extends Weighted>(layer: L, weight: Tensor): L {
  return Object.create(layer, { weight: { value: weight } }) as L;
}

/** A weight as a matrix [outputs, rest]. */
function asMatrix(weight: Tensor, axis: 0 | 1): Tensor {
  const turned = axis === 0 ? weight : weight.transpose([1, 0, ...weight.shape.slice(2).map((_, i) => i + 2)]);
  return turned.reshape([weight.shape[axis], -1]);
}

export interface SpectralNormOptions {
  rng: RandomStream;
  /** Steps of the power iteration at each training step. Default 1. */
  iterations?: number;
  /** Least length that a vector is divided by. Default 1e-12. */
  epsilon?: number;
  /** Axis of the weight that counts outputs. Default 0, and 1 for transposed convolutions. */
  outputAxis?: 0 | 1;
}

/**
 * A layer whose weight is divided by its largest singular value (Miyato et al. 2018, Algorithm 1). The two singular vectors are state, moved by
 * power iteration at each training step, and constants to differentiation (as in torch.nn.utils.parametrizations.spectral_norm). A program that
 * calls the layer several times iterates once, and all calls share the one weight.
 */
export class SpectralNorm<L extends Weighted> extends Module {
  readonly layer: L;
  /** Left singular vector [outputs]. */
  readonly u: State<"float32">;
  /** Right singular vector [rest]. */
  readonly v: State<"float32">;
  readonly iterations: number;
  readonly epsilon: number;
  readonly outputAxis: 0 | 1;

  constructor(layer: L, { rng, iterations = 1, epsilon = 1e-12, outputAxis }: SpectralNormOptions) {
    super();
    this.layer = layer;
    this.outputAxis = outputAxis ?? (layer instanceof ConvTranspose2d ? 1 : 0);
    this.iterations = iterations;
    this.epsilon = epsilon;
    const outputs = layer.weight.shape[this.outputAxis];
    this.u = new State([outputs], "float32");
    this.v = new State([layer.weight.size / outputs], "float32");
    rng.fillNormal(this.u.data);
    rng.fillNormal(this.v.data);
    for (let i = 0; i < 15; i++) this.#iterateOnHost();
  }

  /** One step of the power iteration on the present weight, so that training starts from good vectors. */
  #iterateOnHost(): void {
    const { data, shape } = this.layer.weight;
    const axis = this.outputAxis;
    const [rows, columns] = [this.u.size, this.v.size];
    const inner = columns / shape[1 - axis];
    // Where entry (row, column) of the matrix stands in the weight.
    const offset = (row: number, column: number) =>
      axis === 0 ? row * columns + column : (Math.floor(column / inner) * rows + row) * inner + (column % inner);
    const product = (count: number, terms: number, entry: (i: number, j: number) => number) =>
      Float32Array.from({ length: count }, (_, i) => {
        let total = 0;
        for (let j = 0; j < terms; j++) total += entry(i, j);
        return total;
      });
    const unit = (x: Float32Array) => {
      const length = Math.max(Math.sqrt(x.reduce((total, v) => total + v * v, 0)), this.epsilon);
      return x.map((v) => v / length);
    };
    this.u.data.set(unit(product(rows, columns, (i, j) => data[offset(i, j)] * this.v.data[j])));
    this.v.data.set(unit(product(columns, rows, (i, j) => data[offset(j, i)] * this.u.data[j])));
  }

  /** The normalised weight, of the layer's weight's shape. */
  get weight(): Tensor {
    const trace = currentTrace("SpectralNorm");
    const matrix = asMatrix(this.layer.weight, this.outputAxis);
    let [u, v]: [Tensor, Tensor] = [this.u.reshape([1, -1]), this.v.reshape([1, -1])];
    if (trace.training) {
      const fixed = stopGradient(matrix);
      for (let i = 0; i < this.iterations; i++) {
        u = this.#unit(matmul(v, fixed, { transB: true }));
        v = this.#unit(matmul(u, fixed));
      }
      trace.update(this.u, u.reshape(this.u.shape));
      trace.update(this.v, v.reshape(this.v.shape));
    }
    const sigma = matmul(stopGradient(u), matrix).mul(stopGradient(v)).sum();
    return this.layer.weight.mul(sigma.reciprocal());
  }

  #unit(x: Tensor): Tensor {
    return x.mul(x.square().sum().sqrt().maximum(this.epsilon).reciprocal());
  }

  /** What the layer takes and gives. @throws ShapeError; AtelierError outside of a traced function */
  call(x: Tensor): Tensor {
    return withWeight(this.layer, this.weight).call(x);
  }
}

/** A layer whose weight is g v / ‖v‖, a length and a direction per output (Salimans and Kingma 2016, Eq. 2). v is the layer's own weight, g [outputs]. */
export class WeightNorm<L extends Weighted> extends Module {
  readonly layer: L;
  readonly g: Parameter;

  constructor(layer: L) {
    super();
    this.layer = layer;
    const { data, shape } = layer.weight;
    const row = data.length / shape[0];
    const lengths = Array.from({ length: shape[0] }, (_, i) =>
      Math.sqrt(data.subarray(i * row, (i + 1) * row).reduce((total, v) => total + v * v, 0)),
    );
    this.g = new Parameter([shape[0]], Float32Array.from(lengths));
  }

  /** What the layer takes and gives. @throws ShapeError */
  call(x: Tensor): Tensor {
    const { weight } = this.layer;
    const length = weight.reshape([weight.shape[0], -1]).square().sum(1).sqrt();
    const factor = this.g.mul(length.reciprocal()).reshape([weight.shape[0], ...weight.shape.slice(1).map(() => 1)]);
    return withWeight(this.layer, weight.mul(factor)).call(x);
  }
}

export interface EqualizedOptions {
  /** Gain of the nonlinearity that follows. Default √2 (ProGAN); StyleGAN2 uses 1 and scales in its activations. */
  gain?: number;
  /** Factor of the learning rate of weight and bias (StyleGAN's mapping network: 0.01). Default 1. */
  rateFactor?: number;
}

/**
 * A layer with an equalised learning rate (Karras et al. 2018, section 4.1): the weight is stored as N(0, 1) and multiplied by
 * gain / √fanIn · rateFactor when it is used, so that all weights move at one speed. The bias starts at 0 and is multiplied by rateFactor.
 */
class Equalized<L extends Weighted & { readonly bias: Parameter | undefined }> extends Module {
  readonly layer: L;
  readonly factor: number;
  readonly biasFactor: number;

  constructor(layer: L, { gain = Math.SQRT2, rateFactor = 1 }: EqualizedOptions) {
    super();
    this.layer = layer;
    this.factor = (gain / Math.sqrt(layer.weight.size / layer.weight.shape[0])) * rateFactor;
    this.biasFactor = rateFactor;
  }

  /** What the layer takes and gives. @throws ShapeError */
  call(x: Tensor): Tensor {
    const { weight, bias } = this.layer;
    const scaledBias = bias === undefined || this.biasFactor === 1 ? bias : bias.mul(this.biasFactor);
    const view = Object.create(this.layer, { weight: { value: weight.mul(this.factor) }, bias: { value: scaledBias } }) as L;
    return view.call(x);
  }
}

/** {@link Linear} with an equalised learning rate. `biasInit` is what the bias is when used. */
export class EqualizedLinear extends Equalized<Linear> {
  constructor({ gain, rateFactor = 1, biasInit = zeros, ...options }: Omit<LinearOptions, "init"> & EqualizedOptions) {
    const stored: typeof biasInit = (shape, fans, rng) => biasInit(shape, fans, rng).map((v) => v / rateFactor);
    super(new Linear({ ...options, init: normal(1 / rateFactor), biasInit: stored }), { gain, rateFactor });
  }
}

/** {@link Conv2d} with an equalised learning rate. */
export class EqualizedConv2d extends Equalized<Conv2d> {
  constructor({ gain, rateFactor = 1, ...options }: Omit<Conv2dOptions, "init" | "biasInit"> & EqualizedOptions) {
    super(new Conv2d({ ...options, init: normal(1 / rateFactor), biasInit: zeros }), { gain, rateFactor });
  }
}
