import type { Shape } from "../../core/dtype.ts";
import { forEachIndex, ndZeros } from "../nd.ts";
import { type Attrs, defineOp, type OpRecord } from "../op.ts";
import { type Spec, shapeError, stridesOf } from "../shape.ts";
import { applyOne, type Tensor } from "../tensor.ts";
import {
  lowerAveragePool,
  lowerAveragePoolInput,
  lowerMaxPool,
  lowerMaxPoolAt,
  lowerMaxPoolIndices,
  lowerMaxPoolInput,
} from "./pool-lowering.ts";

// Windows over any number of spatial axes of [N, C, ...spatial]. Averaging and its adjoint are each other's gradients. The maximum goes
// through the positions of the maxima: reading at them and adding at them are each other's gradients, and positions have none.

export interface WindowAttrs extends Attrs {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  /** Positions added before each spatial axis, then after each (ONNX order): zeros to an average, nothing to a maximum. */
  readonly pads: readonly number[];
}

export interface AveragePoolAttrs extends WindowAttrs {
  /** What the sum over a window is divided by. */
  readonly divisor: number;
}

export interface AveragePoolInputAttrs extends AveragePoolAttrs {
  /** Spatial shape of the result: strides alone do not determine it. */
  readonly spatial: readonly number[];
}

export interface MaxPoolAttrs extends WindowAttrs {
  readonly dilations: readonly number[];
}

export interface MaxPoolInputAttrs extends MaxPoolAttrs {
  readonly spatial: readonly number[];
}

type AnyWindow = WindowAttrs & { readonly dilations?: readonly number[] };

const reachOf = ({ kernel, dilations }: AnyWindow, i: number): number => (dilations?.[i] ?? 1) * (kernel[i] - 1) + 1;

/** Number of windows on each spatial axis. */
export function windowCounts(spatial: Shape, attrs: AnyWindow): number[] {
  const axes = spatial.length;
  return spatial.map((size, i) => Math.floor((size + attrs.pads[i] + attrs.pads[i + axes] - reachOf(attrs, i)) / attrs.strides[i]) + 1);
}

function checkWindows(op: string, inputs: readonly Spec[], spatial: Shape, attrs: AnyWindow): void {
  const axes = attrs.kernel.length;
  if (inputs[0].shape.length !== axes + 2 || spatial.length !== axes || inputs[0].dtype !== "float32")
    throw shapeError(op, inputs, `a float32 tensor [N, C, ...] with ${axes} spatial axes was expected`);
  if (attrs.pads.some((p, i) => p >= reachOf(attrs, i % axes)))
    throw shapeError(op, inputs, `the padding [${attrs.pads.join(",")}] must be below the window's size [${attrs.kernel.join(",")}]`);
  if (windowCounts(spatial, attrs).some((count) => count < 1))
    throw shapeError(op, inputs, `a window of [${attrs.kernel.join(",")}] is larger than the padded input`);
}

function pooledSpec(op: string, inputs: readonly Spec[], attrs: AnyWindow, dtype: Spec["dtype"] = "float32"): Spec {
  const { shape } = inputs[0];
  checkWindows(op, inputs, shape.slice(2), attrs);
  return { shape: [...shape.slice(0, 2), ...windowCounts(shape.slice(2), attrs)], dtype };
}

function unpooledSpec(op: string, inputs: readonly Spec[], attrs: AnyWindow & { spatial: readonly number[] }): Spec {
  const { shape } = inputs[0];
  checkWindows(op, inputs, attrs.spatial, attrs);
  const expected = windowCounts(attrs.spatial, attrs);
  if (expected.some((count, i) => count !== shape[i + 2]))
    throw shapeError(op, inputs, `[${attrs.spatial.join(",")}] has [${expected.join(",")}] windows, which is not this input`);
  return { shape: [...shape.slice(0, 2), ...attrs.spatial], dtype: "float32" };
}

/** Visit every (window, position inside the input) pair by flat offsets, row-major. */
function forEachPair(x: Shape, y: Shape, attrs: AnyWindow, visit: (xAt: number, yAt: number) => void): void {
  const strides = stridesOf(x);
  forEachIndex(y, (index, yAt) => {
    const base = index[0] * strides[0] + index[1] * strides[1];
    forEachIndex(attrs.kernel, (tap) => {
      let xAt = base;
      for (let i = 0; i < tap.length; i++) {
        const at = index[i + 2] * attrs.strides[i] - attrs.pads[i] + tap[i] * (attrs.dilations?.[i] ?? 1);
        if (at < 0 || at >= x[i + 2]) return;
        xAt += at * strides[i + 2];
      }
      visit(xAt, yAt);
    });
  });
}

const tiles: WindowAttrs = { kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] };
const overlapping: WindowAttrs = { kernel: [3, 2], strides: [2, 1], pads: [1, 0, 1, 1] };
const dense: WindowAttrs = { kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] };
const line: WindowAttrs = { kernel: [3], strides: [2], pads: [1, 1] };
const volume: WindowAttrs = { kernel: [2, 1, 2], strides: [2, 1, 2], pads: [0, 0, 0, 0, 0, 0] };

