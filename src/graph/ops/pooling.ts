import { type Shape, sizeOf } from "../../core/dtype.ts";
import { shapeError } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { averageMatrix, mapAxis } from "./axis-matrix.ts";
import { mul } from "./elementwise.ts";
import { gather } from "./gather.ts";
import { reshape } from "./movement.ts";
import { windowMax, windowSum } from "./pool.ts";
import { max, mean } from "./reduce.ts";
import { constant } from "./source.ts";

// Pooling with PyTorch's options, over any number of spatial axes.

export interface PoolOptions {
  /** Size of the window, per spatial axis or one for all. */
  kernel: number | readonly number[];
  /** Step between windows. Default: the kernel. */
  stride?: number | readonly number[] | undefined;
  /** Border positions on both sides, one for all axes, one per axis, or begins then ends. Default 0. */
  padding?: number | readonly number[] | undefined;
  /** Let a last window start inside the input and reach over its end. Default false. */
  ceilMode?: boolean | undefined;
}

export interface MaxPoolOptions extends PoolOptions {
  /** Distance between the positions of a window. Default 1. */
  dilation?: number | readonly number[] | undefined;
}

export interface AveragePoolOptions extends PoolOptions {
  /** Count padded zeros in the mean's divisor. Default true. */
  countIncludePad?: boolean | undefined;
}

interface Windows {
  kernel: number[];
  strides: number[];
  dilations: number[];
  /** As asked for, and as needed for the last window of ceilMode. */
  padding: number[];
  pads: number[];
}

function resolve(op: string, x: Tensor, options: MaxPoolOptions): Windows {
  const spatial = x.shape.slice(2);
  const axes = spatial.length;
  if (axes === 0) throw shapeError(op, [x], "a tensor [N, C, ...] with at least one spatial axis was expected");
  const spread = (value: number | readonly number[], name: string, least: number, lengths = [axes]): number[] => {
    const list = typeof value === "number" ? new Array<number>(axes).fill(value) : [...value];
    if (!lengths.includes(list.length) || list.some((v) => !Number.isInteger(v) || v < least))
      throw shapeError(op, [x], `${name} must be one whole number of at least ${least}, or ${axes} of them; got ${String(value)}`);
    return list;
  };
  const kernel = spread(options.kernel, "kernel", 1);
  const strides = spread(options.stride ?? kernel, "stride", 1);
  const dilations = spread(options.dilation ?? 1, "dilation", 1);
  const borders = spread(options.padding ?? 0, "padding", 0, [axes, 2 * axes]);
  const padding = borders.length === axes ? [...borders, ...borders] : borders;
  const pads = options.ceilMode ? ceilPads(spatial, kernel, strides, dilations, padding) : padding;
  return { kernel, strides, dilations, padding, pads };
}

/** PyTorch's rule: as many windows as start inside the input or the border before it. */
function ceilPads(spatial: Shape, kernel: number[], strides: number[], dilations: number[], padding: number[]): number[] {
  const axes = spatial.length;
  const ends = spatial.map((size, i) => {
    const reach = dilations[i] * (kernel[i] - 1) + 1;
    const padded = size + padding[i] + padding[i + axes];
    const last = Math.ceil((padded - reach) / strides[i]);
    const steps = last * strides[i] >= size + padding[i] ? last - 1 : last;
    return Math.max(padding[i + axes], steps * strides[i] + reach - size - padding[i]);
  });
  return [...padding.slice(0, axes), ...ends];
}

/**
 * The largest number of each window: [N, C, ...] -> [N, C, ...windows]. The gradient goes to the first of equal maxima, as in PyTorch.
 * @throws ShapeError
 */
export function maxPool(x: Tensor, options: MaxPoolOptions): Tensor {
  const { kernel, strides, dilations, pads } = resolve("maxPool", x, options);
  return windowMax(x, { kernel, strides, pads, dilations });
}

/**
 * The mean of each window: [N, C, ...] -> [N, C, ...windows]. Padded zeros count as numbers unless `countIncludePad` is false; what
 * `ceilMode` reaches beyond the padding never counts.
 * @throws ShapeError
 */
export function averagePool(x: Tensor, options: AveragePoolOptions): Tensor {
  const { kernel, strides, pads, padding } = resolve("averagePool", x, options);
  const spatial = x.shape.slice(2);
  const taps = sizeOf(kernel);
  const counts = windowSizes(spatial, { kernel, strides, pads, padding }, options.countIncludePad ?? true);
  if (counts.every((count) => count === taps)) return windowSum(x, { kernel, strides, pads, divisor: taps });
  const sums = windowSum(x, { kernel, strides, pads, divisor: 1 });
  return mul(
    sums,
    constant(
      Float32Array.from(counts, (count) => 1 / count),
      "float32",
      sums.shape.slice(2),
    ),
  );
}

