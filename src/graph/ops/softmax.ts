import { ndZeros } from "../nd.ts";
import { I } from "../onnx.ts";
import { type Attrs, defineOp, type Example, type NdArray } from "../op.ts";
import { normalizeAxis, type Spec, shapeError } from "../shape.ts";
import { applyOne, type Tensor } from "../tensor.ts";
import { exp, mul, sub } from "./elementwise.ts";
import { transpose } from "./movement.ts";
import { sum } from "./reduce.ts";

// Softmax and its logarithm over the last axis, the layout the kernels are fast in; other axes are moved there first.

const examples: Example<Attrs>[] = [
  { inputs: [{ shape: [3, 5], range: [-3, 3] }], attrs: {} },
  { inputs: [{ shape: [2, 2, 4], range: [-3, 3] }], attrs: {} },
];

function checked(name: string, x: Spec): Spec {
  if (x.shape.length === 0 || x.dtype !== "float32") throw shapeError(name, [x], "a float32 tensor with at least one axis was expected");
  return x;
}

function rows(x: NdArray, f: (row: Float64Array) => Float64Array): NdArray {
  const out = ndZeros(x.shape);
  const width = x.shape[x.shape.length - 1];
  for (let at = 0; at < x.data.length; at += width) out.data.set(f(x.data.subarray(at, at + width)), at);
  return out;
}

function logSoftmaxRow(row: Float64Array): Float64Array {
  const top = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const logTotal = Math.log(row.reduce((total, v) => total + Math.exp(v - top), 0));
  return row.map((v) => v - top - logTotal);
}

/** y_i = exp(x_i) / sum exp(x). dx = y (dy - sum(dy y)). */
const softmaxOp = defineOp<Attrs>({
  name: "softmax",
  shape: ([x]) => [checked("softmax", x)],
  gradient: ({ outputs: [y], dOutputs: [dy] }) => {
    const weighted = mul(dy!, y);
    return [sub(weighted, mul(y, sum(weighted, -1, { keepDims: true })))];
  },
  lower: ({ onnx, inputs }) => [onnx.node("Softmax", inputs, { axis: I(-1) })],
  evaluate: ([x]) => [rows(x, (row) => logSoftmaxRow(row).map(Math.exp))],
  examples,
});

/** y_i = x_i - log sum exp(x). dx = dy - exp(y) sum(dy). */
const logSoftmaxOp = defineOp<Attrs>({
  name: "logSoftmax",
  shape: ([x]) => [checked("logSoftmax", x)],
  gradient: ({ outputs: [y], dOutputs: [dy] }) => [sub(dy!, mul(exp(y), sum(dy!, -1, { keepDims: true })))],
  lower: ({ onnx, inputs }) => [onnx.node("LogSoftmax", inputs, { axis: I(-1) })],
  evaluate: ([x]) => [rows(x, logSoftmaxRow)],
  examples,
});

/** exp(x) / sum exp(x) along `axis`. */
export const softmax = (x: Tensor, axis = -1): Tensor => alongLast(x, axis, (t) => applyOne(softmaxOp, [t], {}));
/** x - log sum exp(x) along `axis`. */
export const logSoftmax = (x: Tensor, axis = -1): Tensor => alongLast(x, axis, (t) => applyOne(logSoftmaxOp, [t], {}));

function alongLast(x: Tensor, axis: number, f: (t: Tensor) => Tensor): Tensor {
  const at = normalizeAxis(axis, x.rank, "softmax");
  const last = x.rank - 1;
  if (at === last) return f(x);
  const swap = x.shape.map((_, i) => (i === at ? last : i === last ? at : i));
  return transpose(f(transpose(x, swap)), swap);
}

export const softmaxOps = { softmax: softmaxOp, logSoftmax: logSoftmaxOp };
