import { isInput, reach, roleOf } from "../graph/graph.ts";
import { type Attrs, defineOp } from "../graph/op.ts";
import { barrier } from "../graph/ops/barrier.ts";
import { copyGradientRule } from "../graph/ops/control.ts";
import { constant } from "../graph/ops/source.ts";
import { apply, GraphNode, type Tensor } from "../graph/tensor.ts";
import { pullBack } from "./gradient.ts";

interface CheckpointAttrs extends Attrs {
  /** How many of the inputs are results; the others are what the results are computed from. */
  readonly count: number;
}

/** The nodes between what each checkpoint starts from and its results, in an order they can run in. */
const insides = new WeakMap<GraphNode, Inside>();

interface Inside {
  readonly nodes: readonly GraphNode[];
  readonly sources: readonly Tensor[];
  readonly results: readonly Tensor[];
}

/** The results as they are; their gradient computes them once more. The marker is dropped once gradients exist. */
const checkpointOp = defineOp<CheckpointAttrs>({
  name: "checkpoint",
  shape: (inputs, { count }) => inputs.slice(0, count),
  gradient: ({ node, inputs, attrs: { count }, dOutputs }) => {
    const wanted = dOutputs.flatMap((dy, i) => (dy === null ? [] : [{ dy, i }]));
    const after = wanted.map(({ dy }) => dy);
    const sources = lateSources(inputs.slice(count), after);
    const results = recompute(insides.get(node)!, sources);
    const again = wanted.map(({ i }) => results[i]);
    const derived = pullBack(
      reach(again),
      again,
      after,
      sources.filter(({ dtype }) => dtype === "float32"),
    );
    return [...new Array<null>(count).fill(null), ...sources.map(({ dtype }) => (dtype === "float32" ? derived.shift()! : null))];
  },
  lower: ({ inputs, attrs: { count } }) => inputs.slice(0, count),
  evaluate: (inputs, { count }) => inputs.slice(0, count),
  examples: [],
});

/** Everything but weights and state, which are kept anyway, waits for the gradient. */
function lateSources(sources: readonly Tensor[], after: readonly Tensor[]): Tensor[] {
  const kept = (tensor: Tensor) => isInput(tensor.node) && ["parameter", "state"].includes(roleOf(tensor));
  const late = barrier(
    sources.filter((tensor) => !kept(tensor)),
    after,
  );
  let next = 0;
  return sources.map((tensor) => (kept(tensor) ? tensor : late[next++]));
}

/** The results from other sources, by copies of the nodes that depend on them. */
function recompute({ nodes, sources, results }: Inside, fresh: readonly Tensor[]): Tensor[] {
  const replaced = new Map<Tensor, Tensor>(sources.map((source, i) => [source, fresh[i]]));
  for (const node of nodes) {
    const inputs = node.inputs.map((input) => replaced.get(input) ?? input);
    if (inputs.every((input, i) => input === node.inputs[i])) continue;
    const copy = new GraphNode(node.op, inputs, node.attrs, node.outputs);
    copyGradientRule(node, copy);
    const inside = insides.get(node);
    if (inside !== undefined) insides.set(copy, inside);
    node.outputs.forEach((output, i) => {
      replaced.set(output, copy.outputs[i]);
    });
  }
  return results.map((result) => replaced.get(result) ?? result);
}

/** The nodes made since `first` that the results depend on, and what those start from: older tensors and graph inputs. */
function inside(results: readonly Tensor[], first: number): Inside {
  const nodes = new Set<GraphNode>();
  const sources = new Set<Tensor>();
  const pending = [...results];
  for (let tensor = pending.pop(); tensor !== undefined; tensor = pending.pop()) {
    if (isInput(tensor.node) || tensor.node.id < first) sources.add(tensor);
    else if (!nodes.has(tensor.node)) {
      nodes.add(tensor.node);
      pending.push(...tensor.node.inputs);
    }
  }
  return { nodes: [...nodes].sort((a, b) => a.id - b.id), sources: [...sources].sort((a, b) => a.node.id - b.node.id), results };
}

/**
 * `fn(...inputs)` whose inner values are not kept for the backward pass but computed once more when its gradient is: less memory for more time.
 * A network of n such blocks keeps n block inputs and the inside of one block. Values, gradients of any order, draws and running statistics are those of
 * plain `fn`. (Chen, Xu, Zhang and Guestrin 2016, "Training deep nets with sublinear memory cost"; torch.utils.checkpoint.)
 *
 *     const y = checkpoint((x) => block.call(x), [x]);
 *
 * @param fn pure in its tensors: called once, it may use parameters and other tensors besides its inputs
 * @returns what `fn` returns, one tensor or several
 */
export function checkpoint<T extends Tensor | readonly Tensor[]>(fn: (...inputs: Tensor[]) => T, inputs: readonly Tensor[]): T {
  const first = constant(0).node.id;
  const value = fn(...inputs);
  const results: readonly Tensor[] = Array.isArray(value) ? value : [value];
  const between = inside(results, first);
  const outputs = apply(checkpointOp, [...results, ...between.sources], { count: results.length });
  insides.set(outputs[0].node, between);
  return (Array.isArray(value) ? outputs : outputs[0]) as T;
}
