import { type Shape, sizeOf } from "../../core/dtype.ts";
import { forEachIndex, ndZeros } from "../nd.ts";
import { type Emitter, I, S } from "../onnx.ts";
import { type Attrs, defineOp, type OpRecord } from "../op.ts";
import { normalizeAxis, requireAxes, requireFloats, requireNumbers, type Spec, shapeError, stridesOf } from "../shape.ts";
import { applyOne, type GraphNode, type Tensor } from "../tensor.ts";
import { narrowIndices, oneHotByComparison } from "./webgpu-lowering.ts";

// Reading and adding at integer positions. Each read op has an adding op as its gradient and the other way round, so both are closed
// under differentiation. Indices out of range are refused by the runtime when it runs.

interface AxisAttrs extends Attrs {
  readonly axis: number;
}

interface SizedAttrs extends AxisAttrs {
  /** Length of the indexed axis of the table. */
  readonly size: number;
}

function requireIndices(op: string, inputs: readonly Spec[], indices: Spec): void {
  if (indices.dtype !== "int32" && indices.dtype !== "int64")
    throw shapeError(op, inputs, "indices must be int32 or int64", 'convert them first: indices.cast("int32")');
}

/** Split a gathered shape around the indexed axis: [outer, indices, inner]. */
function blocks(shape: Shape, axis: number, indexRank: number): [number, number, number] {
  return [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis, axis + indexRank)), sizeOf(shape.slice(axis + indexRank))];
}

/** Whole slices of `x` at `indices` along one axis: shape[:axis] + indices.shape + shape[axis+1:]. An embedding look-up. */
const gatherOp: OpRecord<AxisAttrs> = defineOp<AxisAttrs>({
  name: "gather",
  shape: (inputs, { axis }) => {
    const [x, indices] = inputs;
    requireIndices("gather", inputs, indices);
    return [{ shape: [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)], dtype: x.dtype }];
  },
  gradient: ({ inputs: [x, indices], attrs: { axis }, dOutputs: [dy] }) => [scatterAdd(dy!, indices, axis, x.shape[axis]), null],
  lower: ({ onnx, inputs, attrs }) => [onnx.node("Gather", inputs, { axis: I(attrs.axis) })],
  evaluate: ([x, indices], { axis }, [spec]) => {
    const out = ndZeros(spec.shape, x.dtype);
    const [outer, count, inner] = blocks(spec.shape, axis, indices.shape.length);
    const size = x.shape[axis];
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < count; i++) {
        for (let j = 0; j < inner; j++)
          out.data[(o * count + i) * inner + j] = x.data[(o * size + wrap(indices.data[i], size)) * inner + j];
      }
    }
    return [out];
  },
  examples: [
    { inputs: [{ shape: [4, 3] }, { shape: [2, 2], dtype: "int64", values: [0, 3, 3, 1] }], attrs: { axis: 0 } },
    { inputs: [{ shape: [2, 4, 3] }, { shape: [3], dtype: "int32", values: [1, 1, 0] }], attrs: { axis: 1 } },
  ],
});

/**
 * Add slices of `updates` into zeros at `indices`: the gradient of gather. Duplicate indices add up.
 * ScatterElements is used, because ScatterND with addition loses updates for duplicates on several threads.
 */
