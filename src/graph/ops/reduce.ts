import { type Shape, sizeOf } from "../../core/dtype.ts";
import { forEachIndex, ndZeros } from "../nd.ts";
import { I } from "../onnx.ts";
import { type Attrs, defineOp, type Example, type LowerArgs, type NdArray, type OpRecord } from "../op.ts";
import { normalizeAxes, normalizeAxis, requireAxes, requireNumbers, sameShape, shapeError, stridesOf } from "../shape.ts";
import { applyOne, type Tensor } from "../tensor.ts";
import { cast, div, equal, mul } from "./elementwise.ts";
import { expand, reshape } from "./movement.ts";

export interface ReduceOptions {
  /** Keep the reduced axes with length 1. */
  keepDims?: boolean;
}

interface ReduceAttrs extends Attrs {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): number[] {
  return keepDims ? shape.map((dim, i) => (axes.includes(i) ? 1 : dim)) : shape.filter((_, i) => !axes.includes(i));
}

function evaluateReduce(
  x: NdArray,
  { axes, keepDims }: ReduceAttrs,
  start: number,
  combine: (total: number, value: number) => number,
): NdArray {
  const out = ndZeros(reducedShape(x.shape, axes, keepDims), x.dtype);
  out.data.fill(start);
  const strides = stridesOf(reducedShape(x.shape, axes, true));
  forEachIndex(x.shape, (index, flat) => {
    const target = index.reduce((offset, at, axis) => offset + (axes.includes(axis) ? 0 : at * strides[axis]), 0);
    out.data[target] = combine(out.data[target], x.data[flat]);
  });
  return out;
}

function lowerReduce(onnxOp: string): (args: LowerArgs<ReduceAttrs>) => string[] {
  return ({ onnx, inputs: [x], attrs }) => [onnx.node(onnxOp, [x, onnx.ints(attrs.axes)], { keepdims: I(attrs.keepDims ? 1 : 0) })];
}

/**
 * Sums over leading axes read the rows of a matrix one after the other, which the runtime's sum does on one thread: a row of ones times that
 * matrix is two to six times as fast.
 */
function lowerSum(args: LowerArgs<ReduceAttrs>): string[] {
  const { onnx, inputs, attrs, node } = args;
  const [{ shape, dtype }] = node.inputs;
  const leading = attrs.axes.length < shape.length && attrs.axes.every((axis, i) => axis === i);
  const columns = sizeOf(shape.slice(attrs.axes.length));
  const rows = sizeOf(shape) / columns;
  if (onnx.target === "portable" || onnx.target === "webgpu" || dtype !== "float32" || !leading || !(rows > 1) || columns < 2)
    return lowerReduce("ReduceSum")(args);
  const matrix = shape.length === 2 ? inputs[0] : onnx.node("Reshape", [inputs[0], onnx.ints([rows, columns])]);
  const total = onnx.node("MatMul", [onnx.ones(rows), matrix]);
  return [node.outputs[0].shape.length === 1 ? total : onnx.node("Reshape", [total, onnx.ints(node.outputs[0].shape)])];
}

const reduceExamples: Example<ReduceAttrs>[] = [
  { inputs: [{ shape: [2, 3, 4], range: [-2, 2] }], attrs: { axes: [0, 2], keepDims: false } },
  { inputs: [{ shape: [3, 4], range: [-2, 2] }], attrs: { axes: [1], keepDims: true } },
  { inputs: [{ shape: [5], range: [-2, 2] }], attrs: { axes: [0], keepDims: false } },
];

/** Sum over axes. */
const sumOp = defineOp<ReduceAttrs>({
  name: "sum",
  shape: ([x], { axes, keepDims }) => {
    requireNumbers("sum", [x]);
    requireAxes("sum", x, axes);
    return [{ shape: reducedShape(x.shape, axes, keepDims), dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], attrs, dOutputs: [dy] }) => [stretchBack(dy!, x.shape, attrs.axes)],
  lower: lowerSum,
  evaluate: ([x], attrs) => [evaluateReduce(x, attrs, 0, (total, value) => total + value)],
  examples: [
    ...reduceExamples,
    { inputs: [{ shape: [4, 3], range: [-2, 2] }], attrs: { axes: [0], keepDims: false } },
    { inputs: [{ shape: [2, 3, 2, 2], range: [-2, 2] }], attrs: { axes: [0, 1], keepDims: true } },
  ],
});

/** Largest value over axes; ties share the gradient evenly, as torch.amax does. */
const maxOp = extremum("max", "ReduceMax", Number.NEGATIVE_INFINITY, Math.max);
/** Smallest value over axes; ties share the gradient evenly. */
const minOp = extremum("min", "ReduceMin", Number.POSITIVE_INFINITY, Math.min);

