import { normalizeAxes, normalizeAxis, shapeError } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { clip } from "./clip.ts";
import { stopGradient } from "./control.ts";
import { abs, add, cast, equal, exp, greater, less, log, maximum, minimum, mul, neg, not, sqrt, sub } from "./elementwise.ts";
import { concat, full, reshape, slice } from "./movement.ts";
import { argmax, max, mean, type ReduceOptions, sum } from "./reduce.ts";

// Reductions and running reductions that are plain functions: their gradients are those of what they are made of.

type Axes = readonly number[] | number | undefined;

const largest = 3.4e38;

/** log Σ exp(x) over `axes` (all when left out), stable for any size of x; its gradient is the softmax. */
export function logsumexp(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  // Finite, so that rows of nothing but -Infinity give -Infinity.
  const top = clip(stopGradient(max(x, axes, { keepDims: true })), -largest, largest);
  const total = log(sum(exp(sub(x, top)), axes, options));
  return add(total, reshape(top, total.shape));
}

export interface VarianceOptions extends ReduceOptions {
  /** What the count is lessened by in the divisor: 1 for the unbiased estimate, 0 for the population's variance. Default 1, as in PyTorch. */
  correction?: number | undefined;
}

/** Variance over `axes` (all when left out): Σ (x - mean)² / (count - correction). */
export function variance(x: Tensor, axes?: Axes, { correction = 1, keepDims = false }: VarianceOptions = {}): Tensor {
  const count = normalizeAxes(axes, x.rank, "variance").reduce((product, axis) => product * x.shape[axis], 1);
  const centred = sub(x, mean(x, axes, { keepDims: true }));
  return mul(sum(mul(centred, centred), axes, { keepDims }), 1 / Math.max(count - correction, 0));
}

/** Standard deviation over `axes`, the square root of {@link variance}; its gradient is infinite where the variance is 0, as in PyTorch. */
export function std(x: Tensor, axes?: Axes, options: VarianceOptions = {}): Tensor {
  return sqrt(variance(x, axes, options));
}

/** Euclidean norm √Σx² over `axes` (all when left out). The gradient at 0 is 0, as in PyTorch. */
export function norm(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const squares = sum(mul(x, x), axes, options);
  const isZero = cast(equal(squares, 0), "float32");
  return mul(sqrt(add(squares, isZero)), sub(1, isZero));
}

/** x divided by its Euclidean norm along `axis`, which counts as at least `epsilon` (torch's normalize). */
export function normalize(x: Tensor, axis = -1, epsilon = 1e-12): Tensor {
  return mul(x, maximum(norm(x, axis, { keepDims: true }), epsilon).reciprocal());
}

/** Product along one axis; the gradient is exact where factors are 0. */
export function prod(x: Tensor, axis: number, { keepDims = false }: ReduceOptions = {}): Tensor {
  const at = normalizeAxis(axis, x.rank, "prod");
  const one = foldHalves(x, at);
  return keepDims ? one : reshape(one, [...x.shape.slice(0, at), ...x.shape.slice(at + 1)]);
}

/** One half times the other, until one position is left. */
function foldHalves(x: Tensor, axis: number): Tensor {
  const length = x.shape[axis];
  if (length === 0)
    return full(
      x.shape.map((n, i) => (i === axis ? 1 : n)),
      1,
    );
  if (length === 1) return x;
  const half = Math.floor(length / 2);
  const pairs = mul(slice(x, axis, 0, half), slice(x, axis, half, 2 * half));
  return foldHalves(length % 2 === 0 ? pairs : concat([pairs, slice(x, axis, length - 1, length)], axis), axis);
}

/** Doubling strides (Hillis and Steele, "Data parallel algorithms", 1986): log₂ n passes, each joining windows that do not overlap. */
function running(name: string, x: Tensor, axis: number, combine: (late: Tensor, early: Tensor) => Tensor): Tensor {
  const at = normalizeAxis(axis, x.rank, name);
  const length = x.shape[at];
  let y = x;
  for (let stride = 1; stride < length; stride *= 2) {
    const joined = combine(slice(y, at, stride, length), slice(y, at, 0, length - stride));
    y = concat([slice(y, at, 0, stride), joined], at);
  }
  return y;
}

/** Running product along `axis`; the gradient is exact where factors are 0. */
export const cumprod = (x: Tensor, axis = -1): Tensor => running("cumprod", x, axis, mul);
/** Running maximum along `axis`; equal numbers share the gradient. */
export const cumMax = (x: Tensor, axis = -1): Tensor => running("cumMax", x, axis, maximum);
/** Running minimum along `axis`; equal numbers share the gradient. */
export const cumMin = (x: Tensor, axis = -1): Tensor => running("cumMin", x, axis, minimum);

/** Index of the smallest value along `axis` (the first of equal ones), int64. */
export const argmin = (x: Tensor, axis: number): Tensor => argmax(neg(x), axis);

/** Whether any element over `axes` is true; bool in and out. */
export function any(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  if (x.dtype !== "bool") throw shapeError("any", [x], "a boolean tensor was expected");
  return greater(max(cast(x, "float32"), axes, options), 0);
}

/** Whether every element over `axes` is true; bool in and out. */
export function all(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  if (x.dtype !== "bool") throw shapeError("all", [x], "a boolean tensor was expected");
  return not(any(not(x), axes, options));
}

/** True where an element is not a number. */
export const isnan = (x: Tensor): Tensor => not(equal(x, x));
/** True where an element is neither infinite nor NaN. */
export const isfinite = (x: Tensor): Tensor => less(abs(x), Number.POSITIVE_INFINITY);
