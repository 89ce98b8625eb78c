import { reach } from "../graph/graph.ts";
import type { PullBack } from "../graph/op.ts";
import { add } from "../graph/ops/elementwise.ts";
import { full } from "../graph/ops/movement.ts";
import { sameShape, shapeError } from "../graph/shape.ts";
import { type GraphNode, onBehalfOf, type Tensor } from "../graph/tensor.ts";

/**
 * Reverse-mode gradients by walking the graph backwards. The result is graph again, so gradients of gradients work.
 *
 * @param y any shape; without `seed` the gradient of the sum of its elements is taken, which for a scalar loss is the loss itself
 * @param xs tensors to differentiate with respect to, anywhere in the graph
 * @param seed dL/dy, of y's shape
 * @returns one tensor per x, of x's shape; zeros where y does not depend on it
 * @throws ShapeError when y or an x is not float32, or the seed has another shape
 */
export function gradients(y: Tensor, xs: readonly Tensor[], seed?: Tensor): Tensor[] {
  for (const tensor of [y, ...xs])
    if (tensor.dtype !== "float32") throw shapeError("gradients", [tensor], "only float32 tensors have gradients");
  if (seed !== undefined && !sameShape(seed.shape, y.shape)) throw shapeError("gradients", [seed, y], "the seed must have the shape of y");
  return pullBack(reach([y]), [y], [seed ?? full(y.shape, 1)], xs).map((g, i) => g ?? full(xs[i].shape, 0));
}

/** See {@link PullBack}: the walk itself, for a list of nodes and several seeds. */
export const pullBack: PullBack = (nodes, ys, seeds, xs) => {
  const wanted = new Set(xs);
  const needed = dependents(nodes, wanted);
  const totals = new Map<Tensor, Tensor>();
  ys.forEach((y, i) => {
    const seed = seeds[i];
    if (seed !== null) accumulate(totals, y, seed);
  });
  for (const node of [...nodes].reverse()) {
    if (needed.has(node)) onBehalfOf(node, () => pushBack(node, needed, totals, wanted));
  }
  return xs.map((x) => totals.get(x) ?? null);
};

function accumulate(totals: Map<Tensor, Tensor>, x: Tensor, part: Tensor): void {
  const known = totals.get(x);
  totals.set(x, known === undefined ? part : add(known, part));
}

/** The nodes through which an x reaches further ones. */
function dependents(nodes: readonly GraphNode[], wanted: ReadonlySet<Tensor>): Set<GraphNode> {
  const needed = new Set<GraphNode>();
  for (const node of nodes) {
    if (node.inputs.some((input) => wanted.has(input) || needed.has(input.node))) needed.add(node);
  }
  return needed;
}

/** Add what one node passes to its inputs. */
function pushBack(node: GraphNode, needed: ReadonlySet<GraphNode>, totals: Map<Tensor, Tensor>, wanted: ReadonlySet<Tensor>): void {
  const dOutputs = node.outputs.map((output) => totals.get(output) ?? null);
  if (dOutputs.every((d) => d === null) || typeof node.op.gradient !== "function") return;
  const parts = node.op.gradient({ inputs: node.inputs, outputs: node.outputs, attrs: node.attrs, dOutputs, node, pullBack });
  node.inputs.forEach((input, i) => {
    const part = parts[i];
    if (part != null && (needed.has(input.node) || wanted.has(input))) accumulate(totals, input, part);
  });
}