/** How many positions each window's mean is of, in row-major order of the windows. */
function windowSizes(spatial: Shape, windows: Omit<Windows, "dilations">, countPadding: boolean): number[] {
  const { kernel, strides, pads, padding } = windows;
  const axes = spatial.length;
  return spatial
    .map((size, i) => {
      const count = Math.floor((size + pads[i] + pads[i + axes] - kernel[i]) / strides[i]) + 1;
      const [from, to] = countPadding ? [-padding[i], size + padding[i + axes]] : [0, size];
      return Array.from({ length: Math.max(count, 0) }, (_, at) => {
        const start = at * strides[i] - padding[i];
        return Math.min(start + kernel[i], to) - Math.max(start, from);
      });
    })
    .reduce((all, sizes) => all.flatMap((outer) => sizes.map((inner) => outer * inner)), [1]);
}

/** Mean over all spatial positions: [N, C, ...] -> [N, C, 1, ...]. */
export function globalAveragePool(x: Tensor): Tensor {
  return mean(x, spatialAxes(x), { keepDims: true });
}

/** Largest number over all spatial positions: [N, C, ...] -> [N, C, 1, ...]. The gradient goes to the first of equal maxima. */
export function globalMaxPool(x: Tensor): Tensor {
  return maxPool(x, { kernel: x.shape.slice(2) });
}

function spatialAxes(x: Tensor): number[] {
  if (x.rank < 3) throw shapeError("pooling", [x], "a tensor [N, C, ...] with at least one spatial axis was expected");
  return x.shape.slice(2).map((_, i) => i + 2);
}

function adaptiveSize(op: string, x: Tensor, size: number | readonly (number | null)[]): number[] {
  const spatial = spatialAxes(x).map((axis) => x.shape[axis]);
  const list = typeof size === "number" ? spatial.map(() => size) : spatial.map((own, i) => size[i] ?? own);
  const fits = (typeof size === "number" || size.length === spatial.length) && list.every((n) => Number.isInteger(n) && n >= 1);
  if (!fits) throw shapeError(op, [x], `size must be one whole number of at least 1, or ${spatial.length} of them; got ${String(size)}`);
  return list;
}

/** The windows of an adaptive pool where they are all alike. */
function evenWindows(x: Tensor, size: readonly number[]): number[] | undefined {
  const kernel = size.map((n, i) => x.shape[i + 2] / n);
  return kernel.every(Number.isInteger) ? kernel : undefined;
}

/** From which position to below which one the i-th of n windows goes: ⌊i·length/n⌋ to ⌈(i+1)·length/n⌉. */
function adaptiveRange(i: number, n: number, length: number): [number, number] {
  return [Math.floor((i * length) / n), Math.ceil(((i + 1) * length) / n)];
}

/**
 * Means over as many windows as asked for, of nearly equal size: [N, C, ...] -> [N, C, ...size]. PyTorch's AdaptiveAvgPool.
 * @param size windows per spatial axis, or one number for all; null keeps an axis as it is
 * @throws ShapeError
 */
export function adaptiveAveragePool(x: Tensor, size: number | readonly (number | null)[]): Tensor {
  const counts = adaptiveSize("adaptiveAveragePool", x, size);
  if (counts.every((n) => n === 1)) return globalAveragePool(x);
  const kernel = evenWindows(x, counts);
  if (kernel !== undefined) return averagePool(x, { kernel });
  return counts.reduce((y, n, i) => mapAxis(y, i + 2, averageMatrix(x.shape[i + 2], n, adaptiveRange), n), x);
}

/**
 * Maxima over as many windows as asked for, of nearly equal size: [N, C, ...] -> [N, C, ...size]. PyTorch's AdaptiveMaxPool, except that
 * equal maxima share the gradient where the windows are of unequal size.
 * @throws ShapeError
 */
export function adaptiveMaxPool(x: Tensor, size: number | readonly (number | null)[]): Tensor {
  const counts = adaptiveSize("adaptiveMaxPool", x, size);
  const kernel = evenWindows(x, counts);
  if (kernel !== undefined) return maxPool(x, { kernel });
  return counts.reduce((y, n, i) => maxOfRanges(y, i + 2, n), x);
}

/** One axis: its windows laid out side by side, short ones filled up with their last position, then the maximum of each. */
function maxOfRanges(x: Tensor, axis: number, n: number): Tensor {
  const length = x.shape[axis];
  if (length === n) return x;
  const ranges = Array.from({ length: n }, (_, i) => adaptiveRange(i, n, length));
  const widest = Math.max(...ranges.map(([from, to]) => to - from));
  const positions = ranges.flatMap(([from, to]) => Array.from({ length: widest }, (_, t) => Math.min(from + t, to - 1)));
  const rows = gather(x, constant(positions, "int64"), axis);
  return max(reshape(rows, [...x.shape.slice(0, axis), n, widest, ...x.shape.slice(axis + 1)]), axis + 1);
}