/** y[n, c, o] = Σ_t x[n, c, o·stride - pad + t] / divisor. */
const averagePoolOp: OpRecord<AveragePoolAttrs> = defineOp<AveragePoolAttrs>({
  name: "averagePool",
  shape: (inputs, attrs) => [pooledSpec("averagePool", inputs, attrs)],
  gradient: ({ inputs: [x], attrs, dOutputs: [dy] }) => [windowSpread(dy!, { ...attrs, spatial: x.shape.slice(2) })],
  lower: lowerAveragePool,
  evaluate: ([x], attrs, [spec]) => {
    const y = ndZeros(spec.shape);
    forEachPair(x.shape, spec.shape, attrs, (xAt, yAt) => {
      y.data[yAt] += x.data[xAt] / attrs.divisor;
    });
    return [y];
  },
  examples: [
    { inputs: [{ shape: [2, 2, 4, 4] }], attrs: { ...tiles, divisor: 4 } },
    { inputs: [{ shape: [1, 16, 4, 2] }], attrs: { ...tiles, divisor: 4 } },
    { inputs: [{ shape: [1, 16, 2, 3] }], attrs: { ...tiles, divisor: 1 } },
    { inputs: [{ shape: [2, 1, 5, 3] }], attrs: { ...overlapping, divisor: 6 } },
    { inputs: [{ shape: [1, 2, 3, 4] }], attrs: { ...dense, divisor: 9 } },
    { inputs: [{ shape: [2, 2, 6] }], attrs: { ...line, divisor: 3 } },
    { inputs: [{ shape: [1, 2, 4, 2, 5] }], attrs: { ...volume, divisor: 4 } },
  ],
});

/** The adjoint of averagePool: every window's number divided by the divisor and added to all of its positions. */
const averagePoolInputOp: OpRecord<AveragePoolInputAttrs> = defineOp<AveragePoolInputAttrs>({
  name: "averagePoolInput",
  shape: (inputs, attrs) => [unpooledSpec("averagePoolInput", inputs, attrs)],
  gradient: ({ attrs: { kernel, strides, pads, divisor }, dOutputs: [g] }) => [windowSum(g!, { kernel, strides, pads, divisor })],
  lower: lowerAveragePoolInput,
  evaluate: ([dy], attrs, [spec]) => {
    const dx = ndZeros(spec.shape);
    forEachPair(spec.shape, dy.shape, attrs, (xAt, yAt) => {
      dx.data[xAt] += dy.data[yAt] / attrs.divisor;
    });
    return [dx];
  },
  examples: [
    { inputs: [{ shape: [2, 2, 2, 2] }], attrs: { ...tiles, divisor: 4, spatial: [4, 4] } },
    { inputs: [{ shape: [2, 1, 2, 1] }], attrs: { ...tiles, divisor: 1, spatial: [4, 3] } },
    { inputs: [{ shape: [2, 1, 3, 3] }], attrs: { ...overlapping, divisor: 6, spatial: [5, 3] } },
    { inputs: [{ shape: [1, 2, 3, 4] }], attrs: { ...dense, divisor: 9, spatial: [3, 4] } },
    { inputs: [{ shape: [2, 2, 3] }], attrs: { ...line, divisor: 3, spatial: [6] } },
    { inputs: [{ shape: [1, 2, 2, 2, 2] }], attrs: { ...volume, divisor: 4, spatial: [4, 2, 5] } },
  ],
});

const withTaps = (window: WindowAttrs, ...dilations: number[]): MaxPoolAttrs => ({ ...window, dilations });
const spacedTaps: MaxPoolAttrs = { kernel: [2, 2], strides: [1, 2], pads: [0, 1, 1, 0], dilations: [2, 1] };
const maxWindows: readonly { shape: Shape; attrs: MaxPoolAttrs }[] = [
  { shape: [2, 2, 4, 5], attrs: withTaps(tiles, 1, 1) },
  { shape: [1, 2, 5, 3], attrs: withTaps(overlapping, 1, 1) },
  { shape: [1, 1, 4, 4], attrs: spacedTaps },
  { shape: [1, 1, 5, 4], attrs: { kernel: [2, 2], strides: [3, 3], pads: [0, 0, 0, 1], dilations: [1, 1] } },
  { shape: [2, 1, 6], attrs: withTaps(line, 1) },
  { shape: [1, 2, 4, 2, 5], attrs: withTaps(volume, 1, 1, 1) },
];

/** y[n, c, o] = max over t of x[n, c, o·stride - pad + t·dilation]. The first of equal maxima takes the gradient, as in PyTorch. */
const maxPoolOp: OpRecord<MaxPoolAttrs> = defineOp<MaxPoolAttrs>({
  name: "maxPool",
  shape: (inputs, attrs) => [pooledSpec("maxPool", inputs, attrs)],
  gradient: ({ inputs: [x], attrs, dOutputs: [dy] }) => [
    applyOne(maxPoolInputOp, [dy!, applyOne(maxPoolIndicesOp, [x], attrs)], { ...attrs, spatial: x.shape.slice(2) }),
  ],
  lower: lowerMaxPool,
  evaluate: ([x], attrs, [spec]) => {
    const y = ndZeros(spec.shape);
    y.data.fill(Number.NEGATIVE_INFINITY);
    forEachPair(x.shape, spec.shape, attrs, (xAt, yAt) => {
      y.data[yAt] = Math.max(y.data[yAt], x.data[xAt]);
    });
    return [y];
  },
  examples: maxWindows.map(({ shape, attrs }) => ({ inputs: [{ shape, range: [-2, 2] }], attrs })),
});

