import { sizeOf } from "../../core/dtype.ts";
import { type Graph, isInput } from "../graph.ts";
import { carriedIn, gathered, Loop } from "../loop.ts";
import { ndZeros } from "../nd.ts";
import { I, type OnnxAttrs } from "../onnx.ts";
import { type Attrs, defineOp, type GradientArgs, type LowerArgs, type NdArray, type OpRecord } from "../op.ts";
import { type Spec, sameShape, shapeError, specText } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { traceStep } from "../trace.ts";
import { expand, full } from "./movement.ts";
import { scanByKernel } from "./scan-kernel.ts";
import { input } from "./source.ts";

interface ScanAttrs extends Attrs {
  /** Inputs: carries, slices of one step, captured values. Outputs: the next carries, then values that are stacked over the steps. */
  readonly body: Graph;
  readonly carries: number;
  readonly slices: number;
  readonly length: number;
  readonly reverse: boolean;
}

/** The inputs of a scan, or of its body, by kind. */
function byKind<T>(
  inputs: readonly T[],
  { carries, slices }: ScanAttrs,
): { carries: readonly T[]; slices: readonly T[]; captured: readonly T[] } {
  return {
    carries: inputs.slice(0, carries),
    slices: inputs.slice(carries, carries + slices),
    captured: inputs.slice(carries + slices),
  };
}

function scanShape(inputs: readonly Spec[], attrs: ScanAttrs): readonly Spec[] {
  const { body, length, carries, slices } = attrs;
  inputs.forEach((given, i) => {
    const { tensor } = body.inputs[i];
    const shape = i >= carries && i < carries + slices ? [length, ...tensor.shape] : tensor.shape;
    if (!sameShape(given.shape, shape) || given.dtype !== tensor.dtype)
      throw shapeError("scan", [given], `input ${i} must be ${specText({ shape, dtype: tensor.dtype })}`);
  });
  return body.outputs.map(({ tensor: { shape, dtype } }, i) => ({ shape: i < carries ? shape : [length, ...shape], dtype }));
}

/** What one step's graph is known by for all steps: the slices it was given, and everything its loop has computed. */
function knownStacks({ inputs, outputs, attrs }: GradientArgs<ScanAttrs>): Map<Tensor, Tensor> {
  const { body, length, reverse, carries } = attrs;
  const params = byKind(
    body.inputs.map(({ tensor }) => tensor),
    attrs,
  );
  const given = byKind(inputs, attrs);
  const stacks = new Map<Tensor, Tensor>();
  // A captured value normally stands for itself; once a pass has renamed it, it is a slice that is the same at every step.
  params.captured.forEach((param, i) => {
    if (param !== given.captured[i]) stacks.set(param, expand(given.captured[i], [length, ...param.shape]));
  });
  body.outputs.slice(carries).forEach(({ tensor }, i) => {
    stacks.set(tensor, outputs[carries + i]);
  });
  params.slices.forEach((param, i) => {
    stacks.set(param, given.slices[i]);
  });
  params.carries.forEach((param, i) => {
    const next = stacks.get(body.outputs[i].tensor);
    if (!stacks.has(param) && next !== undefined) stacks.set(param, carriedIn(given.carries[i], next, reverse));
  });
  return stacks;
}

/**
 * Back through the steps in the opposite order. What a step's backward graph reads of the forward one is an output of this scan for all
 * steps; the loop made of it holds only what the gradients of the carries need, and the gradients of captured values are sums after it.
 */
