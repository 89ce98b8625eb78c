import { type DType, type Shape, sizeOf } from "../../core/dtype.ts";
import { forEachIndex, ndMap, ndZeros } from "../nd.ts";
import { I } from "../onnx.ts";
import { type Attrs, defineOp, type OpRecord } from "../op.ts";
import { broadcastShapes, normalizeAxis, requireAxes, sameShape, shapeError, stridesOf } from "../shape.ts";
import { applyOne, type Tensor } from "../tensor.ts";
import { sumTo } from "./reduce.ts";
import { constant } from "./source.ts";

// Ops that move elements and compute nothing.

interface ShapeAttrs extends Attrs {
  readonly shape: Shape;
}

const reshapeOp = defineOp<ShapeAttrs>({
  name: "reshape",
  shape: ([x], { shape }) => {
    if (sizeOf(shape) !== sizeOf(x.shape)) throw shapeError("reshape", [x], `${sizeOf(x.shape)} elements do not fit [${shape.join(",")}]`);
    return [{ shape, dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], dOutputs: [dy] }) => [reshape(dy!, x.shape)],
  lower: ({ onnx, inputs: [x], attrs }) => [
    onnx.node("Reshape", [x, onnx.ints(attrs.shape)], attrs.shape.includes(0) ? { allowzero: I(1) } : {}),
  ],
  evaluate: ([x], { shape }) => [{ ...x, shape }],
  examples: [{ inputs: [{ shape: [2, 6] }], attrs: { shape: [3, 4] } }],
});

/** The same elements in row-major order in another shape; one dimension may be -1 and is worked out. @throws ShapeError */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const free = shape.indexOf(-1);
  const known = shape.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  const resolved = free < 0 ? [...shape] : shape.map((dim, i) => (i === free ? x.size / known : dim));
  if (shape.filter((dim) => dim === -1).length > 1 || !resolved.every((dim) => Number.isInteger(dim) && dim >= 0)) {
    throw shapeError("reshape", [x], `${x.size} elements do not fit [${shape.join(",")}]`);
  }
  return sameShape(resolved, x.shape) ? x : applyOne(reshapeOp, [x], { shape: resolved });
}

interface TransposeAttrs extends Attrs {
  readonly permutation: readonly number[];
}

const transposeOp = defineOp<TransposeAttrs>({
  name: "transpose",
  shape: ([x], { permutation }) => {
    const sorted = [...permutation].sort((a, b) => a - b);
    if (sorted.length !== x.shape.length || sorted.some((axis, i) => axis !== i)) {
      throw shapeError("transpose", [x], `[${permutation.join(",")}] is not an order of its ${x.shape.length} axes`);
    }
    return [{ shape: permutation.map((axis) => x.shape[axis]), dtype: x.dtype }];
  },
  gradient: ({ attrs, dOutputs: [dy] }) => [transpose(dy!, inverse(attrs.permutation))],
  lower: ({ onnx, inputs, attrs }) => [onnx.node("Transpose", inputs, { perm: I(attrs.permutation) })],
  evaluate: ([x], { permutation }, [spec]) => {
    const out = ndZeros(spec.shape, x.dtype);
    const strides = stridesOf(x.shape);
    forEachIndex(spec.shape, (index, flat) => {
      out.data[flat] = x.data[index.reduce((offset, at, i) => offset + at * strides[permutation[i]], 0)];
    });
    return [out];
  },
  examples: [{ inputs: [{ shape: [2, 3, 4] }], attrs: { permutation: [2, 0, 1] } }],
});

function inverse(permutation: readonly number[]): number[] {
  const result: number[] = new Array(permutation.length);
  permutation.forEach((axis, i) => {
    result[axis] = i;
  });
  return result;
}

/** Axes in another order; reversed when `permutation` is left out. */
export function transpose(x: Tensor, permutation?: readonly number[]): Tensor {
  const order = permutation ?? x.shape.map((_, i) => x.rank - 1 - i);
  if (order.length === x.rank && order.every((axis, i) => axis === i)) return x;
  return applyOne(transposeOp, [x], { permutation: [...order] });
}

