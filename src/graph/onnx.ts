import type { DType, Shape, TypedArray } from "../core/dtype.ts";
import type { Graph } from "./graph.ts";
import type { Spec } from "./shape.ts";

// What op records know of ONNX: how attributes are written, and the emitter they write nodes to (src/lower implements it).

/** The kind of graph that is wanted. `portable` uses standard ONNX ops only; the others may use a runtime's own fused kernels. */
export type Target = "portable" | "cpu" | "webgpu" | "wasm";

/** ONNX tells whole-valued floats from integers, JavaScript does not: attributes are written with their kind. */
export type OnnxAttr =
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "ints"; readonly value: readonly number[] }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "graph"; readonly value: Subgraph };

/** The body of a Scan, Loop or If as an emitter has written it; only the emitter looks inside. */
export interface Subgraph {
  readonly name: string;
}

export type OnnxAttrs = Readonly<Record<string, OnnxAttr>>;

/** An integer attribute, or a list of them. */
export function I(value: number | readonly number[]): OnnxAttr {
  return typeof value === "number" ? { kind: "int", value } : { kind: "ints", value };
}

/** A float attribute. */
export function F(value: number): OnnxAttr {
  return { kind: "float", value };
}

/** A string attribute. */
export function S(value: string): OnnxAttr {
  return { kind: "string", value };
}

/** Element type numbers of the ONNX schema (TensorProto.DataType). */
export const onnxType: Record<DType, number> = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 };

/** Writes one step of a scan: names of the next state and of what is kept of this step. */
export type ScanBody = (state: readonly string[], slices: readonly string[]) => { state: readonly string[]; outputs: readonly string[] };

/** A kernel of our own that a lowering would like to use: its name and everything its code depends on. */
export interface KernelRequest {
  readonly kernel: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Kernels made for one processor. A lowering asks, and keeps its portable form for when there is none. */
export interface KernelSource {
  /** Ops that the kernel `fused` can put into one pass. */
  readonly elementwise: ReadonlySet<string>;
  /** Whether more than passes over elements was asked for and found so far: convolutions, recurrences. */
  readonly heavy: boolean;
  /** The operator's name and the shapes of its float32 outputs, or undefined. */
  find(request: KernelRequest): { readonly name: string; readonly outputs: readonly Shape[] } | undefined;
}

/** Where lowerings write. Values are named by strings; an empty string is an absent optional input. */
export interface Emitter {
  readonly target: Target;
  /** Channels in a block of the runtime's blocked layout (NCHWc); 0 where that layout is not to be used. */
  readonly channelBlock: number;
  /** Add a node with one output; `domain` is the standard one unless given. */
  node(opType: string, inputs: readonly string[], attrs?: OnnxAttrs, domain?: string): string;
  /** Add a node with several outputs. */
  nodes(opType: string, inputs: readonly string[], outputs: number, attrs?: OnnxAttrs, domain?: string): string[];
  /** Whether there is a kernel of our own for these sizes. */
  hasKernel(request: KernelRequest): boolean;
  /** Add a node for a kernel of our own; undefined where there is none for these sizes. */
  kernel(request: KernelRequest, inputs: readonly string[]): string[] | undefined;
  /**
   * Write a loop's body. Its inputs beyond the first `own` are captured: `captured` names the values around it that they stand for.
   * @param unused specs of inputs that the operator passes after the first `own` and the body does not read
   */
  subgraph(body: Graph, own: number, captured: readonly string[], unused?: readonly Spec[]): OnnxAttr;
  /** Write a loop's body in place, on values by name; the names of its outputs. */
  inline(body: Graph, inputs: readonly string[]): string[];
  /** A constant; equal ones are stored once. */
  constant(dtype: DType, shape: Shape, data: TypedArray): string;
  /** A scalar constant, float32 unless said. */
  scalar(value: number, dtype?: DType): string;
  /** A 1-D int64 constant: shapes, axes, positions. */
  ints(values: readonly number[]): string;
  /** float32 zeros that take no room in the model. */
  zeros(shape: Shape): string;
  /** Zeros before and after one axis of a value of the given rank; the value itself when both are 0. */
  pad(x: string, rank: number, axis: number, before: number, after: number): string;
  /** The value backwards along axes. */
  flip(x: string, axes: readonly number[]): string;
  /**
   * A `Scan` over the first axis of each of `sequences`: `body` writes one step, given the state and this step's slices. Values from outside may be
   * used in it as they are. Answers the final state, then the steps' results stacked along a new first axis.
   */
  scan(state: readonly string[], sequences: readonly string[], body: ScanBody): string[];
  /** An `If`: one of two lists of values by a boolean scalar; only the chosen branch is computed. */
  choose(condition: string, then: () => readonly string[], otherwise: () => readonly string[]): string[];
  /** alpha op(A) op(B) over the last two axes, in the target's fastest form that needs no transposed copy. */
  matmul(a: string, b: string, rankA: number, rankB: number, transA: boolean, transB: boolean, alpha?: number): string;
  /** `count` float32 ones, stored once. */
  ones(count: number): string;
}