function scanGradient(args: GradientArgs<ScanAttrs>): readonly (Tensor | null)[] {
  const { attrs, dOutputs, pullBack } = args;
  const { body, length, reverse, carries } = attrs;
  const stacks = knownStacks(args);
  const results = body.outputs.map(({ tensor }) => tensor);
  const seeds = results.map((tensor, i) => {
    if (tensor.dtype !== "float32" || (i >= carries && dOutputs[i] === null)) return null;
    const seed = input(`d${i}`, tensor.shape);
    if (i >= carries) stacks.set(seed, dOutputs[i]!);
    return seed;
  });
  const params = body.inputs.map(({ tensor }) => tensor);
  const back = pullBack(body.nodes, results, seeds, params).map((g, i) => (params[i].dtype === "float32" ? g : null));
  const carried = seeds.slice(0, carries).filter((seed) => seed !== null);
  const reached = back.filter((g) => g !== null);
  const shorter = new Map(gathered(reached, carried, stacks.keys()).map((g, i) => [reached[i], g]));
  const arrived = back.map((g) => (g === null ? null : shorter.get(g)!));
  const open = params.slice(0, carries).flatMap((param, i) => (seeds[i] === null ? [] : [{ i, param }]));
  const next = (i: number) => arrived[i] ?? full(params[i].shape, 0);
  const backCarries = open.map(({ i, param }) => ({ param: seeds[i]!, init: dOutputs[i] ?? full(param.shape, 0), next: next(i) }));
  const wanted = arrived.slice(carries).filter((g) => g !== null);
  const loop = new Loop({ carries: backCarries, slices: stacks, length, reverse: !reverse }, wanted);
  return params.map((_, i) => {
    if (i < carries) return seeds[i] === null ? null : loop.finals[open.findIndex((entry) => entry.i === i)];
    const g = arrived[i];
    if (g === null) return null;
    return i < carries + attrs.slices ? loop.stacked(g) : loop.summed(g);
  });
}

/** Up to here the steps are written out: a loop costs about 20 us to set up, and is faster from three steps on. */
const writtenOut = 2;

/** One or two steps in place of a loop. */
function lowerSteps({ onnx, inputs, attrs, node }: LowerArgs<ScanAttrs>): readonly string[] {
  const { body, carries, length, reverse } = attrs;
  const given = byKind(inputs, attrs);
  const specs = byKind(node.inputs, attrs);
  const slices = given.slices.map((x, i) => {
    const parts = length === 1 ? [x] : onnx.nodes("Split", [x], length, { axis: I(0), num_outputs: I(length) });
    return parts.map((part) => onnx.node("Reshape", [part, onnx.ints(specs.slices[i].shape.slice(1))]));
  });
  let state = given.carries;
  const stacks: string[][] = node.outputs.slice(carries).map(() => []);
  for (let i = 0; i < length; i++) {
    const step = reverse ? length - 1 - i : i;
    const results = onnx.inline(body, [...state, ...slices.map((parts) => parts[step]), ...given.captured]);
    state = results.slice(0, carries);
    results.slice(carries).forEach((value, j) => {
      stacks[j][step] = onnx.node("Reshape", [value, onnx.ints([1, ...node.outputs[carries + j].shape.slice(1)])]);
    });
  }
  return [...state, ...stacks.map((parts) => (length === 1 ? parts[0] : onnx.node("Concat", parts, { axis: I(0) })))];
}

function lowerScan(args: LowerArgs<ScanAttrs>): readonly string[] {
  const { onnx, inputs, attrs, node } = args;
  const { body, carries, slices, length, reverse } = attrs;
  if (length <= writtenOut) return lowerSteps(args);
  const fast = scanByKernel({ onnx, inputs, node, body, carries, slices, length, reverse });
  if (fast !== undefined) return fast;
  const own = carries + slices;
  // The operator takes its number of steps from what it slices; a loop over nothing slices zeros.
  const clock = slices === 0;
  const graph = onnx.subgraph(body, own, inputs.slice(own), clock ? [{ shape: [], dtype: "float32" }] : []);
  const direction = (count: number) => I(new Array<number>(count).fill(Number(reverse)));
  const stacked = node.outputs.length - carries;
  const options: OnnxAttrs = {
    body: graph,
    num_scan_inputs: I(clock ? 1 : slices),
    ...(reverse ? { scan_input_directions: direction(clock ? 1 : slices) } : {}),
    ...(reverse && stacked > 0 ? { scan_output_directions: direction(stacked) } : {}),
  };
  return onnx.nodes("Scan", [...inputs.slice(0, own), ...(clock ? [onnx.zeros([length])] : [])], node.outputs.length, options);
}

/** The body once per step, in the interpreter's arithmetic. */
function evaluateScan(inputs: readonly NdArray[], attrs: ScanAttrs, specs: readonly Spec[]): readonly NdArray[] {
  const { body, carries, length, reverse } = attrs;
  const given = byKind(inputs, attrs);
  const outputs = specs.map(({ shape, dtype }) => ndZeros(shape, dtype));
  let state = given.carries;
  for (let i = 0; i < length; i++) {
    const step = reverse ? length - 1 - i : i;
    const slices = given.slices.map((x): NdArray => {
      const shape = x.shape.slice(1);
      return { shape, dtype: x.dtype, data: x.data.subarray(step * sizeOf(shape), (step + 1) * sizeOf(shape)) };
    });
    const results = evaluateBody(body, [...state, ...slices, ...given.captured]);
    state = results.slice(0, carries);
    results.slice(carries).forEach((value, j) => {
      outputs[carries + j].data.set(value.data, step * value.data.length);
    });
  }
  return [...state, ...outputs.slice(carries)];
}