const expandOp = defineOp<ShapeAttrs>({
  name: "expand",
  shape: ([x], { shape }) => {
    const result = broadcastShapes(x.shape, shape);
    if (result === undefined || !sameShape(result, shape)) throw shapeError("expand", [x], `it does not stretch to [${shape.join(",")}]`);
    return [{ shape, dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], dOutputs: [dy] }) => [sumTo(dy!, x.shape)],
  lower: ({ onnx, inputs: [x], attrs }) => [onnx.node("Expand", [x, onnx.ints(attrs.shape)])],
  evaluate: ([x], { shape }) => [ndMap([x], shape, x.dtype, (v) => v)],
  examples: [{ inputs: [{ shape: [3, 1] }], attrs: { shape: [2, 3, 4] } }],
});

/** Stretch axes of length 1, and add leading ones. @throws ShapeError */
export function expand(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : applyOne(expandOp, [x], { shape: [...shape] });
}

/** A tensor filled with one number. */
export function full(shape: Shape, value: number, dtype: DType = "float32"): Tensor {
  return expand(constant(value, dtype), shape);
}

interface SliceAttrs extends Attrs {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

interface UnsliceAttrs extends SliceAttrs {
  /** Length of the axis in the result. */
  readonly size: number;
}

const sliceOp: OpRecord<SliceAttrs> = defineOp<SliceAttrs>({
  name: "slice",
  shape: ([x], { axis, start, end, step }) => {
    if (!(start >= 0 && end <= x.shape[axis] && start <= end && step >= 1)) {
      throw shapeError("slice", [x], `there is no range ${start}..${end} by ${step} on axis ${axis}`);
    }
    return [{ shape: x.shape.map((dim, i) => (i === axis ? Math.ceil((end - start) / step) : dim)), dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], attrs, dOutputs: [dy] }) => [applyOne(unsliceOp, [dy!], { ...attrs, size: x.shape[attrs.axis] })],
  lower: ({ onnx, inputs: [x], attrs: { axis, start, end, step } }) => [
    onnx.node("Slice", [x, onnx.ints([start]), onnx.ints([end]), onnx.ints([axis]), onnx.ints([step])]),
  ],
  evaluate: ([x], { axis, start, step }, [spec]) => {
    const out = ndZeros(spec.shape, x.dtype);
    const strides = stridesOf(x.shape);
    forEachIndex(spec.shape, (index, flat) => {
      out.data[flat] = x.data[index.reduce((offset, at, i) => offset + (i === axis ? start + at * step : at) * strides[i], 0)];
    });
    return [out];
  },
  examples: [
    { inputs: [{ shape: [2, 7] }], attrs: { axis: 1, start: 1, end: 6, step: 2 } },
    { inputs: [{ shape: [4, 3] }], attrs: { axis: 0, start: 1, end: 3, step: 1 } },
  ],
});

/** Put a slice back into zeros: the transpose of slice, and closed with it under differentiation. */
const unsliceOp: OpRecord<UnsliceAttrs> = defineOp<UnsliceAttrs>({
  name: "unslice",
  shape: ([x], { axis, size }) => {
    requireAxes("unslice", x, [axis]);
    return [{ shape: x.shape.map((dim, i) => (i === axis ? size : dim)), dtype: x.dtype }];
  },
  gradient: ({ attrs: { axis, start, end, step }, dOutputs: [dy] }) => [applyOne(sliceOp, [dy!], { axis, start, end, step })],
  lower: ({ onnx, inputs: [x], attrs: { axis, start, step, size }, node }) => {
    const shape = node.inputs[0].shape;
    const rank = shape.length;
    const count = shape[axis];
    // Zeros between the elements: a new inner axis of length `step` whose first entry is the element, joined with the outer one.
    let spread = x;
    if (step > 1) {
      const unsqueezed = onnx.node("Reshape", [x, onnx.ints([...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)])]);
      const padded = onnx.pad(unsqueezed, rank + 1, axis + 1, 0, step - 1);
      spread = onnx.node("Reshape", [padded, onnx.ints([...shape.slice(0, axis), count * step, ...shape.slice(axis + 1)])]);
    }
    const extra = size - start - count * step;
    const cut =
      extra < 0 ? onnx.node("Slice", [spread, onnx.ints([0]), onnx.ints([size - start]), onnx.ints([axis]), onnx.ints([1])]) : spread;
    return [onnx.pad(cut, rank, axis, start, Math.max(extra, 0))];
  },
  evaluate: ([x], { axis, start, step }, [spec]) => {
    const out = ndZeros(spec.shape, x.dtype);
    const strides = stridesOf(spec.shape);
    forEachIndex(x.shape, (index, flat) => {
      out.data[index.reduce((offset, at, i) => offset + (i === axis ? start + at * step : at) * strides[i], 0)] = x.data[flat];
    });
    return [out];
  },
  examples: [
    { inputs: [{ shape: [2, 3] }], attrs: { axis: 1, start: 1, end: 6, step: 2, size: 7 } },
    { inputs: [{ shape: [2, 3] }], attrs: { axis: 1, start: 1, end: 6, step: 2, size: 6 } },
    { inputs: [{ shape: [2, 3] }], attrs: { axis: 0, start: 1, end: 3, step: 1, size: 5 } },
  ],
});

