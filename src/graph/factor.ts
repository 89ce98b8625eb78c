import { elementwiseOps, mul } from "./ops/elementwise.ts";
import { GraphNode, type Tensor } from "./tensor.ts";

/**
 * (x · a) · b = x · (a · b) where x depends on a carry of a loop and a and b do not: the product of the two is then computed before the
 * loop, for all steps at once, and the loop multiplies once. Backward recurrences are full of such chains.
 *
 * @param roots tensors of one step's graph
 * @param nodes the nodes behind them that differ from step to step, in an order they can run in
 * @param carried those of them that depend on a carry
 * @returns what stands for each root
 */
export function factored(roots: readonly Tensor[], nodes: readonly GraphNode[], carried: (tensor: Tensor) => boolean): readonly Tensor[] {
  const replaced = new Map<Tensor, Tensor>();
  const current = (tensor: Tensor): Tensor => replaced.get(tensor) ?? tensor;
  const uses = new Map<Tensor, number>();
  for (const tensor of [...roots, ...nodes.flatMap((node) => node.inputs)]) uses.set(tensor, (uses.get(tensor) ?? 0) + 1);
  /** The carried and the other operand of a product of one of each. */
  const factors = (node: GraphNode): [Tensor, Tensor] | undefined => {
    if (node.op.name !== elementwiseOps.mul.name) return undefined;
    const [a, b] = node.inputs;
    return carried(a) === carried(b) ? undefined : carried(a) ? [a, b] : [b, a];
  };
  // Rewritten products by the tensor that stands for them: their carried operand and the other.
  const chains = new Map<Tensor, [Tensor, Tensor]>();
  for (const node of nodes) {
    const pair = factors(node);
    if (pair === undefined) {
      rebuild(node, current, replaced);
      continue;
    }
    const inner = uses.get(pair[0]) === 1 ? chains.get(current(pair[0])) : undefined;
    const [x, k] = inner === undefined ? [current(pair[0]), pair[1]] : [inner[0], mul(inner[1], pair[1])];
    const changed = x !== pair[0] || k !== pair[1];
    const product = changed ? mul(x, k) : node.outputs[0];
    replaced.set(node.outputs[0], product);
    chains.set(product, [x, k]);
  }
  return roots.map(current);
}

function rebuild(node: GraphNode, current: (tensor: Tensor) => Tensor, replaced: Map<Tensor, Tensor>): void {
  const inputs = node.inputs.map(current);
  if (inputs.every((operand, i) => operand === node.inputs[i])) return;
  const fresh = new GraphNode(node.op, inputs, node.attrs, node.outputs);
  node.outputs.forEach((output, i) => {
    replaced.set(output, fresh.outputs[i]);
  });
}
