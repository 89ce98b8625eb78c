import type { DType, Shape, TypedArray } from "../core/dtype.ts";
import type { Graph } from "./graph.ts";
import type { Emitter } from "./onnx.ts";
import type { Spec } from "./shape.ts";
import type { GraphNode, Tensor } from "./tensor.ts";

export type AttrValue = number | string | boolean | readonly number[] | TypedArray | Graph | undefined;
/** An op's static settings. Data is positional (inputs), settings are by name (attributes). A graph is the body of a loop. */
export interface Attrs {
  readonly [name: string]: AttrValue;
}

/** A value of the reference interpreter: plain float64 numbers whatever the dtype; booleans are 0 or 1. */
export interface NdArray {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: Float64Array;
}

/** What a gradient rule sees. `dOutputs[i]` is null where nothing depends on output i. */
export interface GradientArgs<A> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attrs: A;
  readonly dOutputs: readonly (Tensor | null)[];
  readonly node: GraphNode;
  /** Reverse mode over a list of nodes, for ops that own a graph; see `autodiff/gradient.ts`. */
  readonly pullBack: PullBack;
}

/**
 * What reaches `xs` when `seeds` enter at `ys` and flow backwards through `nodes` (in an order they can run in), and through no other node.
 * One entry per x; null where nothing arrives.
 */
export type PullBack = (
  nodes: readonly GraphNode[],
  ys: readonly Tensor[],
  seeds: readonly (Tensor | null)[],
  xs: readonly Tensor[],
) => (Tensor | null)[];

/** What a lowering sees: names of the inputs' ONNX values, and the node for shapes. */
export interface LowerArgs<A> {
  readonly onnx: Emitter;
  readonly inputs: readonly string[];
  readonly attrs: A;
  readonly node: GraphNode;
}

/** Inputs that a test can run the op on. `range` bounds float draws; integers and booleans are drawn from `values`. */
export interface Example<A> {
  readonly inputs: readonly ExampleInput[];
  readonly attrs: A;
}

export interface ExampleInput {
  readonly shape: Shape;
  readonly dtype?: DType;
  readonly range?: readonly [number, number];
  /** Fixed content instead of a draw (indices, conditions). */
  readonly values?: readonly number[];
}

/** Why an op has no gradient; its inputs then receive none. */
export interface NotDifferentiable {
  readonly because: string;
}

/**
 * One operation and all its duties; a record that lacks one does not compile.
 * Gradients build graph, never numbers, so any order of derivative works.
 */
export interface OpRecord<A extends Attrs = Attrs> {
  readonly name: string;
  /** Output specs, or a ShapeError that shows the operands. */
  shape(inputs: readonly Spec[], attrs: A): readonly Spec[];
  /** One entry per input; null where no gradient flows. */
  readonly gradient: GradientRule<A> | NotDifferentiable;
  /** Emit ONNX for `onnx.target`; names of the output values. */
  lower(args: LowerArgs<A>): readonly string[];
  /** The oracle: plain loops, no cleverness. */
  evaluate(inputs: readonly NdArray[], attrs: A, outputs: readonly Spec[]): readonly NdArray[];
  readonly examples: readonly Example<A>[];
}

/** A property, not a method, in the union above; bivariant through this method type so that records of any attributes fit one list. */
export type GradientRule<A> = { bivarianceHack(args: GradientArgs<A>): readonly (Tensor | null)[] }["bivarianceHack"];

/** Give a record its exact attribute type. */
export function defineOp<A extends Attrs>(record: OpRecord<A>): OpRecord<A> {
  return record;
}
