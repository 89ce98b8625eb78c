import { type Shape, sizeOf } from "../core/dtype.ts";
import { onnxType } from "../graph/onnx.ts";
import { broadcastShapes, type Spec } from "../graph/shape.ts";
import type { ModelProto, NodeProto } from "./onnx_pb.ts";

/** Bytes an element of ONNX's types that a graph may hold between its values. */
const bytesOf: Readonly<Record<number, number>> = { 1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 16: 2 };
const narrow: Readonly<Record<Spec["dtype"], number>> = { float32: 4, int32: 4, int64: 8, bool: 1, uint8: 1 };

interface Sized {
  readonly shape: Shape;
  readonly bytes: number;
}

type Rule = (node: NodeProto, inputs: readonly Sized[], constant: (slot: number) => number[] | undefined) => Shape | undefined;

const ints = (node: NodeProto, name: string): number[] | undefined => node.attribute.find((attr) => attr.name === name)?.ints.map(Number);
const int = (node: NodeProto, name: string): number => Number(node.attribute.find((attr) => attr.name === name)?.i ?? 0n);
const sameAsFirst: Rule = (_node, [x]) => x?.shape;

const product: Rule = (node, [a, b]) => {
  const turned = (shape: Shape, flag: string) => (int(node, flag) === 1 ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : shape);
  const [left, right] = [turned(a.shape, "transA"), turned(b.shape, "transB")];
  const batch = broadcastShapes(left.slice(0, -2), right.slice(0, -2)) ?? left.slice(0, -2);
  // A vector is a row on the left and a column on the right, and its axis is not in the result.
  const rows = left.length === 1 ? [] : [left.at(-2)!];
  const columns = right.length === 1 ? [] : [right.at(-1)!];
  return [...batch, ...rows, ...columns];
};

const convolution: Rule = (node, [x, w]) => {
  const [strides, pads, dilations, kernel] = ["strides", "pads", "dilations", "kernel_shape"].map((name) => ints(node, name) ?? []);
  const axes = kernel.length;
  const spatial = kernel.map(
    (k, i) => Math.floor((x.shape[i + 2] + pads[i] + pads[i + axes] - dilations[i] * (k - 1) - 1) / strides[i]) + 1,
  );
  return [x.shape[0], w.shape[0], ...spatial];
};

const slices: Rule = (_node, [x], constant) => {
  const [starts, ends, axes, steps] = [1, 2, 3, 4].map(constant);
  if (starts === undefined || ends === undefined) return x.shape;
  const shape = [...x.shape];
  starts.forEach((start, i) => {
    const axis = axes?.[i] ?? i;
    const step = steps?.[i] ?? 1;
    const within = (at: number) => Math.min(Math.max(at < 0 ? at + shape[axis] : at, 0), shape[axis]);
    shape[axis] = step < 0 ? shape[axis] : Math.max(0, Math.ceil((within(ends[i]) - within(start)) / step));
  });
  return shape;
};

/** Shapes of the operators that lowerings put between a graph's own values; any other has its operands' common shape. */
const rules: Readonly<Record<string, Rule>> = {
  Reshape: (_node, [x], constant) => {
    const shape = constant(1);
    if (shape === undefined) return x.shape;
    const known = shape.filter((dim) => dim >= 0).reduce((a, b) => a * b, 1);
    return shape.map((dim) => (dim < 0 ? sizeOf(x.shape) / known : dim));
  },
  Transpose: (node, [x]) => ints(node, "perm")?.map((axis) => x.shape[axis]),
  Expand: (_node, [x], constant) => constant(1) ?? x.shape,
  ConstantOfShape: (_node, _inputs, constant) => constant(0),
  Concat: (node, inputs) => {
    const rank = inputs[0].shape.length;
    const axis = (int(node, "axis") + rank) % rank;
    return inputs[0].shape.map((dim, i) => (i === axis ? inputs.reduce((total, { shape }) => total + shape[axis], 0) : dim));
  },
  Pad: (_node, [x], constant) => {
    const pads = constant(1);
    return pads && x.shape.map((dim, i) => dim + pads[i] + pads[i + x.shape.length]);
  },
  Slice: slices,
  MatMul: product,
  FusedMatMul: product,
  Gemm: product,
  Conv: convolution,
  ReduceSum: (node, [x], constant) => {
    const axes = constant(1)?.map((axis) => (axis + x.shape.length) % x.shape.length);
    return x.shape.flatMap((dim, i) => (axes === undefined || axes.includes(i) ? (int(node, "keepdims") === 1 ? [1] : []) : [dim]));
  },
  Shape: () => [8],
  ReorderInput: sameAsFirst,
  ReorderOutput: sameAsFirst,
};

/** Bytes of every value of a model by name; what `specs` knows is taken from there, the rest is worked out in the order of the nodes. */
export function valueBytes({ graph }: ModelProto, specs: ReadonlyMap<string, Spec>): Map<string, number> {
  const sized = new Map<string, Sized>();
  const contents = new Map<string, number[]>();
  for (const { name, dims, dataType, rawData } of graph!.initializer) {
    sized.set(name, { shape: dims.map(Number), bytes: bytesOf[dataType] ?? 4 });
    if (dataType !== onnxType.int64) continue;
    const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
    contents.set(
      name,
      Array.from({ length: rawData.byteLength / 8 }, (_, i) => Number(view.getBigInt64(8 * i, true))),
    );
  }
  for (const [name, { shape, dtype }] of specs) sized.set(name, { shape, bytes: narrow[dtype] });
  for (const node of graph!.node) {
    const inputs = node.input.flatMap((name) => sized.get(name) ?? []);
    for (const output of node.output) {
      if (sized.has(output)) continue;
      const shape = inputs.length === 0 ? undefined : rules[node.opType]?.(node, inputs, (slot) => contents.get(node.input[slot]));
      const common = inputs.reduce<Shape>((known, input) => broadcastShapes(known, input.shape) ?? known, []);
      sized.set(output, { shape: shape ?? common, bytes: inputs[0]?.bytes ?? 4 });
    }
  }
  return new Map([...sized].map(([name, { shape, bytes }]) => [name, sizeOf(shape) * bytes]));
}