/** A body on these inputs, in the interpreter's arithmetic. */
export function evaluateBody(body: Graph, inputs: readonly NdArray[]): readonly NdArray[] {
  const values = new Map<Tensor, NdArray>(body.inputs.map(({ tensor }, i) => [tensor, inputs[i]]));
  for (const node of body.nodes) {
    if (isInput(node)) continue;
    const operands = node.inputs.map((tensor) => values.get(tensor)!);
    node.op.evaluate(operands, node.attrs, node.outputs).forEach((value, i) => {
      values.set(node.outputs[i], value);
    });
  }
  return body.outputs.map(({ tensor }) => values.get(tensor)!);
}

/**
 * A body run once for each step: carries pass from step to step, slices are read and outputs stacked along a first axis of steps.
 * Made by {@link scan} and by the gradient of one; it has no examples, because a body is no plain data.
 */
export const scanOp: OpRecord<ScanAttrs> = defineOp<ScanAttrs>({
  name: "scan",
  shape: scanShape,
  gradient: scanGradient,
  lower: lowerScan,
  evaluate: evaluateScan,
  examples: [],
});

export interface ScanOptions {
  /** First values of the carries, at least one. */
  init: readonly Tensor[];
  /** What is sliced: [T, ...] each; a step sees [...]. */
  xs?: readonly Tensor[];
  /** T, where nothing is sliced. */
  length?: number;
  /** From the last slice to the first; outputs are stacked in the order of the slices all the same. */
  reverse?: boolean;
}

export interface StepResult {
  /** As many as `init`, of the same shapes and dtypes. */
  carry: readonly Tensor[];
  outputs?: readonly Tensor[];
}

/**
 * A recurrence with a static number of steps, as `jax.lax.scan` and ONNX's Scan have it:
 * `carry, outputs[t] = step(carry, xs[t])`. `step` is traced once; it may use any tensor around it. What in it does not depend on the
 * carries is computed for all steps at once, and so is what the carries do not depend on. A random draw inside is drawn once and is the
 * same at every step: slice one of `xs` instead.
 *
 * @returns the last carries, and the outputs stacked to [T, ...]
 * @throws ShapeError when the lengths differ, there is no step, a carry changes its shape or dtype, or a layer in the step renews running statistics
 */
export function scan(
  step: (carry: readonly Tensor[], x: readonly Tensor[]) => StepResult,
  { init, xs = [], length = xs[0]?.shape[0], reverse = false }: ScanOptions,
): { carry: readonly Tensor[]; outputs: readonly Tensor[] } {
  if (init.length === 0) throw shapeError("scan", xs, "there must be a carry", "without one, work on all of xs at once");
  if (length === undefined || !Number.isInteger(length) || length < 1)
    throw shapeError("scan", [...init, ...xs], "there must be at least one step", "give xs with a first axis, or length");
  if (xs.some((x) => x.shape[0] !== length)) throw shapeError("scan", xs, `the first axis of each of xs must be ${length}`);
  const params = init.map(({ shape, dtype }, i) => input(`carry ${i} of a scan`, shape, dtype));
  const sliced = xs.map(({ shape, dtype }, i) => input(`slice ${i} of a scan`, shape.slice(1), dtype));
  const { carry, outputs = [] } = traceStep([...params, ...sliced], () => step(params, sliced));
  if (carry.length !== init.length) throw shapeError("scan", init, `the step gave ${carry.length} carries for these ${init.length}`);
  carry.forEach((next, i) => {
    if (!sameShape(next.shape, init[i].shape) || next.dtype !== init[i].dtype)
      throw shapeError("scan", [init[i], next], `carry ${i} must keep its shape and dtype from step to step`);
  });
  const carries = params.map((param, i) => ({ param, init: init[i], next: carry[i] }));
  const loop = new Loop({ carries, slices: new Map(sliced.map((slice, i) => [slice, xs[i]])), length, reverse }, outputs);
  return { carry: loop.finals, outputs: outputs.map((output) => loop.stacked(output)) };
}

export const scanOps = { scan: scanOp };