const scatterAddOp: OpRecord<SizedAttrs> = defineOp<SizedAttrs>({
  name: "scatterAdd",
  shape: (inputs, { axis, size }) => {
    const [updates, indices] = inputs;
    requireIndices("scatterAdd", inputs, indices);
    requireFloats("scatterAdd", [updates]);
    return [{ shape: [...updates.shape.slice(0, axis), size, ...updates.shape.slice(axis + indices.shape.length)], dtype: updates.dtype }];
  },
  gradient: ({ inputs: [, indices], attrs: { axis }, dOutputs: [dy] }) => [gather(dy!, indices, axis), null],
  lower: ({ onnx, inputs: [updates, indices], attrs: { axis, size }, node }) => {
    const [outer, count, inner] = blocks(node.inputs[0].shape, axis, node.inputs[1].shape.length);
    if (outer === 1 && onnx.target !== "webgpu") return [scatterRows(onnx, updates, indices, { node, count, size, inner })];
    const flat = onnx.node("Reshape", [updates, onnx.ints([outer, count, inner])]);
    const positions = narrowIndices(onnx, indices, node.inputs[1].dtype);
    const column = onnx.node("Reshape", [positions, onnx.ints([1, count, 1])]);
    const everywhere = onnx.node("Expand", [column, onnx.ints([outer, count, inner])]);
    const zeros = onnx.zeros([outer, size, inner]);
    const added = onnx.node("ScatterElements", [zeros, everywhere, flat], { axis: I(1), reduction: S("add") });
    return [onnx.node("Reshape", [added, onnx.ints(node.outputs[0].shape)])];
  },
  evaluate: ([updates, indices], { axis, size }, [spec]) => {
    const out = ndZeros(spec.shape, updates.dtype);
    const [outer, count, inner] = blocks(updates.shape, axis, indices.shape.length);
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < count; i++) {
        for (let j = 0; j < inner; j++)
          out.data[(o * size + wrap(indices.data[i], size)) * inner + j] += updates.data[(o * count + i) * inner + j];
      }
    }
    return [out];
  },
  examples: [
    { inputs: [{ shape: [2, 2, 3] }, { shape: [2, 2], dtype: "int64", values: [0, 3, 3, 1] }], attrs: { axis: 0, size: 4 } },
    { inputs: [{ shape: [2, 3, 3] }, { shape: [3], dtype: "int32", values: [1, 1, 0] }], attrs: { axis: 1, size: 4 } },
    { inputs: [{ shape: [3, 2] }, { shape: [3], dtype: "int32", values: [1, 1, 0] }], attrs: { axis: 0, size: 3 } },
  ],
});

/** Rows added in a flat vector, each element at row · inner + column: the kernel's walk over one axis takes half the time of that over two. */
function scatterRows(
  onnx: Emitter,
  updates: string,
  indices: string,
  { node, count, size, inner }: { node: GraphNode; count: number; size: number; inner: number },
): string {
  const { dtype } = node.inputs[1];
  const rows = onnx.node("Mul", [onnx.node("Reshape", [indices, onnx.ints([count, 1])]), onnx.scalar(inner, dtype)]);
  const columns =
    dtype === "int64"
      ? onnx.ints(Array.from({ length: inner }, (_, i) => i))
      : onnx.constant(
          "int32",
          [inner],
          Int32Array.from({ length: inner }, (_, i) => i),
        );
  const at = onnx.node("Reshape", [onnx.node("Add", [rows, columns]), onnx.ints([count * inner])]);
  const flat = onnx.node("Reshape", [updates, onnx.ints([count * inner])]);
  const added = onnx.node("ScatterElements", [onnx.zeros([size * inner]), at, flat], { axis: I(0), reduction: S("add") });
  return onnx.node("Reshape", [added, onnx.ints(node.outputs[0].shape)]);
}

/** One element per position along one axis (torch.gather): out[i][j] = x[i][indices[i][j]] for axis 1. */
const gatherElementsOp: OpRecord<AxisAttrs> = defineOp<AxisAttrs>({
  name: "gatherElements",
  shape: (inputs, { axis }) => {
    const [x, indices] = inputs;
    requireIndices("gatherElements", inputs, indices);
    const fits = x.shape.length === indices.shape.length && x.shape.every((dim, i) => i === axis || dim === indices.shape[i]);
    if (!fits) throw shapeError("gatherElements", inputs, `the indices must have the tensor's shape except on axis ${axis}`);
    return [{ shape: indices.shape, dtype: x.dtype }];
  },
  gradient: ({ inputs: [x, indices], attrs: { axis }, dOutputs: [dy] }) => [
    applyOne(scatterElementsAddOp, [dy!, indices], { axis, size: x.shape[axis] }),
    null,
  ],
  lower: ({ onnx, inputs, attrs }) => [onnx.node("GatherElements", inputs, { axis: I(attrs.axis) })],
  evaluate: ([x, indices], { axis }, [spec]) => {
    const out = ndZeros(spec.shape, x.dtype);
    const strides = stridesOf(x.shape);
    forEachIndex(spec.shape, (index, flat) => {
      out.data[flat] = x.data[offsetAt(index, strides, axis, wrap(indices.data[flat], x.shape[axis]))];
    });
    return [out];
  },
  examples: [{ inputs: [{ shape: [3, 5] }, { shape: [3, 2], dtype: "int64", values: [0, 4, 1, 1, 3, 2] }], attrs: { axis: 1 } }],
});