function extremum(name: string, onnxOp: string, start: number, combine: (a: number, b: number) => number): OpRecord<ReduceAttrs> {
  return defineOp<ReduceAttrs>({
    name,
    shape: ([x], { axes, keepDims }) => {
      requireAxes(name, x, axes);
      if (axes.some((axis) => x.shape[axis] === 0)) throw shapeError(name, [x], "an empty axis has no extremum");
      return [{ shape: reducedShape(x.shape, axes, keepDims), dtype: x.dtype }];
    },
    gradient: ({ inputs: [x], outputs: [y], attrs, dOutputs: [dy] }) => {
      const kept = reducedShape(x.shape, attrs.axes, true);
      const mask = cast(equal(x, reshape(y, kept)), "float32");
      return [mul(mask, div(reshape(dy!, kept), sum(mask, attrs.axes, { keepDims: true })))];
    },
    lower: lowerReduce(onnxOp),
    evaluate: ([x], attrs) => [evaluateReduce(x, attrs, start, combine)],
    examples: reduceExamples,
  });
}

interface ArgmaxAttrs extends Attrs {
  readonly axis: number;
}

/** Index of the largest value along one axis (the first of equal ones), int64. */
const argmaxOp = defineOp<ArgmaxAttrs>({
  name: "argmax",
  shape: ([x], { axis }) => {
    requireNumbers("argmax", [x]);
    requireAxes("argmax", x, [axis]);
    return [{ shape: reducedShape(x.shape, [axis], false), dtype: "int64" }];
  },
  gradient: { because: "an index has no gradient" },
  lower: ({ onnx, inputs, attrs }) => [onnx.node("ArgMax", inputs, { axis: I(attrs.axis), keepdims: I(0) })],
  evaluate: ([x], { axis }, [spec]) => {
    const out = ndZeros(spec.shape, "int64");
    const best = new Float64Array(out.data.length).fill(Number.NEGATIVE_INFINITY);
    const strides = stridesOf(reducedShape(x.shape, [axis], true));
    forEachIndex(x.shape, (index, flat) => {
      const target = index.reduce((offset, at, i) => offset + (i === axis ? 0 : at * strides[i]), 0);
      if (x.data[flat] > best[target]) {
        best[target] = x.data[flat];
        out.data[target] = index[axis];
      }
    });
    return [out];
  },
  examples: [{ inputs: [{ shape: [3, 5], range: [-2, 2] }], attrs: { axis: 1 } }],
});

/** dy of a reduction at the shape of its input. */
function stretchBack(dy: Tensor, shape: Shape, axes: readonly number[]): Tensor {
  return expand(reshape(dy, reducedShape(shape, axes, true)), shape);
}

function reduce(op: OpRecord<ReduceAttrs>, x: Tensor, axes: readonly number[] | number | undefined, options: ReduceOptions): Tensor {
  const resolved = normalizeAxes(axes, x.rank, op.name);
  if (resolved.length === 0) return x;
  return applyOne(op, [x], { axes: resolved, keepDims: options.keepDims ?? false });
}

/** Sum over `axes` (all of them when left out). */
export const sum = (x: Tensor, axes?: readonly number[] | number, options: ReduceOptions = {}): Tensor => reduce(sumOp, x, axes, options);
export const max = (x: Tensor, axes?: readonly number[] | number, options: ReduceOptions = {}): Tensor => reduce(maxOp, x, axes, options);
/** The smallest element over axes (all of them when left out); ties share the gradient evenly. */
export const min = (x: Tensor, axes?: readonly number[] | number, options: ReduceOptions = {}): Tensor => reduce(minOp, x, axes, options);
/** Arithmetic mean over `axes`. */
export function mean(x: Tensor, axes?: readonly number[] | number, options: ReduceOptions = {}): Tensor {
  const count = normalizeAxes(axes, x.rank, "mean").reduce((product, axis) => product * x.shape[axis], 1);
  return mul(sum(x, axes, options), 1 / count);
}
/** Index of the largest value along `axis`, int64. */
export const argmax = (x: Tensor, axis: number): Tensor => applyOne(argmaxOp, [x], { axis: normalizeAxis(axis, x.rank, "argmax") });

/** Undo broadcasting: sum `x` over the axes that were stretched from `shape`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.rank - shape.length;
  const axes = x.shape.flatMap((dim, i) => (i < lead || (shape[i - lead] === 1 && dim !== 1) ? [i] : []));
  return reshape(sum(x, axes), shape);
}

export const reduceOps = { sum: sumOp, max: maxOp, min: minOp, argmax: argmaxOp };
