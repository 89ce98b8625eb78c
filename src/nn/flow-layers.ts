import { AtelierError } from "../core/errors.ts";
import type { RandomStream } from "../core/random.ts";
import { Parameter, State } from "../graph/leaf.ts";
import { stopGradient } from "../graph/ops/control.ts";
import { log, where } from "../graph/ops/elementwise.ts";
import { eye, tril, triu } from "../graph/ops/grid.ts";
import { matmul } from "../graph/ops/linalg.ts";
import { triangularInverse } from "../graph/ops/matrix.ts";
import { full } from "../graph/ops/movement.ts";
import { batchNorm, perChannel } from "../graph/ops/norm.ts";
import { shapeError } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { currentTrace } from "../graph/trace.ts";
import { Flow, type Forward, type Inverse } from "./flow.ts";
import { requireSize } from "./module.ts";

// Layers of flows that treat every position alike: batch norm and act-norm, which keep values at a size, and the 1 x 1 convolution, which mixes channels.

/** Positions that share a channel's map: the sizes behind [B, C], multiplied. */
function positions(x: Tensor): number {
  return x.size / (x.shape[0] * x.shape[1]);
}

export interface FlowBatchNormOptions {
  channels: number;
  /** Added to the variance. Default 1e-5. */
  epsilon?: number;
  /** How much of the new batch enters the running statistics. Default 0.1. */
  momentum?: number;
}

/**
 * Batch normalisation as a flow, without weight and bias: z = (x - μ) / √(σ² + ε), ln |det| = -½ Σ ln(σ² + ε) for each position. Batch statistics while
 * training, running ones otherwise. (Dinh et al. 2017, section 3.7.) Its inverse is by the running statistics always: noise has no batch of data to
 * measure.
 */
export class FlowBatchNorm extends Flow {
  readonly runningMean: State<"float32">;
  readonly runningVariance: State<"float32">;
  readonly options: Readonly<{ epsilon: number; momentum: number }>;

  constructor({ channels, epsilon = 1e-5, momentum = 0.1 }: FlowBatchNormOptions) {
    super();
    requireSize("FlowBatchNorm", "channels", channels);
    this.runningMean = new State([channels], "float32", 0);
    this.runningVariance = new State([channels], "float32", 1);
    this.options = { epsilon, momentum };
  }

  /** x [B, C, ...]. @throws ShapeError; AtelierError outside of a traced function */
  forward(x: Tensor): Forward {
    const trace = currentTrace("FlowBatchNorm");
    const { epsilon, momentum } = this.options;
    const stretch = (variance: Tensor) =>
      log(variance.add(epsilon))
        .sum()
        .mul(-0.5 * positions(x));
    if (!trace.training) {
      const inverse = this.runningVariance.add(epsilon).sqrt().reciprocal();
      const z = x.sub(perChannel(this.runningMean, x.rank)).mul(perChannel(inverse, x.rank));
      return { z, logDet: stretch(this.runningVariance) };
    }
    const { shape } = this.runningMean;
    const { y, mean, variance } = batchNorm(x, full(shape, 1), full(shape, 0), epsilon);
    const count = x.size / x.shape[1];
    const blend = (old: State, fresh: Tensor) =>
      trace.update(
        old,
        trace
          .current(old)
          .mul(1 - momentum)
          .add(stopGradient(fresh).mul(momentum)),
      );
    blend(this.runningMean, mean);
    blend(this.runningVariance, variance.mul(count > 1 ? count / (count - 1) : 1));
    return { z: y, logDet: stretch(variance) };
  }

  inverse(z: Tensor): Inverse {
    const { epsilon } = this.options;
    const variance = this.runningVariance.add(epsilon);
    const x = z.mul(perChannel(variance.sqrt(), z.rank)).add(perChannel(this.runningMean, z.rank));
    return {
      x,
      logDet: log(variance)
        .sum()
        .mul(0.5 * positions(z)),
    };
  }
}

/** Least variance that a start from data divides by. */
const LEAST_VARIANCE = 1e-6;

