import { AtelierError } from "../core/errors.ts";
import type { AttrValue } from "./op.ts";
import { inputOp, type Role } from "./ops/source.ts";
import type { GraphNode, Tensor } from "./tensor.ts";

export interface Named {
  readonly name: string;
  readonly tensor: Tensor;
}

/**
 * A closed piece of computation: named inputs, named outputs, and the nodes between them in an order they can run in. The inputs of a
 * program are `input` nodes; those of a loop's body may be any tensors, which then stand for what the loop is given in their place.
 */
export interface Graph {
  readonly inputs: readonly Named[];
  readonly outputs: readonly Named[];
  readonly nodes: readonly GraphNode[];
}

/**
 * Collect what the outputs need. Inputs not given a name here keep the one they were made with.
 * @param names names for sources, for example parameters by their path in the model
 * @throws AtelierError when two inputs share a name
 */
export function collect(outputs: readonly Named[], names: ReadonlyMap<Tensor, string> = new Map()): Graph {
  const nodes = reach(outputs.map((output) => output.tensor));
  const inputs: Named[] = [];
  const taken = new Map<string, Tensor>();
  for (const node of nodes) {
    if (!isInput(node)) continue;
    const tensor = node.outputs[0];
    const name = names.get(tensor) ?? String(node.attrs.name);
    if (taken.has(name)) {
      throw new AtelierError({
        what: `Two inputs of one graph are named "${name}".`,
        hint: "give each input, draw and parameter a name of its own",
      });
    }
    taken.set(name, tensor);
    inputs.push({ name, tensor });
  }
  return { inputs, outputs, nodes };
}

/** Whether an attribute's value is a graph: the body of a loop. */
export function isGraph(value: AttrValue): value is Graph {
  return typeof value === "object" && "nodes" in value;
}

export function isInput(node: GraphNode): boolean {
  return node.op.name === inputOp.name;
}

export function roleOf(tensor: Tensor): Role {
  return tensor.node.attrs.role as Role;
}

/** Every node the tensors depend on, in creation order, which is an order they can run in. */
export function reach(tensors: readonly Tensor[]): GraphNode[] {
  const seen = new Set<GraphNode>();
  const pending = tensors.map((tensor) => tensor.node);
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    for (const input of node.inputs) pending.push(input.node);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}