/** Elements start, start + step, ... below `end` of one axis; negative positions count from the end. @throws ShapeError */
export function slice(x: Tensor, axis: number, start: number, end: number, step = 1): Tensor {
  const at = normalizeAxis(axis, x.rank, "slice");
  const length = x.shape[at];
  const from = start < 0 ? start + length : start;
  const to = Math.min(end < 0 ? end + length : end, length);
  if (from === 0 && to === length && step === 1) return x;
  return applyOne(sliceOp, [x], { axis: at, start: from, end: to, step });
}

interface FlipAttrs extends Attrs {
  readonly axes: readonly number[];
}

const flipOp = defineOp<FlipAttrs>({
  name: "flip",
  shape: ([x], { axes }) => {
    requireAxes("flip", x, axes);
    return [x];
  },
  gradient: ({ attrs, dOutputs: [dy] }) => [flip(dy!, attrs.axes)],
  lower: ({ onnx, inputs: [x], attrs: { axes } }) => [onnx.flip(x, axes)],
  evaluate: ([x], { axes }) => {
    const out = ndZeros(x.shape, x.dtype);
    const strides = stridesOf(x.shape);
    forEachIndex(x.shape, (index, flat) => {
      out.data[flat] = x.data[index.reduce((offset, at, i) => offset + (axes.includes(i) ? x.shape[i] - 1 - at : at) * strides[i], 0)];
    });
    return [out];
  },
  examples: [{ inputs: [{ shape: [2, 3, 4] }], attrs: { axes: [0, 2] } }],
});

/** The same elements backwards along `axes`. */
export function flip(x: Tensor, axes: readonly number[] | number): Tensor {
  const list = (typeof axes === "number" ? [axes] : axes).map((axis) => normalizeAxis(axis, x.rank, "flip"));
  return applyOne(flipOp, [x], { axes: list });
}

interface PadAttrs extends Attrs {
  readonly begins: readonly number[];
  readonly ends: readonly number[];
  readonly value: number;
}