/** Add one element per position into zeros: the gradient of gatherElements. */
const scatterElementsAddOp: OpRecord<SizedAttrs> = defineOp<SizedAttrs>({
  name: "scatterElementsAdd",
  shape: (inputs, { axis, size }) => {
    requireIndices("scatterElementsAdd", inputs, inputs[1]);
    requireFloats("scatterElementsAdd", [inputs[0]]);
    return [{ shape: inputs[0].shape.map((dim, i) => (i === axis ? size : dim)), dtype: inputs[0].dtype }];
  },
  gradient: ({ inputs: [, indices], attrs: { axis }, dOutputs: [dy] }) => [applyOne(gatherElementsOp, [dy!, indices], { axis }), null],
  lower: ({ onnx, inputs: [updates, indices], attrs, node }) => [
    onnx.node("ScatterElements", [onnx.zeros(node.outputs[0].shape), indices, updates], { axis: I(attrs.axis), reduction: S("add") }),
  ],
  evaluate: ([updates, indices], { axis, size }, [spec]) => {
    const out = ndZeros(spec.shape, updates.dtype);
    const strides = stridesOf(spec.shape);
    forEachIndex(updates.shape, (index, flat) => {
      out.data[offsetAt(index, strides, axis, wrap(indices.data[flat], size))] += updates.data[flat];
    });
    return [out];
  },
  examples: [{ inputs: [{ shape: [3, 2] }, { shape: [3, 2], dtype: "int64", values: [0, 4, 1, 1, 3, 2] }], attrs: { axis: 1, size: 5 } }],
});

interface OneHotAttrs extends Attrs {
  readonly depth: number;
}

/** Integers [...] to float32 rows [..., depth] that are 1 at the integer's position. */
const oneHotOp = defineOp<OneHotAttrs>({
  name: "oneHot",
  shape: (inputs, { depth }) => {
    requireIndices("oneHot", inputs, inputs[0]);
    if (inputs[0].shape.length === 0) throw shapeError("oneHot", inputs, "at least one axis was expected", "reshape a scalar to [1]");
    return [{ shape: [...inputs[0].shape, depth], dtype: "float32" }];
  },
  gradient: { because: "indices have no gradient" },
  // The kernel wants the depth in the indices' own type.
  lower: ({ onnx, inputs: [indices], attrs, node }) => {
    if (onnx.target === "webgpu") return [oneHotByComparison(onnx, indices, attrs.depth)];
    const depth = onnx.scalar(attrs.depth, node.inputs[0].dtype);
    return [onnx.node("OneHot", [indices, depth, onnx.constant("float32", [2], new Float32Array([0, 1]))], { axis: I(-1) })];
  },
  evaluate: ([indices], { depth }, [spec]) => {
    const out = ndZeros(spec.shape);
    indices.data.forEach((at, i) => {
      if (at >= 0 && at < depth) out.data[i * depth + at] = 1;
    });
    return [out];
  },
  examples: [
    { inputs: [{ shape: [3], dtype: "int64", values: [2, 0, 1] }], attrs: { depth: 4 } },
    { inputs: [{ shape: [2, 2], dtype: "int32", values: [2, 0, 1, 2] }], attrs: { depth: 3 } },
  ],
});

