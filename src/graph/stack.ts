import type { OpRecord } from "./op.ts";
import { elementwiseOps } from "./ops/elementwise.ts";
import { matmul } from "./ops/linalg.ts";
import { expand, reshape } from "./ops/movement.ts";
import { apply, applyOne, type GraphNode, type Tensor } from "./tensor.ts";

// What a node of a loop's body computes for all steps at once, from operands with the steps as a new first axis. Ops that are not listed
// here stay inside the loop.

/** An operand for all steps: stacked along a new first axis, or the same tensor at every step. */
export interface Operand {
  readonly tensor: Tensor;
  readonly stacked: boolean;
}

type Rule = (node: GraphNode, operands: readonly Operand[], steps: number) => readonly Tensor[];

const attr = <T>(node: GraphNode, name: string): T => node.attrs[name] as T;
const record = (node: GraphNode): OpRecord => node.op;

/** Stacked operands get axes of length 1 after the steps, so that broadcasting aligns them at the element's rank. */
function aligned({ tensor, stacked }: Operand, rank: number): Tensor {
  const missing = rank - (tensor.rank - 1);
  if (!stacked || missing === 0) return tensor;
  return reshape(tensor, [tensor.shape[0], ...new Array<number>(missing).fill(1), ...tensor.shape.slice(1)]);
}

/** An operand as a stack, whatever it was. */
function asStack({ tensor, stacked }: Operand, steps: number): Tensor {
  return stacked ? tensor : expand(tensor, [steps, ...tensor.shape]);
}

const broadcasting: Rule = (node, operands) => {
  const rank = node.outputs[0].rank;
  return apply(
    record(node),
    operands.map((operand) => aligned(operand, rank)),
    node.attrs,
  );
};

/** One operand and attributes that count axes. */
const moved =
  (shift: (node: GraphNode, steps: number) => Record<string, unknown>): Rule =>
  (node, operands, steps) =>
    apply(
      record(node),
      operands.map((operand) => asStack(operand, steps)),
      { ...node.attrs, ...shift(node, steps) } as GraphNode["attrs"],
    );

const axis = moved((node) => ({ axis: attr<number>(node, "axis") + 1 }));
const axes = moved((node) => ({ axes: attr<number[]>(node, "axes").map((i) => i + 1) }));
const unchanged = moved(() => ({}));

const product: Rule = (node, [a, b]) => {
  const rank = Math.max(node.inputs[0].rank, node.inputs[1].rank);
  const options = { transA: attr<boolean>(node, "transA"), transB: attr<boolean>(node, "transB") };
  return [matmul(aligned(a, a.stacked && !b.stacked && b.tensor.rank === 2 ? a.tensor.rank - 1 : rank), aligned(b, rank), options)];
};

const productAndBias: Rule = (node, operands, steps) => {
  const [a, b, c] = operands;
  const [m, n] = node.outputs[0].shape;
  if (a.stacked && !b.stacked && !c.stacked && !attr<boolean>(node, "transA")) {
    const rows = reshape(a.tensor, [steps * m, -1]);
    return [reshape(applyOne(record(node), [rows, b.tensor, c.tensor], node.attrs), [steps, m, n])];
  }
  const bias = c.stacked ? reshape(c.tensor, [steps, 1, n]) : c.tensor;
  return [product(node, operands, steps)[0].add(bias)];
};

/** Of a table that stays, at other indices each step, or at the same indices of another table. */
const look: Rule = (node, [x, indices]) =>
  apply(record(node), [x.tensor, indices.tensor], x.stacked ? { axis: attr<number>(node, "axis") + 1 } : node.attrs);

const rules: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(Object.keys(elementwiseOps).map((name) => [name, broadcasting])),
  clip: unchanged,
  stopGradient: unchanged,
  oneHot: unchanged,
  softmax: unchanged,
  logSoftmax: unchanged,
  sum: axes,
  max: axes,
  min: axes,
  flip: axes,
  concat: axis,
  split: axis,
  slice: axis,
  unslice: axis,
  cumsum: axis,
  gatherElements: axis,
  argmax: axis,
  matmul: product,
  gemm: productAndBias,
  reshape: moved((node, steps) => ({ shape: [steps, ...attr<number[]>(node, "shape")] })),
  transpose: moved((node) => ({ permutation: [0, ...attr<number[]>(node, "permutation").map((i) => i + 1)] })),
  pad: moved((node) => ({ begins: [0, ...attr<number[]>(node, "begins")], ends: [0, ...attr<number[]>(node, "ends")] })),
  expand: (node, [x], steps) => {
    const shape = attr<number[]>(node, "shape");
    return [expand(aligned(x, shape.length), [steps, ...shape])];
  },
  gather: look,
};

/** Whether {@link stackNode} knows what the node is for all steps. */
export function stackable(node: GraphNode, varies: (tensor: Tensor) => boolean): boolean {
  if (node.op.name !== "gather") return Object.hasOwn(rules, node.op.name);
  const [x, indices] = node.inputs.map(varies);
  return x !== indices && (x || node.attrs.axis === 0);
}

/**
 * The outputs of a node for all steps at once, each [steps, ...shape of one step].
 * @param operands at least one of them stacked
 */
export function stackNode(node: GraphNode, operands: readonly Operand[], steps: number): readonly Tensor[] {
  return rules[node.op.name](node, operands, steps);
}