const padOp = defineOp<PadAttrs>({
  name: "pad",
  shape: ([x], { begins, ends }) => {
    if (
      begins.length !== x.shape.length ||
      ends.length !== x.shape.length ||
      [...begins, ...ends].some((n) => n < 0 || !Number.isInteger(n))
    ) {
      throw shapeError(
        "pad",
        [x],
        `pads [${begins.join(",")}] and [${ends.join(",")}] do not fit: one whole number of at least 0 per axis`,
      );
    }
    return [{ shape: x.shape.map((dim, i) => dim + begins[i] + ends[i]), dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], attrs, dOutputs: [dy] }) => [
    x.shape.reduce((result, dim, axis) => slice(result, axis, attrs.begins[axis], attrs.begins[axis] + dim), dy!),
  ],
  lower: ({ onnx, inputs: [x], attrs, node }) => [
    onnx.node("Pad", [x, onnx.ints([...attrs.begins, ...attrs.ends]), onnx.scalar(attrs.value, node.inputs[0].dtype)]),
  ],
  evaluate: ([x], { begins, value }, [spec]) => {
    const out = ndZeros(spec.shape, x.dtype);
    out.data.fill(value);
    const strides = stridesOf(spec.shape);
    forEachIndex(x.shape, (index, flat) => {
      out.data[index.reduce((offset, at, i) => offset + (at + begins[i]) * strides[i], 0)] = x.data[flat];
    });
    return [out];
  },
  examples: [{ inputs: [{ shape: [2, 3] }], attrs: { begins: [0, 1], ends: [2, 1], value: 0.5 } }],
});

/** Add constant borders: `begins[i]` before and `ends[i]` after axis i. */
export function pad(x: Tensor, begins: readonly number[], ends: readonly number[], value = 0): Tensor {
  return applyOne(padOp, [x], { begins: [...begins], ends: [...ends], value });
}

interface ConcatAttrs extends Attrs {
  readonly axis: number;
}

const concatOp = defineOp<ConcatAttrs>({
  name: "concat",
  shape: (inputs, { axis }) => {
    const [first] = inputs;
    if (inputs.some((x) => x.dtype !== first.dtype))
      throw shapeError("concat", inputs, "the tensors have different dtypes", "convert some of them with cast()");
    const fits = inputs.every(
      (x) => x.shape.length === first.shape.length && x.shape.every((dim, i) => i === axis || dim === first.shape[i]),
    );
    if (!fits) throw shapeError("concat", inputs, `the tensors differ in more than axis ${axis}`);
    const length = inputs.reduce((total, x) => total + x.shape[axis], 0);
    return [{ shape: first.shape.map((dim, i) => (i === axis ? length : dim)), dtype: first.dtype }];
  },
  gradient: ({ inputs, attrs: { axis }, dOutputs: [dy] }) => {
    let offset = 0;
    return inputs.map((x) => {
      const part = slice(dy!, axis, offset, offset + x.shape[axis]);
      offset += x.shape[axis];
      return part;
    });
  },
  lower: ({ onnx, inputs, attrs }) => [onnx.node("Concat", inputs, { axis: I(attrs.axis) })],
  evaluate: (inputs, { axis }, [spec]) => {
    const out = ndZeros(spec.shape, spec.dtype);
    const strides = stridesOf(spec.shape);
    let offset = 0;
    for (const x of inputs) {
      forEachIndex(x.shape, (index, flat) => {
        out.data[index.reduce((sum, at, i) => sum + (i === axis ? at + offset : at) * strides[i], 0)] = x.data[flat];
      });
      offset += x.shape[axis];
    }
    return [out];
  },
  examples: [{ inputs: [{ shape: [2, 3] }, { shape: [2, 1] }, { shape: [2, 2] }], attrs: { axis: 1 } }],
});

/** Join tensors along one axis. @throws ShapeError */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  if (tensors.length === 0) throw shapeError("concat", [], "at least one tensor is needed");
  if (tensors.length === 1) return tensors[0];
  return applyOne(concatOp, tensors, { axis: normalizeAxis(axis, tensors[0].rank, "concat") });
}

export const movementOps = {
  reshape: reshapeOp,
  transpose: transposeOp,
  expand: expandOp,
  slice: sliceOp,
  unslice: unsliceOp,
  flip: flipOp,
  pad: padOp,
  concat: concatOp,
};