/**
 * Act-norm: a scale and a shift per channel which the first training batch decides, so that its results have mean 0 and variance 1, and which are trained
 * from there on. (Kingma and Dhariwal 2018, section 3.1.) What the first batch decides is state (`mean`, `logDeviation`) and stays; what
 * is trained follows it and begins at the identity: z = (x - mean) exp(-logDeviation) exp(logScale) + bias. So a run goes on exactly from a checkpoint.
 */
export class ActNorm extends Flow {
  readonly logScale: Parameter;
  readonly bias: Parameter;
  /** 1 once the first batch has been seen. */
  readonly started = new State([], "float32", 0);
  readonly mean: State<"float32">;
  readonly logDeviation: State<"float32">;

  constructor({ channels }: { channels: number }) {
    super();
    requireSize("ActNorm", "channels", channels);
    this.logScale = new Parameter([channels], new Float32Array(channels));
    this.bias = new Parameter([channels], new Float32Array(channels));
    this.mean = new State([channels], "float32", 0);
    this.logDeviation = new State([channels], "float32", 0);
  }

  /** The start: as decided, or in training by this batch if it is the first. */
  #start(x: Tensor): { mean: Tensor; logDeviation: Tensor } {
    const trace = currentTrace("ActNorm");
    const [channels] = this.mean.shape;
    if (x.rank < 2 || x.shape[1] !== channels) throw shapeError("ActNorm", [x], `the input must have shape [B, ${channels}, ...]`);
    const now = { mean: trace.current(this.mean), logDeviation: trace.current(this.logDeviation) };
    if (!trace.training) return now;
    const values = stopGradient(x);
    const axes = x.shape.flatMap((_, i) => (i === 1 ? [] : [i]));
    const mean = values.mean(axes);
    const variance = values.sub(perChannel(mean, x.rank)).square().mean(axes);
    const decided = trace.current(this.started).greater(0.5);
    const start = {
      mean: where(decided, now.mean, mean),
      logDeviation: where(decided, now.logDeviation, log(variance.add(LEAST_VARIANCE)).mul(0.5)),
    };
    trace.update(this.mean, start.mean);
    trace.update(this.logDeviation, start.logDeviation);
    trace.update(this.started, full([], 1));
    return start;
  }

  /** x [B, C, ...]. @throws ShapeError; AtelierError outside of a traced function */
  forward(x: Tensor): Forward {
    const { mean, logDeviation } = this.#start(x);
    const logScale = this.logScale.sub(logDeviation);
    const scale = logScale.exp();
    const shift = this.bias.sub(mean.mul(scale));
    const z = x.mul(perChannel(scale, x.rank)).add(perChannel(shift, x.rank));
    return { z, logDet: logScale.sum().mul(positions(x)) };
  }

  inverse(z: Tensor): Inverse {
    const logScale = this.logDeviation.sub(this.logScale);
    const x = z.sub(perChannel(this.bias, z.rank)).mul(perChannel(logScale.exp(), z.rank)).add(perChannel(this.mean, z.rank));
    return { x, logDet: logScale.sum().mul(positions(z)) };
  }
}

/** A random rotation (or rotation with reflection): columns of normal numbers made orthonormal, in float64. Row-major [n, n]. */
export function randomRotation(n: number, rng: RandomStream): Float64Array {
  const columns: Float64Array[] = [];
  for (let j = 0; j < n; j++) {
    const drawn = new Float32Array(n);
    rng.fillNormal(drawn);
    const column = Float64Array.from(drawn);
    // Twice is enough for orthogonality to rounding (Kahan and Parlett).
    for (let pass = 0; pass < 2; pass++)
      for (const other of columns) {
        const along = column.reduce((total, v, i) => total + v * other[i], 0);
        for (let i = 0; i < n; i++) column[i] -= along * other[i];
      }
    const length = Math.hypot(...column);
    columns.push(column.map((v) => v / length));
  }
  return Float64Array.from({ length: n * n }, (_, at) => columns[at % n][Math.floor(at / n)]);
}

/**
 * W = P L U by elimination with row exchanges: `order[i]` is the column of the one in row i of P; `factors` holds U on and above the diagonal and L below
 * it (its diagonal is 1).
 * @param w row-major [n, n]
 * @throws AtelierError for a singular matrix
 */