/** Where each window's first maximum is in the flat input, int64. */
const maxPoolIndicesOp: OpRecord<MaxPoolAttrs> = defineOp<MaxPoolAttrs>({
  name: "maxPoolIndices",
  shape: (inputs, attrs) => [pooledSpec("maxPoolIndices", inputs, attrs, "int64")],
  gradient: { because: "a position has no gradient" },
  lower: lowerMaxPoolIndices,
  evaluate: ([x], attrs, [spec]) => {
    const at = ndZeros(spec.shape, "int64");
    at.data.fill(-1);
    forEachPair(x.shape, spec.shape, attrs, (xAt, yAt) => {
      if (at.data[yAt] < 0 || x.data[xAt] > x.data[at.data[yAt]]) at.data[yAt] = xAt;
    });
    return [at];
  },
  examples: maxWindows.map(({ shape, attrs }) => ({ inputs: [{ shape, range: [-2, 2] }], attrs })),
});

const firstOfTiles = { shape: [1, 2, 2, 2], dtype: "int64", values: [1, 2, 8, 11, 20, 18, 29, 27] } as const;

/** The adjoint of reading at the maxima: dx[indices[o]] += dy[o], indices into the flat result. */
const maxPoolInputOp: OpRecord<MaxPoolInputAttrs> = defineOp<MaxPoolInputAttrs>({
  name: "maxPoolInput",
  shape: (inputs, attrs) => [unpooledSpec("maxPoolInput", inputs, attrs)],
  gradient: ({ inputs: [, indices], attrs, dOutputs: [g] }) => [applyOne(maxPoolAtOp, [g!, indices], attrs), null],
  lower: lowerMaxPoolInput,
  evaluate: ([dy, indices], _attrs, [spec]) => {
    const dx = ndZeros(spec.shape);
    indices.data.forEach((at, i) => {
      dx.data[at] += dy.data[i];
    });
    return [dx];
  },
  examples: [
    { inputs: [{ shape: [1, 2, 2, 2] }, firstOfTiles], attrs: { ...withTaps(tiles, 1, 1), spatial: [4, 4] } },
    {
      inputs: [{ shape: [1, 1, 3] }, { shape: [1, 1, 3], dtype: "int64", values: [1, 1, 4] }],
      attrs: { ...withTaps(line, 1), spatial: [6] },
    },
  ],
});

/** g read at flat positions: y[o] = g[indices[o]]. */
const maxPoolAtOp: OpRecord<MaxPoolInputAttrs> = defineOp<MaxPoolInputAttrs>({
  name: "maxPoolAt",
  shape: (inputs) => {
    if (inputs[1].dtype !== "int64") throw shapeError("maxPoolAt", inputs, "positions must be int64");
    return [{ shape: inputs[1].shape, dtype: "float32" }];
  },
  gradient: ({ inputs: [, indices], attrs, dOutputs: [dy] }) => [applyOne(maxPoolInputOp, [dy!, indices], attrs), null],
  lower: lowerMaxPoolAt,
  evaluate: ([g, indices], _attrs, [spec]) => [{ shape: spec.shape, dtype: "float32", data: indices.data.map((at) => g.data[at]) }],
  examples: [{ inputs: [{ shape: [1, 2, 4, 4] }, firstOfTiles], attrs: { ...withTaps(tiles, 1, 1), spatial: [4, 4] } }],
});

/** Sums over windows divided by `divisor`. [N, C, ...] -> [N, C, ...windows]. @throws ShapeError */
export function windowSum(x: Tensor, attrs: AveragePoolAttrs): Tensor {
  return applyOne(averagePoolOp, [x], attrs);
}

/** The adjoint of {@link windowSum}. [N, C, ...windows] -> [N, C, ...spatial]. @throws ShapeError */
export function windowSpread(dy: Tensor, attrs: AveragePoolInputAttrs): Tensor {
  return applyOne(averagePoolInputOp, [dy], attrs);
}

/** The largest number of each window. [N, C, ...] -> [N, C, ...windows]. @throws ShapeError */
export function windowMax(x: Tensor, attrs: MaxPoolAttrs): Tensor {
  return applyOne(maxPoolOp, [x], attrs);
}

export const poolOps = {
  averagePool: averagePoolOp,
  averagePoolInput: averagePoolInputOp,
  maxPool: maxPoolOp,
  maxPoolIndices: maxPoolIndicesOp,
  maxPoolInput: maxPoolInputOp,
  maxPoolAt: maxPoolAtOp,
};
