import { sizeOf } from "../core/dtype.ts";
import { type Graph, isGraph, isInput } from "./graph.ts";
import type { GraphNode } from "./tensor.ts";

// Arithmetic of each op as it is defined, not as a lowering happens to do it: one-hot filters, reorderings and the like are overhead, and a rate in
// GFLOP/s should show them as lost time.

type Count = (node: GraphNode) => number;

const outputs: Count = (node) => node.outputs.reduce((total, output) => total + output.size, 0);
const firstInput: Count = (node) => node.inputs[0].size;
const nothing: Count = () => 0;
const perOutput =
  (each: number): Count =>
  (node) =>
    each * outputs(node);

/** 2 M N K for each matrix of the stack; the bias of a gemm is one addition an element. */
const product: Count = (node) => {
  const [a, , bias] = node.inputs;
  const inner = a.shape[a.rank - (node.attrs.transA ? 2 : 1)];
  return node.outputs[0].size * (2 * inner + (bias === undefined ? 0 : 1));
};

/** Two for each tap that every output sees; taps on the border's zeros count too, as is usual. */
const convolution =
  (y: Count, filter: (node: GraphNode) => readonly number[]): Count =>
  (node) =>
    2 * y(node) * sizeOf(filter(node).slice(1));

/** Numbers of a window, for each window. */
const windows =
  (count: Count): Count =>
  (node) =>
    count(node) * sizeOf(node.attrs.kernel as readonly number[]);

/** `factor` · n³ for each matrix [n, n] of the stack. */
const cubic =
  (factor: number): Count =>
  ({ inputs: [{ size, shape }] }) =>
    factor * size * shape[shape.length - 1];

const loop: Count = ({ attrs: { body, length } }) => (isGraph(body) ? graphFlops(body) * Number(length) : 0);

/** How many turns it takes is not known: the body once. */
const openLoop: Count = ({ attrs: { body } }) => (isGraph(body) ? graphFlops(body) : 0);

const counts: Readonly<Record<string, Count>> = {
  // Moving and naming elements.
  ...Object.fromEntries(
    ["input", "constant", "reshape", "transpose", "expand", "slice", "unslice", "flip", "pad", "concat"].map((name) => [name, nothing]),
  ),
  ...Object.fromEntries(
    ["gather", "gatherElements", "oneHot", "cast", "stopGradient", "customGradient", "barrier", "split", "padBorder", "maxPoolAt"].map(
      (name) => [name, nothing],
    ),
  ),
  depthToSpace: nothing,
  spaceToDepth: nothing,
  matmul: product,
  gemm: product,
  conv: convolution(
    (node) => node.outputs[0].size,
    (node) => node.inputs[1].shape,
  ),
  convInput: convolution(firstInput, (node) => node.inputs[1].shape),
  convFilter: convolution(
    (node) => node.inputs[1].size,
    (node) => node.outputs[0].shape,
  ),
  // Reductions and running sums read each input once.
  sum: firstInput,
  max: firstInput,
  min: firstInput,
  argmax: firstInput,
  cumsum: firstInput,
  scatterAdd: firstInput,
  scatterElementsAdd: firstInput,
  foldBorder: firstInput,
  maxPoolInput: firstInput,
  topK: firstInput,
  averagePool: windows(outputs),
  maxPool: windows(outputs),
  maxPoolIndices: windows(outputs),
  averagePoolInput: windows(firstInput),
  // Maximum, difference, exponential, sum, quotient.
  softmax: perOutput(5),
  logSoftmax: perOutput(5),
  // Mean (1), variance (3), and y = x a + b (2).
  batchNorm: (node) => 6 * firstInput(node),
  layerNorm: (node) => 6 * firstInput(node),
  groupNorm: (node) => 6 * firstInput(node),
  // Square, sum, and two factors.
  rmsNorm: (node) => 4 * firstInput(node),
  // A log softmax; exponential, difference and factor.
  crossEntropy: (node) => 5 * firstInput(node),
  crossEntropyGradient: perOutput(3),
  // Two products and a sum for each element.
  rotary: perOutput(3),
  // Elimination, as counted for LAPACK; an inverse also solves for every column of the identity.
  det: cubic(2 / 3),
  slogdet: cubic(2 / 3),
  inverse: cubic(2),
  triangularInverse: cubic(1 / 3),
  cholesky: cubic(1 / 3),
  scan: loop,
  while: openLoop,
};

/**
 * Floating point operations of one node: 2 for each multiply-add of products and convolutions, 1 for each element of other arithmetic (a function such
 * as exp counts as one), 0 for ops that only move elements.
 */
export function flops(node: GraphNode): number {
  return (Object.hasOwn(counts, node.op.name) ? counts[node.op.name] : outputs)(node);
}

/** {@link flops} of every node of a graph: of one run of its program. */
export function graphFlops(graph: Graph): number {
  return graph.nodes.reduce((total, node) => (isInput(node) ? total : total + flops(node)), 0);
}
