import { Parameter, State } from "../graph/leaf.ts";
import { stopGradient } from "../graph/ops/control.ts";
import { full } from "../graph/ops/movement.ts";
import { batchNorm, layerNorm, perChannel } from "../graph/ops/norm.ts";
import { constant } from "../graph/ops/source.ts";
import type { Tensor } from "../graph/tensor.ts";
import { currentTrace } from "../graph/trace.ts";
import { Module, requireSize } from "./module.ts";

export interface BatchNormOptions {
  channels: number;
  /** Added to the variance. Default 1e-5 (PyTorch); Keras uses 1e-3. */
  epsilon?: number;
  /** How much of the new batch enters the running statistics. Default 0.1 (PyTorch); Keras's momentum 0.99 is 0.01 here. */
  momentum?: number;
  /** Whether the running variance takes the unbiased estimate, M / (M - 1) times the population variance. Default true (PyTorch); Keras: false. */
  unbiased?: boolean;
  /** Whether there is a weight and a bias per channel. Default true. */
  affine?: boolean;
}

/**
 * Batch normalisation per channel (Ioffe and Szegedy 2015): batch statistics while training, running ones otherwise.
 * Weight and bias [C] where affine; running mean and variance [C] are state. A program that calls the layer several times blends each batch into them,
 * in the order of the calls.
 */
export class BatchNorm extends Module {
  readonly weight: Parameter | undefined;
  readonly bias: Parameter | undefined;
  readonly runningMean: State<"float32">;
  readonly runningVariance: State<"float32">;
  readonly options: Required<Omit<BatchNormOptions, "channels" | "affine">>;

  constructor({ channels, epsilon = 1e-5, momentum = 0.1, unbiased = true, affine = true }: BatchNormOptions) {
    super();
    requireSize("BatchNorm", "channels", channels);
    if (affine) this.weight = new Parameter([channels], new Float32Array(channels).fill(1));
    if (affine) this.bias = new Parameter([channels], new Float32Array(channels));
    this.runningMean = new State([channels], "float32", 0);
    this.runningVariance = new State([channels], "float32", 1);
    this.options = { epsilon, momentum, unbiased };
  }

  /** x [B, C, ...] -> the same shape. @throws ShapeError; AtelierError outside of a traced function */
  call(x: Tensor): Tensor {
    const trace = currentTrace("BatchNorm");
    return trace.training ? this.#train(x) : this.#evaluate(x);
  }

  #train(x: Tensor): Tensor {
    const { epsilon, momentum, unbiased } = this.options;
    const { shape } = this.runningMean;
    const { y, mean, variance } = batchNorm(x, this.weight ?? full(shape, 1), this.bias ?? full(shape, 0), epsilon);
    const count = x.size / x.shape[1];
    const correction = unbiased && count > 1 ? count / (count - 1) : 1;
    const trace = currentTrace("BatchNorm");
    const blend = (old: State, fresh: Tensor) =>
      trace.update(
        old,
        trace
          .current(old)
          .mul(1 - momentum)
          .add(stopGradient(fresh).mul(momentum)),
      );
    blend(this.runningMean, mean);
    blend(this.runningVariance, variance.mul(correction));
    return y;
  }

  #evaluate(x: Tensor): Tensor {
    const inverse = this.runningVariance.add(this.options.epsilon).sqrt().reciprocal();
    const scale = this.weight === undefined ? inverse : this.weight.mul(inverse);
    const centre = this.runningMean.mul(scale);
    const shift = this.bias === undefined ? centre.neg() : this.bias.sub(centre);
    return x.mul(perChannel(scale, x.rank)).add(perChannel(shift, x.rank));
  }
}

export interface LayerNormOptions {
  /** Size of the input's last axis. */
  width: number;
  /** Default 1e-5. */
  epsilon?: number;
  /** Whether there is a bias. Default true. */
  bias?: boolean;
}

/** Layer normalisation over the last axis (Ba, Kiros and Hinton 2016). Weight and bias [width]. */
export class LayerNorm extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly epsilon: number;

  constructor({ width, epsilon = 1e-5, bias = true }: LayerNormOptions) {
    super();
    requireSize("LayerNorm", "width", width);
    this.weight = new Parameter([width], new Float32Array(width).fill(1));
    if (bias) this.bias = new Parameter([width], new Float32Array(width));
    this.epsilon = epsilon;
  }

  /** x [..., width] -> the same shape. @throws ShapeError */
  call(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias ?? constant(new Float32Array(this.weight.size)), this.epsilon).y;
  }
}