interface CumsumAttrs extends Attrs {
  readonly axis: number;
  readonly reverse: boolean;
}

/** Running sum along one axis. */
const cumsumOp: OpRecord<CumsumAttrs> = defineOp<CumsumAttrs>({
  name: "cumsum",
  shape: ([x], { axis }) => {
    requireNumbers("cumsum", [x]);
    requireAxes("cumsum", x, [axis]);
    return [x];
  },
  gradient: ({ attrs: { axis, reverse }, dOutputs: [dy] }) => [applyOne(cumsumOp, [dy!], { axis, reverse: !reverse })],
  lower: ({ onnx, inputs: [x], attrs: { axis, reverse } }) => [
    onnx.node("CumSum", [x, onnx.constant("int64", [], new BigInt64Array([BigInt(axis)]))], { reverse: I(Number(reverse)) }),
  ],
  evaluate: ([x], { axis, reverse }) => {
    const out = ndZeros(x.shape, x.dtype);
    const [outer, length, inner] = blocks(x.shape, axis, 1);
    for (let o = 0; o < outer; o++) {
      for (let j = 0; j < inner; j++) {
        let total = 0;
        for (let step = 0; step < length; step++) {
          const at = (o * length + (reverse ? length - 1 - step : step)) * inner + j;
          total += x.data[at];
          out.data[at] = total;
        }
      }
    }
    return [out];
  },
  examples: [
    { inputs: [{ shape: [2, 4] }], attrs: { axis: 1, reverse: false } },
    { inputs: [{ shape: [3, 2] }], attrs: { axis: 0, reverse: true } },
  ],
});

function wrap(index: number, size: number): number {
  return index < 0 ? index + size : index;
}

function offsetAt(index: readonly number[], strides: readonly number[], axis: number, at: number): number {
  return index.reduce((offset, position, i) => offset + (i === axis ? at : position) * strides[i], 0);
}

/** Slices of `x` at integer `indices` along `axis`: shape[:axis] + indices.shape + shape[axis+1:]. */
export function gather(x: Tensor, indices: Tensor, axis = 0): Tensor {
  return applyOne(gatherOp, [x, indices], { axis: normalizeAxis(axis, x.rank, "gather") });
}

/** Add slices of `updates` into zeros of length `size` along `axis`; duplicates add up. */
export function scatterAdd(updates: Tensor, indices: Tensor, axis: number, size: number): Tensor {
  return applyOne(scatterAddOp, [updates, indices], { axis, size });
}

/** One element per position along `axis` (torch.gather). */
export function gatherElements(x: Tensor, indices: Tensor, axis = -1): Tensor {
  return applyOne(gatherElementsOp, [x, indices], { axis: normalizeAxis(axis, x.rank, "gatherElements") });
}

/** Add single elements into zeros of length `size` along `axis` (torch's scatter_add): the adjoint of {@link gatherElements}. */
export function scatterElementsAdd(updates: Tensor, indices: Tensor, axis: number, size: number): Tensor {
  return applyOne(scatterElementsAddOp, [updates, indices], { axis: normalizeAxis(axis, updates.rank, "scatterElementsAdd"), size });
}

/** Integers [...] to float32 [..., depth]. */
export function oneHot(indices: Tensor, depth: number): Tensor {
  return applyOne(oneHotOp, [indices], { depth });
}

/** Running sum along `axis`; from the end with `reverse`. */
export function cumsum(x: Tensor, axis = -1, reverse = false): Tensor {
  return applyOne(cumsumOp, [x], { axis: normalizeAxis(axis, x.rank, "cumsum"), reverse });
}

export const gatherOps = {
  gather: gatherOp,
  scatterAdd: scatterAddOp,
  gatherElements: gatherElementsOp,
  scatterElementsAdd: scatterElementsAddOp,
  oneHot: oneHotOp,
  cumsum: cumsumOp,
};
