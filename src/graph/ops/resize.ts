import { shapeError } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { mapAxis } from "./axis-matrix.ts";
import { windowSpread } from "./pool.ts";
import { averagePool } from "./pooling.ts";

// Pictures, signals and volumes of another size. Whole-number enlargement by repetition is a nearest Resize whose gradient sums tiles;
// everything else is one constant matrix per axis.

export type ResizeMode = "nearest" | "linear";

export interface ResizeOptions {
  /** `nearest` repeats or drops positions; `linear` interpolates along every axis (bilinear for pictures, trilinear for volumes). Default nearest. */
  mode?: ResizeMode | undefined;
  /** With `linear`: the corner positions of both sizes coincide, instead of the corners of the corner pixels. Default false. */
  alignCorners?: boolean | undefined;
}

/**
 * [N, C, ...] at another spatial size, by PyTorch's rules (`interpolate` without antialiasing).
 * @param size positions per spatial axis, or one number for all
 * @throws ShapeError
 */
export function resize(
  x: Tensor,
  size: number | readonly number[],
  { mode = "nearest", alignCorners = false }: ResizeOptions = {},
): Tensor {
  const spatial = x.shape.slice(2);
  const target = typeof size === "number" ? spatial.map(() => size) : [...size];
  if (spatial.length === 0 || target.length !== spatial.length || target.some((n) => !Number.isInteger(n) || n < 1))
    throw shapeError("resize", [x], `[N, C, ...] and one whole number of at least 1 per spatial axis were expected; got ${String(size)}`);
  if (alignCorners && mode !== "linear")
    throw shapeError("resize", [x], "alignCorners only means something with linear interpolation", 'pass mode: "linear"');
  const factors = target.map((n, i) => n / spatial[i]);
  if (mode === "nearest" && factors.every(Number.isInteger)) return upsample(x, factors);
  // Half the size between pixel corners is the mean of two by two.
  if (mode === "linear" && !alignCorners && factors.every((factor) => factor === 0.5)) return averagePool(x, { kernel: 2 });
  const weights = mode === "nearest" ? nearestMatrix : alignCorners ? cornersMatrix : linearMatrix;
  // Axes that shrink go first, so that the rest has less to do.
  const order = factors.map((_, i) => i).sort((a, b) => factors[a] - factors[b]);
  return order.reduce((y, i) => mapAxis(y, i + 2, weights(spatial[i], target[i]), target[i]), x);
}

/**
 * Each position repeated `factors[i]` times along spatial axis i. [N, C, H, W] -> [N, C, H·f, W·f].
 * @throws ShapeError
 */
export function upsample(x: Tensor, factors: number | readonly number[]): Tensor {
  const spatial = x.shape.slice(2);
  const kernel = typeof factors === "number" ? spatial.map(() => factors) : [...factors];
  if (spatial.length === 0 || kernel.length !== spatial.length || kernel.some((n) => !Number.isInteger(n) || n < 1))
    throw shapeError(
      "upsample",
      [x],
      `[N, C, ...] and one whole factor of at least 1 per spatial axis were expected; got ${String(factors)}`,
    );
  if (kernel.every((n) => n === 1)) return x;
  const pads = [...spatial, ...spatial].map(() => 0);
  return windowSpread(x, { kernel, strides: kernel, pads, divisor: 1, spatial: spatial.map((n, i) => n * kernel[i]) });
}

/** Position ⌊i·from/to⌋, in float32 as PyTorch computes it. */
function nearestMatrix(from: number, to: number): Float32Array {
  const matrix = new Float32Array(to * from);
  const scale = Math.fround(from / to);
  for (let i = 0; i < to; i++) matrix[i * from + Math.min(Math.floor(Math.fround(i * scale)), from - 1)] = 1;
  return matrix;
}

/** Position (i + 1/2)·from/to - 1/2, at the border the border's number. */
function linearMatrix(from: number, to: number): Float32Array {
  return interpolation(from, to, (i) => Math.max(((i + 0.5) * from) / to - 0.5, 0));
}

/** Position i·(from - 1)/(to - 1). */
function cornersMatrix(from: number, to: number): Float32Array {
  return interpolation(from, to, (i) => (to === 1 ? 0 : (i * (from - 1)) / (to - 1)));
}

function interpolation(from: number, to: number, position: (i: number) => number): Float32Array {
  const matrix = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    const at = position(i);
    const low = Math.min(Math.floor(at), from - 1);
    const high = Math.min(low + 1, from - 1);
    matrix[i * from + low] += 1 - (at - low);
    matrix[i * from + high] += at - low;
  }
  return matrix;
}
