import type { Graph, Named } from "../graph.ts";
import { scanOp } from "../ops/scan.ts";
import { input, scalarValue } from "../ops/source.ts";
import { whileOp } from "../ops/while.ts";
import { GraphNode, type Tensor } from "../tensor.ts";

// What simplify does with loops: outputs that nothing reads go, with all that only they need, and the body is simplified like any graph.

export function isScan(node: GraphNode): boolean {
  return node.op.name === scanOp.name;
}

export function isWhile(node: GraphNode): boolean {
  return node.op.name === whileOp.name;
}

/** The inputs and outputs of a body that are needed, by position. */
export interface Kept {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** What the rest of the graph needs of each scan. */
export function keptOfScans(graph: Graph): Map<GraphNode, Kept> {
  const kept = new Map<GraphNode, Kept>();
  const used = new Set<Tensor>(graph.outputs.map(({ tensor }) => tensor));
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((output) => used.has(output))) continue;
    if (!isScan(node)) for (const operand of node.inputs) used.add(operand);
    else {
      const needs = keptOf(node, used);
      kept.set(node, needs);
      for (const i of needs.inputs) used.add(node.inputs[i]);
    }
  }
  return kept;
}

function keptOf(node: GraphNode, used: ReadonlySet<Tensor>): Kept {
  const body = node.attrs.body as Graph;
  const carries = node.attrs.carries as number;
  const outputs = new Set(node.outputs.flatMap((output, i) => (used.has(output) ? [i] : [])));
  // A carry is also needed where the next step reads it for something that is needed.
  for (let size = -1; size !== outputs.size; ) {
    size = outputs.size;
    const read = readBy(
      body,
      [...outputs].map((i) => body.outputs[i].tensor),
    );
    for (let i = 0; i < carries; i++) if (read.has(body.inputs[i].tensor)) outputs.add(i);
  }
  const read = readBy(
    body,
    [...outputs].map((i) => body.outputs[i].tensor),
  );
  const inputs = body.inputs.flatMap(({ tensor }, i) => ((i < carries ? outputs.has(i) : read.has(tensor)) ? [i] : []));
  return { inputs, outputs: [...outputs].sort((a, b) => a - b) };
}

/** The tensors of a body that some of its outputs depend on, themselves included. */
function readBy(body: Graph, outputs: readonly Tensor[]): Set<Tensor> {
  const read = new Set(outputs);
  for (const node of [...body.nodes].reverse()) {
    if (node.outputs.some((output) => read.has(output))) for (const operand of node.inputs) read.add(operand);
  }
  return read;
}

/**
 * A scan with only what is kept, on the inputs of the graph being made, its body simplified.
 * @param rebuild simplify for a body: the inputs keep their order, and `known` says what tensors of the old body stand for in the new one
 * @returns the node, and the old node's kept outputs in the order of the new one's
 */
export function smallerScan(
  node: GraphNode,
  current: readonly Tensor[],
  kept: Kept,
  rebuild: (body: Graph, known: Map<Tensor, Tensor>) => Graph,
): { node: GraphNode; outputs: readonly Tensor[] } {
  const body = node.attrs.body as Graph;
  const [carries, own] = [node.attrs.carries as number, (node.attrs.carries as number) + (node.attrs.slices as number)];
  const known = new Map<Tensor, Tensor>();
  const inputs: Named[] = [];
  const operands: Tensor[] = [];
  for (const i of kept.inputs) {
    const old = body.inputs[i].tensor;
    // Constants belong inside, where they fold.
    if (i >= own && scalarValue(current[i]) !== undefined) {
      known.set(old, current[i]);
      continue;
    }
    const name = `${i < carries ? "c" : i < own ? "x" : "k"}${inputs.length}`;
    const tensor = input(name, old.shape, old.dtype);
    known.set(old, tensor);
    inputs.push({ name, tensor });
    operands.push(current[i]);
  }
  const outputs = kept.outputs.map((i) => body.outputs[i]);
  const smaller = rebuild({ inputs, outputs, nodes: body.nodes }, known);
  const attrs = {
    ...node.attrs,
    body: smaller,
    carries: kept.outputs.filter((i) => i < carries).length,
    slices: kept.inputs.filter((i) => i >= carries && i < own).length,
  };
  const old = kept.outputs.map((i) => node.outputs[i]);
  return { node: new GraphNode(node.op, operands, attrs, old), outputs: old };
}

/** A while loop on the inputs of the graph being made, its body simplified. Its states are all kept: any of them may decide when it ends. */
export function smallerWhile(
  node: GraphNode,
  current: readonly Tensor[],
  rebuild: (body: Graph, known: Map<Tensor, Tensor>) => Graph,
): GraphNode {
  const body = node.attrs.body as Graph;
  const fixed = body.inputs.length - current.length;
  const captures = node.outputs.length + 1;
  const known = new Map<Tensor, Tensor>();
  const inputs: Named[] = [];
  const operands: Tensor[] = [];
  body.inputs.forEach(({ name, tensor: old }, i) => {
    const operand = i < fixed ? undefined : current[i - fixed];
    // Constants belong inside, where they fold.
    if (operand !== undefined && i - fixed >= captures && scalarValue(operand) !== undefined) {
      known.set(old, operand);
      return;
    }
    const tensor = input(name, old.shape, old.dtype);
    known.set(old, tensor);
    inputs.push({ name, tensor });
    if (operand !== undefined) operands.push(operand);
  });
  const smaller = rebuild({ inputs, outputs: body.outputs, nodes: body.nodes }, known);
  return new GraphNode(node.op, operands, { ...node.attrs, body: smaller }, node.outputs);
}
