import { RuntimeError } from "../core/errors.ts";
import { collect, type Graph, isInput } from "../graph/graph.ts";
import { input } from "../graph/ops/source.ts";
import { GraphNode, type Tensor } from "../graph/tensor.ts";
import { lower } from "../lower/lower.ts";
import type { Backend } from "./backend.ts";

/**
 * Why a device refused a program: the first op that it refuses alone, too. The runtime's own words name no op.
 * @returns an error that names op and device, or the given one where every op is accepted alone
 */
export async function explainRefusal(backend: Backend, graph: Graph, program: string, error: unknown): Promise<unknown> {
  if (backend.device === "cpu" || !(error instanceof RuntimeError)) return error;
  const tried = new Set<string>();
  for (const node of graph.nodes) {
    if (isInput(node)) continue;
    const { key, alone } = isolate(node);
    if (tried.has(key)) continue;
    tried.add(key);
    try {
      await (await backend.load(lower(alone, { target: backend.target }), { name: node.op.name, optimize: "none" })).dispose();
    } catch (cause) {
      const show = ({ dtype, shape }: Tensor) => `${dtype} [${shape.join(", ")}]`;
      return new RuntimeError({
        what: `The op "${node.op.name}" cannot run on the device "${backend.device}".`,
        where: `program "${program}"`,
        got: `inputs ${node.inputs.map(show).join(", ") || "none"}`,
        hint: "use --device cpu, or set ATELIER_DEVICE_FALLBACK=1 to let the processor do such ops (each costs a copy there and back)",
        cause,
      });
    }
  }
  return error;
}

/** A graph of one node, over inputs of the same specs. */
function isolate(node: GraphNode): { key: string; alone: Graph } {
  const inputs = node.inputs.map(({ shape, dtype }, i) => input(`x${i}`, shape, dtype));
  const copy = new GraphNode(node.op, inputs, node.attrs, node.outputs);
  const specs = [...inputs, ...node.outputs].map(({ shape, dtype }) => `${dtype}[${shape.join()}]`);
  const key = `${node.op.name} ${specs.join(" ")} ${JSON.stringify(node.attrs, (_, value) => (ArrayBuffer.isView(value) ? "data" : value))}`;
  return { key, alone: collect(copy.outputs.map((tensor, i) => ({ name: `y${i}`, tensor }))) };
}
