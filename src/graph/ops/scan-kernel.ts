import type { Graph } from "../graph.ts";
import { isInput } from "../graph.ts";
import type { Emitter, KernelRequest } from "../onnx.ts";
import type { GraphNode, Tensor } from "../tensor.ts";
import { scalarValue } from "./source.ts";

// A scan whose steps treat every row of a batch apart (elementwise ops, products with captured matrices, columns split and joined) as one kernel.

export interface ScanParts {
  readonly onnx: Emitter;
  readonly inputs: readonly string[];
  readonly node: GraphNode;
  readonly body: Graph;
  readonly carries: number;
  readonly slices: number;
  readonly length: number;
  readonly reverse: boolean;
}

interface Body {
  readonly rows: number;
  readonly numbers: Map<Tensor, number>;
  readonly ops: Record<string, unknown>[];
  readonly matrices: { tensor: Tensor; turned: boolean }[];
  count: number;
}

/** Names of the scan's outputs, or undefined where no kernel fits. */
export function scanByKernel(parts: ScanParts): string[] | undefined {
  const { onnx, body, carries, slices, length, reverse } = parts;
  const rows = body.inputs[0].tensor.shape[0];
  const params = body.inputs.map(({ tensor }) => tensor);
  const isRows = (t: Tensor) => t.rank === 2 && t.shape[0] === rows && t.dtype === "float32";
  if (length < 8 || !params.slice(0, carries + slices).every(isRows)) return undefined;
  const used = new Set(body.nodes.filter((node) => !isInput(node)).flatMap((node) => matrixOf(node)?.tensor ?? []));
  const captured = params.slice(carries + slices);
  const fixed = captured.filter((t) => isRows(t) && !used.has(t));
  const vectors = captured.filter((t) => !fixed.includes(t) && !used.has(t));
  if (!vectors.every((t) => t.dtype === "float32" && t.size === (t.shape[t.rank - 1] ?? 1))) return undefined;
  const order = [...params.slice(0, carries + slices), ...fixed, ...vectors];
  const state: Body = { rows, numbers: new Map(order.map((t, i) => [t, i])), ops: [], matrices: [], count: order.length };
  for (const node of body.nodes) if (!isInput(node) && !translate(node, state)) return undefined;
  const outputs = body.outputs.map(({ tensor }) => state.numbers.get(tensor));
  // A carry that becomes another one would be overwritten before it is read.
  if (
    outputs.some((value, i) => value === undefined || (i < carries && value < carries)) ||
    !body.outputs.every(({ tensor }) => isRows(tensor))
  )
    return undefined;
  const width = (t: Tensor) => t.shape[t.rank - 1] ?? 1;
  const settings: KernelRequest["settings"] = {
    rows,
    steps: length,
    reverse,
    carries: params.slice(0, carries).map(width),
    slices: [
      ...params.slice(carries, carries + slices).map((t) => ({ width: width(t), fixed: false })),
      ...fixed.map((t) => ({ width: width(t), fixed: true })),
    ],
    vectors: vectors.map(width),
    matrices: state.matrices.map(({ tensor, turned }) => (turned ? [...tensor.shape].reverse() : tensor.shape)),
    body: state.ops,
    next: outputs.slice(0, carries),
    stacks: outputs.slice(carries),
  };
  const nameOf = (t: Tensor) => parts.inputs[params.indexOf(t)];
  const request = { kernel: "recurrence", settings };
  if (!onnx.hasKernel(request)) return undefined;
  const matrices = state.matrices.map(({ tensor, turned }) => (turned ? onnx.node("Transpose", [nameOf(tensor)]) : nameOf(tensor)));
  return onnx.kernel(request, [...order.map(nameOf), ...matrices])!.slice(0, body.outputs.length);
}

/** The matrix of a product with rows on its left, [depth, width], or turned around. */
function matrixOf(node: GraphNode): { x: Tensor; tensor: Tensor; turned: boolean; bias: Tensor | undefined } | undefined {
  if (node.op.name !== "matmul" && node.op.name !== "gemm") return undefined;
  const [x, tensor, bias] = node.inputs;
  const { transA, transB, alpha = 1, scale = 1 } = node.attrs;
  if (transA === true || tensor.rank !== 2 || x.rank !== 2 || alpha !== 1 || scale !== 1 || (bias !== undefined && bias.rank !== 1))
    return undefined;
  return { x, tensor, turned: transB === true, bias };
}

/** Add a node of the body to the list of ops; false where there is no such op. */
function translate(node: GraphNode, state: Body): boolean {
  const { numbers, ops } = state;
  const define = () => {
    for (const output of node.outputs) numbers.set(output, state.count++);
    return true;
  };
  const known = (tensors: readonly Tensor[]) => tensors.map((t) => numbers.get(t));
  if (node.outputs.some((t) => t.dtype !== "float32")) return false;
  const constant = scalarValue(node.outputs[0]);
  if (constant !== undefined) {
    // One number, whatever its rank: operands of one number go with any width.
    ops.push({ op: "elementwise", width: 1, step: { op: "constant", operands: [], attrs: { value: constant } } });
    return define();
  }
  if (node.outputs.some((t) => t.rank !== 2 || t.shape[0] !== state.rows)) return false;
  const product = matrixOf(node);
  if (product !== undefined) {
    const [x, bias] = known([product.x, ...(product.bias === undefined ? [] : [product.bias])]);
    if (x === undefined || (product.bias !== undefined && bias === undefined)) return false;
    let matrix = state.matrices.findIndex((m) => m.tensor === product.tensor && m.turned === product.turned);
    if (matrix < 0) matrix = state.matrices.push({ tensor: product.tensor, turned: product.turned }) - 1;
    ops.push({ op: "product", x, matrix, ...(bias === undefined ? {} : { bias }) });
    return define();
  }
  const operands = known(node.inputs);
  if (operands.some((operand) => operand === undefined)) return false;
  const { axis } = node.attrs;
  if (node.op.name === "split" && axis === 1) {
    ops.push({ op: "split", x: operands[0], sizes: node.attrs.sizes });
    return define();
  }
  if (node.op.name === "concat" && axis === 1) {
    ops.push({ op: "concat", parts: operands });
    return define();
  }
  const width = node.outputs[0].shape[1];
  const fits = node.inputs.every((t) => (t.shape[t.rank - 1] ?? 1) === width || t.size === 1);
  if (!fits || node.outputs.length > 1) return false;
  ops.push({ op: "elementwise", width, step: { op: node.op.name, operands, attrs: { ...node.attrs } } });
  return define();
}
