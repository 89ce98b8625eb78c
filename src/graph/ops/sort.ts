import { forEachIndex, ndZeros } from "../nd.ts";
import { I } from "../onnx.ts";
import { type Attrs, defineOp } from "../op.ts";
import { normalizeAxis, shapeError, stridesOf } from "../shape.ts";
import { apply, type Tensor } from "../tensor.ts";
import { scatterElementsAdd } from "./gather.ts";

interface TopKAttrs extends Attrs {
  readonly k: number;
  readonly axis: number;
  /** The largest in descending order, else the smallest in ascending order. */
  readonly largest: boolean;
}

/** The k largest (or smallest) numbers along one axis in order, and their positions. Of equal numbers the earlier comes first. */
const topKOp = defineOp<TopKAttrs>({
  name: "topK",
  shape: ([x], { k, axis }) => {
    if (!Number.isInteger(k) || k < 0 || k > x.shape[axis])
      throw shapeError("topK", [x], `k must be a whole number from 0 to ${x.shape[axis]}, got ${k}`);
    const shape = x.shape.map((dim, i) => (i === axis ? k : dim));
    return [
      { shape, dtype: x.dtype },
      { shape, dtype: "int64" },
    ];
  },
  gradient: ({ inputs: [x], outputs: [, indices], attrs: { axis }, dOutputs: [dy] }) => [
    dy === null ? null : scatterElementsAdd(dy, indices, axis, x.shape[axis]),
  ],
  lower: ({ onnx, inputs: [x], attrs: { k, axis, largest } }) =>
    onnx.nodes("TopK", [x, onnx.ints([k])], 2, { axis: I(axis), largest: I(Number(largest)), sorted: I(1) }),
  evaluate: ([x], { k, axis, largest }, [spec]) => {
    const [values, indices] = [ndZeros(spec.shape, x.dtype), ndZeros(spec.shape, "int64")];
    const strides = stridesOf(x.shape);
    forEachIndex(spec.shape, (index, flat) => {
      if (index[axis] > 0) return;
      const start = index.reduce((offset, at, i) => offset + at * strides[i], 0);
      const at = (position: number) => x.data[start + position * strides[axis]];
      const order = Array.from({ length: x.shape[axis] }, (_, i) => i).sort((a, b) => (largest ? at(b) - at(a) : at(a) - at(b)) || a - b);
      const step = stridesOf(spec.shape)[axis];
      for (let rank = 0; rank < k; rank++) {
        values.data[flat + rank * step] = at(order[rank]);
        indices.data[flat + rank * step] = order[rank];
      }
    });
    return [values, indices];
  },
  examples: [
    { inputs: [{ shape: [3, 5], range: [-2, 2] }], attrs: { k: 2, axis: 1, largest: true } },
    { inputs: [{ shape: [4, 2, 2], range: [-2, 2] }], attrs: { k: 4, axis: 0, largest: false } },
  ],
});

export interface TopK {
  readonly values: Tensor;
  /** int64, along the axis. */
  readonly indices: Tensor;
}

/**
 * The k largest numbers along `axis`, in descending order, and where they are; the smallest in ascending order with `largest: false`.
 * The gradient flows through the values.
 * @throws ShapeError when k is more than the axis has
 */
export function topK(x: Tensor, k: number, axis = -1, { largest = true }: { largest?: boolean } = {}): TopK {
  const [values, indices] = apply(topKOp, [x], { k, axis: normalizeAxis(axis, x.rank, "topK"), largest });
  return { values, indices };
}

export interface SortOptions {
  /** Largest first. Default false. */
  descending?: boolean;
}

/** Every number along `axis` in order, and where each was. Stable: equal numbers keep their order. */
export function sort(x: Tensor, axis = -1, { descending = false }: SortOptions = {}): TopK {
  return topK(x, x.shape[normalizeAxis(axis, x.rank, "sort")], axis, { largest: descending });
}

/** The order that sorts `x` along `axis`: int64 positions. */
export function argsort(x: Tensor, axis = -1, options: SortOptions = {}): Tensor {
  return sort(x, axis, options).indices;
}

export const sortOps = { topK: topKOp };
