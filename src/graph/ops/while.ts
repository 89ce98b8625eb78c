import { AtelierError } from "../../core/errors.ts";
import type { Graph, Named } from "../graph.ts";
import { varyingNodes } from "../loop.ts";
import { type Attrs, defineOp, type LowerArgs, type NdArray, type OpRecord } from "../op.ts";
import { type Spec, sameShape, shapeError, specText } from "../shape.ts";
import { apply, type GraphNode, type Tensor } from "../tensor.ts";
import { traceStep } from "../trace.ts";
import { evaluateBody } from "./scan.ts";
import { constantOp, input } from "./source.ts";

interface WhileAttrs extends Attrs {
  /** Inputs: the turn's number, whether it was let in, the states, captured values. Outputs: whether to go on, then the next states. */
  readonly body: Graph;
  /** The largest number of turns. */
  readonly most: number;
}

/** Inputs of a body that the loop itself makes: the turn's number and whether it was let in. */
const made = 2;

/** The op's own inputs: whether to begin, the first states, captured values. */
function whileShape(inputs: readonly Spec[], { body }: WhileAttrs): readonly Spec[] {
  inputs.forEach((given, i) => {
    const { tensor } = body.inputs[i + made - 1];
    if (!sameShape(given.shape, tensor.shape) || given.dtype !== tensor.dtype)
      throw shapeError("while", [given], `input ${i} must be ${specText(tensor)}`);
  });
  return body.outputs.slice(1).map(({ tensor: { shape, dtype } }) => ({ shape, dtype }));
}

function lowerWhile({ onnx, inputs, attrs: { body, most } }: LowerArgs<WhileAttrs>): readonly string[] {
  const states = body.outputs.length - 1;
  const [begin, ...others] = inputs;
  const graph = onnx.subgraph(body, made + states, others.slice(states));
  return onnx.nodes("Loop", [onnx.scalar(most, "int64"), begin, ...others.slice(0, states)], states, { body: graph });
}

function evaluateWhile(inputs: readonly NdArray[], { body, most }: WhileAttrs): readonly NdArray[] {
  const count = body.outputs.length - 1;
  const captured = inputs.slice(1 + count);
  let [go, ...states]: readonly NdArray[] = inputs.slice(0, 1 + count);
  for (let turn = 0; turn < most && go.data[0] !== 0; turn++) {
    const number: NdArray = { shape: [], dtype: "int64", data: Float64Array.of(turn) };
    [go, ...states] = evaluateBody(body, [number, go, ...states, ...captured]);
  }
  return states;
}

/** A body run until it says that it is enough. Made by {@link whileLoop}; it has no examples, because a body is no plain data. */
export const whileOp: OpRecord<WhileAttrs> = defineOp<WhileAttrs>({
  name: "while",
  shape: whileShape,
  gradient: () => {
    throw new AtelierError({
      what: "A while loop has no gradient: how many turns it takes is known only when it runs.",
      expected: "a gradient of the caller's making, or a loop of a known number of steps",
      hint: "give what the loop computes a gradient with customGradient(), keep gradients away from it with stopGradient(), or use scan()",
    });
  },
  lower: lowerWhile,
  evaluate: evaluateWhile,
  examples: [],
});

export interface WhileOptions {
  /** The largest number of turns, at least 1: the loop ends there whatever the condition says. */
  most: number;
}

/**
 * A loop that goes on while a condition of its state holds, as `jax.lax.while_loop` and ONNX's Loop have it:
 * `while (condition(state)) state = body(state)`, at most `most` times. Condition and body are traced once for the loop and may use any tensor around them;
 * what in them does not depend on the state is computed once, before the loop. A random draw inside is drawn once and is the same at every turn. It has no
 * gradient of its own: {@link customGradient} gives one to what it computes.
 *
 *     const [x] = whileLoop([start], ([x]) => x.less(100), ([x]) => [x.mul(2)], { most: 50 });
 *
 * @param init first states, at least one
 * @param condition a bool scalar of the state
 * @param body the next states: as many, of the same shapes and dtypes
 * @returns the states when the loop ends
 * @throws ShapeError when there is no state, a state changes its shape or dtype, the condition is no bool scalar, `most` is no whole number above 0, or a
 *   layer inside renews running statistics
 */
export function whileLoop(
  init: readonly Tensor[],
  condition: (state: readonly Tensor[]) => Tensor,
  body: (state: readonly Tensor[]) => readonly Tensor[],
  { most }: WhileOptions,
): readonly Tensor[] {
  if (init.length === 0) throw shapeError("while", [], "there must be a state");
  if (!Number.isSafeInteger(most) || most < 1) throw shapeError("while", init, `most must be a whole number above 0, got ${most}`);
  const params = init.map(({ shape, dtype }, i) => input(`state ${i} of a loop`, shape, dtype));
  const { next, go } = traceStep(params, () => {
    const states = body(params);
    requireSame(init, states);
    return { next: states, go: condition(states) };
  });
  const begin = condition(init);
  for (const answer of [begin, go])
    if (answer.rank !== 0 || answer.dtype !== "bool") throw shapeError("while", [answer], "the condition must be a bool scalar");
  const { graph, captured } = closed(params, next, go);
  return apply(whileOp, [begin, ...init, ...captured], { body: graph, most });
}

function requireSame(init: readonly Tensor[], next: readonly Tensor[]): void {
  if (next.length !== init.length) throw shapeError("while", init, `the body gave ${next.length} states for these ${init.length}`);
  next.forEach((state, i) => {
    if (!sameShape(state.shape, init[i].shape) || state.dtype !== init[i].dtype)
      throw shapeError("while", [init[i], state], `state ${i} must keep its shape and dtype from turn to turn`);
  });
}

/** One turn as a graph: only what the states decide is inside, what it reads besides is captured. */
function closed(params: readonly Tensor[], next: readonly Tensor[], go: Tensor): { graph: Graph; captured: readonly Tensor[] } {
  const nodes = varyingNodes([...next, go], new Set(params));
  const inside = new Set<GraphNode>(nodes);
  const captured = new Set<Tensor>();
  const constants = new Set<GraphNode>();
  const isParam = new Set(params);
  for (const tensor of [...nodes.flatMap((node) => node.inputs), ...next, go]) {
    if (isParam.has(tensor) || inside.has(tensor.node)) continue;
    if (tensor.node.op.name === constantOp.name) constants.add(tensor.node);
    else captured.add(tensor);
  }
  const named =
    (letter: string) =>
    (tensor: Tensor, i: number): Named => ({ name: `${letter}${i}`, tensor });
  const turn: Named = { name: "turn", tensor: input("turn of a loop", [], "int64") };
  const entered: Named = { name: "entered", tensor: input("whether a loop goes on", [], "bool") };
  return {
    graph: {
      inputs: [turn, entered, ...params.map(named("s")), ...[...captured].map(named("k"))],
      outputs: [{ name: "go", tensor: go }, ...next.map(named("s'"))],
      nodes: [...constants, ...nodes],
    },
    captured: [...captured],
  };
}

export const whileOps = { while: whileOp };
