import type { Graph } from "../graph/graph.ts";
import { type LowerOptions, lowerWithShapes } from "./lower.ts";
import type { NodeProto } from "./onnx_pb.ts";
import { valueBytes } from "./value-shapes.ts";

/** What one run of a program holds, in bytes. */
export interface MemoryPlan {
  /** Inputs and outputs, which are host arrays. */
  readonly bound: number;
  /** Constants inside of the program. */
  readonly constants: number;
  /** The most that values between inputs and outputs take at once. */
  readonly peak: number;
  /** Operators that run. */
  readonly operators: number;
  /** Bytes that the operators read and write. */
  readonly traffic: number;
}

/** Operators whose result is another view of their first input's memory. */
const views = new Set(["Reshape", "Identity", "Squeeze", "Unsqueeze", "Flatten"]);
/** Operators that may write over an input of their result's size that nothing reads later. */
const inPlace = new Set(
  "Add Sub Mul Div Neg Exp Log Sqrt Reciprocal Tanh Sigmoid Erf Abs Sign Sin Cos Floor Relu LeakyRelu Softplus HardSigmoid Clip Max Min".split(
    " ",
  ),
);

/**
 * What a graph's program will hold, by following its lowered form in the order in which the runtime runs it: a value is there from the operator that makes it
 * to the last one that reads it. The runtime's own bookkeeping and its kernels' scratch memory are not in it.
 */
export function memoryPlan(graph: Graph, options: LowerOptions): MemoryPlan {
  const { model, specs } = lowerWithShapes(graph, options);
  const bytes = valueBytes(model, specs);
  const { node: nodes, initializer, input, output } = model.graph!;
  const size = (name: string) => bytes.get(name) ?? 0;
  const outside = new Set([...initializer, ...input, ...output].map(({ name }) => name));
  const ordered = runOrder(nodes);
  const sum = (names: readonly string[]) => names.reduce((total, name) => total + size(name), 0);
  return {
    bound: sum([...input, ...output].map(({ name }) => name)),
    constants: sum(initializer.map(({ name }) => name)),
    peak: peakBytes(ordered, size, outside),
    operators: ordered.length,
    traffic: ordered.filter(({ opType }) => !views.has(opType)).reduce((total, node) => total + sum(node.input) + sum(node.output), 0),
  };
}

/** Depth first from the nodes that nothing reads, the last of them first; of a node's inputs the one with the highest place first. */
function runOrder(nodes: readonly NodeProto[]): NodeProto[] {
  const maker = new Map(nodes.flatMap((node, place) => node.output.map((value) => [value, place] as const)));
  const read = new Set(nodes.flatMap((node) => node.input));
  const seen = new Set<number>();
  const order: NodeProto[] = [];
  const stack = nodes.flatMap((node, place) => (node.output.some((value) => read.has(value)) ? [] : [{ place, leave: false }]));
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    const { place, leave } = entry;
    if (leave) order.push(nodes[place]);
    if (leave || seen.has(place)) continue;
    seen.add(place);
    stack.push({ place, leave: true });
    const before = nodes[place].input.flatMap((value) => maker.get(value) ?? []);
    for (const next of [...new Set(before)].sort((a, b) => a - b)) if (!seen.has(next)) stack.push({ place: next, leave: false });
  }
  return order;
}

function peakBytes(ordered: readonly NodeProto[], size: (name: string) => number, outside: ReadonlySet<string>): number {
  // Each value belongs to a buffer; views and results written in place share one.
  const buffer = new Map<string, string>();
  const bufferOf = (name: string) => buffer.get(name) ?? name;
  const readers = new Map<string, number>();
  const count = (name: string, change: number) => readers.set(name, (readers.get(name) ?? 0) + change);
  for (const node of ordered) {
    if (views.has(node.opType)) buffer.set(node.output[0], bufferOf(node.input[0]));
    for (const name of node.input) count(bufferOf(name), 1);
  }
  let live = 0;
  let peak = 0;
  const free = (name: string) => {
    if (name !== "" && !outside.has(name)) live -= size(name);
  };
  for (const node of ordered) {
    const inputs = node.input.map(bufferOf);
    const uses = (name: string) => inputs.filter((other) => other === name).length;
    const dying = [...new Set(inputs)].filter((name) => readers.get(name) === uses(name));
    const reused = inPlace.has(node.opType) ? dying.find((name) => !outside.has(name) && size(name) === size(node.output[0])) : undefined;
    if (!views.has(node.opType)) for (const name of node.output) if (!outside.has(name) && name !== "") live += size(name);
    if (reused !== undefined && !outside.has(node.output[0])) live -= size(reused);
    peak = Math.max(peak, live);
    for (const name of inputs) count(name, -1);
    for (const name of dying) if (name !== reused || outside.has(node.output[0])) free(name);
    for (const name of node.output) if (!readers.get(bufferOf(name)) && !views.has(node.opType)) free(name);
  }
  return peak;
}
