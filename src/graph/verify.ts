import { AtelierError } from "../core/errors.ts";
import { type Graph, isGraph, isInput } from "./graph.ts";
import { ops } from "./ops/index.ts";
import { sameShape, specText } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Check that a graph is legal: known ops, inputs defined before use, and every shape and dtype what the op's rule says.
 * @param stage the pass that made the graph, for the message
 * @throws AtelierError naming the stage and the node
 */
export function verify(graph: Graph, stage: string): void {
  const known = new Set<Tensor>(graph.inputs.map((input) => input.tensor));
  const fail = (problem: string, where: string): never => {
    throw new AtelierError({
      what: `The graph is not legal after ${stage}: ${problem}`,
      where,
      hint: "this is a defect of the library: please report it with the graph's text",
    });
  };
  for (const node of graph.nodes) {
    const where = `${node.op.name}(${node.inputs.map(specText).join(", ")})`;
    if (!Object.hasOwn(ops, node.op.name)) fail(`there is no op "${node.op.name}"`, where);
    if (isInput(node)) {
      if (!known.has(node.outputs[0])) fail(`the input "${String(node.attrs.name)}" is not among the graph's inputs`, where);
      continue;
    }
    for (const value of Object.values(node.attrs)) if (isGraph(value)) verify(value, stage);
    for (const input of node.inputs) if (!known.has(input)) fail("it uses a value that is made later or never", where);
    const specs = node.op.shape(node.inputs, node.attrs);
    specs.forEach((spec, i) => {
      const output = node.outputs[i];
      if (!sameShape(spec.shape, output.shape) || spec.dtype !== output.dtype)
        fail(`output ${i} is ${specText(output)} but must be ${specText(spec)}`, where);
    });
    for (const output of node.outputs) known.add(output);
  }
  for (const { name, tensor } of graph.outputs) if (!known.has(tensor)) fail(`the output "${name}" is never made`, name);
}
