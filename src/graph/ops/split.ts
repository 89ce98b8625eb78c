import { forEachIndex, ndZeros } from "../nd.ts";
import { I } from "../onnx.ts";
import { type Attrs, defineOp } from "../op.ts";
import { normalizeAxis, shapeError, stridesOf } from "../shape.ts";
import { apply, type Tensor } from "../tensor.ts";
import { concat, full } from "./movement.ts";

interface SplitAttrs extends Attrs {
  readonly axis: number;
  /** Length of each part. */
  readonly sizes: readonly number[];
}

/** Parts of a tensor along one axis. dx joins what comes back; a part that nothing uses gives zeros. */
const splitOp = defineOp<SplitAttrs>({
  name: "split",
  shape: ([x], { axis, sizes }) => {
    if (sizes.length === 0 || sizes.some((n) => !Number.isInteger(n) || n < 0) || sizes.reduce((a, b) => a + b, 0) !== x.shape[axis])
      throw shapeError("split", [x], `parts of [${sizes.join(",")}] do not make up axis ${axis}`);
    return sizes.map((size) => ({ shape: x.shape.map((dim, i) => (i === axis ? size : dim)), dtype: x.dtype }));
  },
  gradient: ({ outputs, attrs, dOutputs }) => [
    concat(
      outputs.map((part, i) => dOutputs[i] ?? full(part.shape, 0)),
      attrs.axis,
    ),
  ],
  lower: ({ onnx, inputs: [x], attrs: { axis, sizes } }) => onnx.nodes("Split", [x, onnx.ints(sizes)], sizes.length, { axis: I(axis) }),
  evaluate: ([x], { axis }, specs) => {
    const strides = stridesOf(x.shape);
    let offset = 0;
    return specs.map(({ shape, dtype }) => {
      const out = ndZeros(shape, dtype);
      forEachIndex(shape, (index, flat) => {
        out.data[flat] = x.data[index.reduce((sum, at, i) => sum + (i === axis ? at + offset : at) * strides[i], 0)];
      });
      offset += shape[axis];
      return out;
    });
  },
  examples: [
    { inputs: [{ shape: [2, 6] }], attrs: { axis: 1, sizes: [1, 3, 2] } },
    { inputs: [{ shape: [4, 3] }], attrs: { axis: 0, sizes: [2, 2] } },
  ],
});

/**
 * Cut along one axis into pieces of the given lengths, or of one length (the last piece may be shorter).
 * @throws ShapeError when listed lengths do not add up to the axis
 */
export function split(x: Tensor, lengths: number | readonly number[], axis = 0): Tensor[] {
  const at = normalizeAxis(axis, x.rank, "split");
  const whole = x.shape[at];
  const bad =
    typeof lengths === "number" ? !(Number.isInteger(lengths) && lengths > 0) : lengths.some((n) => !Number.isInteger(n) || n < 0);
  if (bad) throw shapeError("split", [x], `lengths must be whole numbers above 0, got ${String(lengths)}`);
  const list =
    typeof lengths === "number"
      ? Array.from({ length: Math.ceil(whole / lengths) }, (_, i) => Math.min(lengths, whole - i * lengths))
      : lengths;
  const total = list.reduce((sum, n) => sum + n, 0);
  if (total !== whole) throw shapeError("split", [x], `lengths [${list.join(",")}] add up to ${total}, axis ${at} has ${whole}`);
  return list.length === 1 ? [x] : [...apply(splitOp, [x], { axis: at, sizes: list })];
}

/** Cut along one axis into `count` pieces of ⌈length/count⌉; there are fewer where the axis is too short (torch.chunk). @throws ShapeError */
export function chunk(x: Tensor, count: number, axis = 0): Tensor[] {
  if (!Number.isInteger(count) || count < 1) throw shapeError("chunk", [x], `a whole number of pieces above 0 was expected, got ${count}`);
  const at = normalizeAxis(axis, x.rank, "chunk");
  return split(x, Math.max(1, Math.ceil(x.shape[at] / count)), at);
}

export const splitOps = { split: splitOp };
