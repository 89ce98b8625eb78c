import { digest } from "../core/digest.ts";
import { type Graph, isGraph, isInput } from "./graph.ts";
import type { Attrs, AttrValue } from "./op.ts";
import { specText } from "./shape.ts";
import type { GraphNode, Tensor } from "./tensor.ts";

/**
 * The canonical text of a graph: one line a node, names counted in order, dtype and shape on each line. Two graphs that compute the same
 * thing in the same way have the same text, whatever objects they are made of; its digest is the key of every program cache.
 */
export function canonicalText(graph: Graph): string {
  const names = new Map<Tensor, string>(graph.inputs.map(({ name, tensor }) => [tensor, name]));
  const lines = [`inputs: ${graph.inputs.map(({ name, tensor }) => `${name} ${specText(tensor)}`).join(", ")}`];
  let count = 0;
  for (const node of graph.nodes) {
    if (isInput(node)) continue;
    for (const output of node.outputs) names.set(output, `%${count++}`);
    lines.push(nodeText(node, names));
  }
  lines.push(`outputs: ${graph.outputs.map(({ name, tensor }) => `${name} = ${names.get(tensor)}`).join(", ")}`);
  return lines.join("\n");
}

function nodeText(node: GraphNode, names: ReadonlyMap<Tensor, string>): string {
  const results = node.outputs.map((output) => `${names.get(output)} ${specText(output)}`).join(", ");
  const inputs = node.inputs.map((input) => names.get(input)).join(", ");
  const attrs = attrsText(node.attrs);
  return `${results} = ${node.op.name}(${inputs})${attrs === "" ? "" : ` {${attrs}}`}`;
}

/** Attributes in name order; long data by digest, a loop's body by its own text. */
export function attrsText(attrs: Attrs): string {
  // In a loop: it is called for every node of every pass.
  let text = "";
  for (const name of Object.keys(attrs).sort()) {
    if (attrs[name] !== undefined) text += `${text === "" ? "" : ", "}${name}: ${valueText(attrs[name])}`;
  }
  return text;
}

function valueText(value: AttrValue): string {
  if (typeof value !== "object") return String(value);
  if (ArrayBuffer.isView(value)) {
    if (value.length <= 8) return `[${Array.from(value as ArrayLike<number | bigint>, String).join(",")}]`;
    return `${value.length} values, digest ${digest(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))}`;
  }
  if (isGraph(value)) return `{\n${canonicalText(value)}\n}`;
  return `[${value.join(",")}]`;
}

/** A short stable name of a graph, from its canonical text. */
export function graphDigest(graph: Graph): string {
  return digest(new TextEncoder().encode(canonicalText(graph)));
}
