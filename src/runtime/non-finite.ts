import { allocate, type TypedArray } from "../core/dtype.ts";
import { collect, type Graph, isInput, type Named } from "../graph/graph.ts";
import { isLeaf, Parameter } from "../graph/leaf.ts";
import { specText } from "../graph/shape.ts";
import { builtFor, type GraphNode, type Tensor } from "../graph/tensor.ts";
import { lower } from "../lower/lower.ts";
import type { Backend } from "./backend.ts";

/** The first tensor of a program that holds an infinity or NaN and passes it on to the program's outputs. */
export interface NonFinite {
  /** What made it: `log(f32[4,1]) -> f32[4,1] in layer "head"`, `div(...) -> ..., made for sqrt`, `input "images" f32[64,1,28,28]`, `parameter "head.weight" ...`. */
  what: string;
  /** The line of the user's code that made it, where it was recorded (see `withLines`). */
  line: string | undefined;
  /** The op that the user's code called, or `input`. */
  op: string;
  /** The layer's path in the model, or the parameter's. */
  layer: string | undefined;
  shape: readonly number[];
  /** What its elements are, and its inputs' ranges: `3 of 6 elements are -Infinity; its input was in [0, 2.5]`. */
  values: string;
}

type Feeds = Readonly<Record<string, TypedArray>>;

/**
 * Run a graph again on the same inputs with an eye on every tensor in it, and name the first one that is not finite. Infinities that go no further
 * (a mask before a softmax) are passed over.
 * @param feeds values of all inputs, by name
 * @returns undefined where every output is finite
 * @throws RuntimeError from the backend
 */
export async function firstNonFinite(backend: Backend, graph: Graph, feeds: Feeds): Promise<NonFinite | undefined> {
  const bad = await badTensors(backend, graph, feeds);
  const guilty = upstream(graph.outputs, bad);
  const first = graph.nodes.find((node) => node.outputs.some((output) => guilty.has(output)));
  if (first === undefined) return undefined;
  const output = first.outputs.find((candidate) => guilty.has(candidate))!;
  const around = await evaluate(backend, graph, [output, ...first.inputs], feeds);
  return describe(graph, first, output, around);
}

/** Every float tensor of the graph that holds something not finite, its inputs too. A tensor times 0 sums up to 0 only where all of it is finite. */
async function badTensors(backend: Backend, graph: Graph, feeds: Feeds): Promise<Set<Tensor>> {
  const inputs = graph.inputs.map(({ tensor }) => tensor);
  const bad = new Set(graph.inputs.filter(({ name }) => hasNonFinite(feeds[name])).map(({ tensor }) => tensor));
  const watched = graph.nodes
    .filter((node) => !isInput(node))
    .flatMap((node) => node.outputs)
    .filter((tensor) => tensor.dtype === "float32" && !inputs.includes(tensor));
  const flags = await evaluate(
    backend,
    graph,
    watched.map((tensor) => tensor.mul(0).sum()),
    feeds,
  );
  watched.forEach((tensor, i) => {
    if (flags[i][0] !== 0) bad.add(tensor);
  });
  return bad;
}

/** The bad tensors that a bad output comes from, through bad tensors only. */
function upstream(outputs: readonly Named[], bad: ReadonlySet<Tensor>): Set<Tensor> {
  const found = new Set<Tensor>();
  const pending = outputs.map(({ tensor }) => tensor);
  for (let tensor = pending.pop(); tensor !== undefined; tensor = pending.pop()) {
    if (found.has(tensor) || !bad.has(tensor)) continue;
    found.add(tensor);
    pending.push(...tensor.node.inputs);
  }
  return found;
}

/** Values of any tensors of a graph. */
async function evaluate(backend: Backend, graph: Graph, tensors: readonly Tensor[], feeds: Feeds): Promise<TypedArray[]> {
  const names = new Map(graph.inputs.map(({ name, tensor }) => [tensor, name]));
  const watched = collect(
    tensors.map((tensor, i) => ({ name: `watched:${i}`, tensor })),
    names,
  );
  const model = lower(watched, { target: backend.target, channelBlock: backend.channelBlock });
  const executable = await backend.load(model, { name: "search for what is not finite", optimize: "none" });
  try {
    const outputs = watched.outputs.map(({ name, tensor }) => [name, allocate(tensor.dtype, tensor.size)] as const);
    const inputs = watched.inputs.map(({ name }) => [name, feeds[name]] as const);
    const binding = executable.bind(Object.fromEntries(inputs), Object.fromEntries(outputs));
    await binding.run();
    binding.dispose();
    return outputs.map(([, array]) => array);
  } finally {
    await executable.dispose();
  }
}

function describe(graph: Graph, node: GraphNode, output: Tensor, [values, ...operands]: TypedArray[]): NonFinite {
  const built = builtFor(node);
  const { layer } = node;
  const common = { line: built.line, op: built.op.name, shape: output.shape };
  if (isInput(node)) {
    const path = isLeaf(output) ? output.path : undefined;
    const kind = output instanceof Parameter ? "parameter" : isLeaf(output) ? "state" : "input";
    const what = `${kind} "${path ?? graph.inputs.find(({ tensor }) => tensor === output)!.name}" ${specText(output)}`;
    return { ...common, what, layer: path, values: countText(values) };
  }
  const made = `${node.op.name}(${node.inputs.map(specText).join(", ")}) -> ${specText(output)}`;
  const inside = layer === undefined ? "" : ` in layer "${layer}"`;
  // What a gradient rule makes has another op than the node that it was made for, or is another use of it: the forward node is told, too.
  const what = built.op === node.op ? `${made}${inside}` : `${made}, made for ${built.op.name}${inside}`;
  const ranges = operands.map((operand, i) => `input ${i} in ${rangeText(operand)}`);
  return { ...common, what, layer, values: [countText(values), ...ranges].join("; ") };
}

function hasNonFinite(values: TypedArray): boolean {
  return values instanceof Float32Array && values.some((value) => !Number.isFinite(value));
}

/** `3 of 6 elements: NaN, -Infinity`. */
function countText(values: TypedArray): string {
  const bad = Array.from(values as Float32Array).filter((value) => !Number.isFinite(value));
  return `${bad.length} of ${values.length} elements: ${[...new Set(bad)].join(", ")}`;
}

/** `[least, greatest]` of the numbers. */
function rangeText(values: TypedArray): string {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    const number = Number(value);
    if (number < low) low = number;
    if (number > high) high = number;
  }
  const text = (value: number) => String(Number(value.toPrecision(4)));
  return values.length === 0 ? "[]" : `[${text(low)}, ${text(high)}]`;
}