export function factorLu(w: Float64Array, n: number): { order: number[]; factors: Float64Array } {
  const a = w.slice();
  const rows = Array.from({ length: n }, (_, i) => i);
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(a[i * n + k]) > Math.abs(a[pivot * n + k])) pivot = i;
    if (a[pivot * n + k] === 0) throw new AtelierError({ what: "A singular matrix has no invertible factors.", got: `${n} x ${n}` });
    for (let j = 0; j < n; j++) [a[k * n + j], a[pivot * n + j]] = [a[pivot * n + j], a[k * n + j]];
    [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
    for (let i = k + 1; i < n; i++) {
      a[i * n + k] /= a[k * n + k];
      for (let j = k + 1; j < n; j++) a[i * n + j] -= a[i * n + k] * a[k * n + j];
    }
  }
  // Row k of L U is row rows[k] of W.
  const order: number[] = [];
  rows.forEach((row, k) => {
    order[row] = k;
  });
  return { order, factors: a };
}

/**
 * Invertible 1 x 1 convolution, a learned permutation of the channels: z = W x at each position, W = P L (U + diag(s)), ln |det| = positions · Σ ln |s|.
 * (Kingma and Dhariwal 2018, section 3.2 and Eq. 10 and 11.) P and the signs of s are fixed (state); L, with ones on its diagonal, U above its diagonal and
 * ln |s| are trained. W starts as a random rotation.
 */
export class InvertibleConv extends Flow {
  /** [C, C], below the diagonal. */
  readonly lower: Parameter;
  /** [C, C], above the diagonal. */
  readonly upper: Parameter;
  /** ln |s|, [C]. */
  readonly logDiagonal: Parameter;
  /** P, [C, C]. */
  readonly permutation: State<"float32">;
  /** Signs of s, [C]. */
  readonly signs: State<"float32">;

  constructor({ channels, rng }: { channels: number; rng: RandomStream }) {
    super();
    requireSize("InvertibleConv", "channels", channels);
    const n = channels;
    const { order, factors } = factorLu(randomRotation(n, rng), n);
    const part = (keep: (i: number, j: number) => boolean) =>
      new Parameter(
        [n, n],
        Float32Array.from(factors, (v, at) => (keep(Math.floor(at / n), at % n) ? v : 0)),
      );
    this.lower = part((i, j) => i > j);
    this.upper = part((i, j) => i < j);
    const diagonal = Array.from({ length: n }, (_, i) => factors[i * n + i]);
    this.logDiagonal = new Parameter(
      [n],
      Float32Array.from(diagonal, (v) => Math.log(Math.abs(v))),
    );
    this.permutation = new State([n, n], "float32", 0);
    order.forEach((column, row) => {
      this.permutation.data[row * n + column] = 1;
    });
    this.signs = new State([n], "float32", 0);
    this.signs.data.set(diagonal.map(Math.sign));
  }

  /** L and U + diag(s), [C, C] each. */
  #factors(): [Tensor, Tensor] {
    const n = this.logDiagonal.size;
    const diagonal = this.signs.mul(this.logDiagonal.exp());
    return [tril(this.lower, -1).add(eye(n)), triu(this.upper, 1).add(eye(n).mul(diagonal))];
  }

  /** W x at each position. */
  #apply(x: Tensor, weight: Tensor): Tensor {
    const n = this.logDiagonal.size;
    if (x.rank < 2 || x.shape[1] !== n) throw shapeError("InvertibleConv", [x], `[B, ${n}, ...] was expected`);
    if (x.rank === 2) return matmul(x, weight, { transB: true });
    return x.conv(weight.reshape([n, n, ...x.shape.slice(2).map(() => 1)]));
  }

  /** x [B, C, ...]. @throws ShapeError */
  forward(x: Tensor): Forward {
    const [lower, upper] = this.#factors();
    const weight = matmul(matmul(this.permutation, lower), upper);
    return { z: this.#apply(x, weight), logDet: this.logDiagonal.sum().mul(positions(x)) };
  }

  inverse(z: Tensor): Inverse {
    const [lower, upper] = this.#factors();
    const undone = matmul(triangularInverse(upper, { upper: true }), triangularInverse(lower, { unitDiagonal: true }));
    const weight = matmul(undone, this.permutation, { transB: true });
    return { x: this.#apply(z, weight), logDet: this.logDiagonal.sum().mul(-positions(z)) };
  }
}
