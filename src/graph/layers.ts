import { type Graph, isInput } from "./graph.ts";
import { isLeaf } from "./leaf.ts";
import type { GraphNode } from "./tensor.ts";

/**
 * The layer that each node belongs to, as a path in the model (`encoder.convs.0`); nodes that no layer is known for are left out. A node that reads a
 * parameter belongs to the parameter's layer, the nodes after it too until another layer reads a parameter of its own, and what a gradient rule or a pass
 * made belongs to the layer of the node it was made for.
 */
export function layersOf(graph: Graph): Map<GraphNode, string> {
  const layers = new Map<GraphNode, string>();
  for (const node of withOrigins(graph)) {
    const layer = node.origin === undefined ? (ownLayer(node) ?? newest(node, layers)) : layers.get(node.origin);
    if (layer !== undefined) layers.set(node, layer);
  }
  return layers;
}

/** The nodes of a graph, those they were made for, and all that these depend on, in an order they can run in. */
function withOrigins(graph: Graph): GraphNode[] {
  const seen = new Set<GraphNode>();
  const pending: (GraphNode | undefined)[] = [...graph.nodes];
  while (pending.length > 0) {
    const node = pending.pop();
    if (node === undefined || isInput(node) || seen.has(node)) continue;
    seen.add(node);
    pending.push(node.origin);
    for (const input of node.inputs) pending.push(input.node);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

/** The layer whose parameter the node reads. */
function ownLayer(node: GraphNode): string | undefined {
  for (const input of node.inputs) {
    if (isLeaf(input) && input.path !== undefined) return layerOfParameter(input.path);
  }
  return undefined;
}

/** `encoder.convs.0` of `encoder.convs.0.weight`; a parameter at the top is its own layer. */
function layerOfParameter(path: string): string {
  const end = path.lastIndexOf(".");
  return end < 0 ? path : path.slice(0, end);
}

/** The layer of the latest input that has one. */
function newest(node: GraphNode, layers: ReadonlyMap<GraphNode, string>): string | undefined {
  let latest = -1;
  let layer: string | undefined;
  for (const input of node.inputs) {
    const candidate = layers.get(input.node);
    if (candidate === undefined || input.node.id <= latest) continue;
    latest = input.node.id;
    layer = candidate;
  }
  return layer;
}

/** The first node that a gradient rule or passes made this one for: the one that the user's code built. */
export function builtFor(node: GraphNode): GraphNode {
  let at = node;
  while (at.origin !== undefined) at = at.origin;
  return at;
}
