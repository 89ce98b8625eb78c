import type { DType, Shape } from "../core/dtype.ts";
import type { Attrs, OpRecord } from "./op.ts";
import * as clipping from "./ops/clip.ts";
import * as convolution from "./ops/conv.ts";
import * as elementwise from "./ops/elementwise.ts";
import * as linalg from "./ops/linalg.ts";
import * as movement from "./ops/movement.ts";
import * as reduce from "./ops/reduce.ts";
import * as softmaxes from "./ops/softmax.ts";
import { callerLine, type Spec, shapeError, specText } from "./shape.ts";

let nextId = 0;
let origin: GraphNode | undefined;
let linesWanted = false;

/** Build graph on behalf of a node: gradient rules and passes say so, and what they make can be told by the user's layer and line. */
export function onBehalfOf<T>(node: GraphNode, build: () => T): T {
  const outer = origin;
  origin = node;
  try {
    return build();
  } finally {
    origin = outer;
  }
}

/** Build graph whose nodes keep the line of the caller that made them. Reading the stack is slow, so this is for diagnosis only. */
export function withLines<T>(build: () => T): T {
  const outer = linesWanted;
  linesWanted = true;
  try {
    return build();
  } finally {
    linesWanted = outer;
  }
}

/** One application of an op. It owns no numbers. */
export class GraphNode {
  /** Creation order: inputs always have smaller ids than the nodes that use them. */
  readonly id: number;
  readonly op: OpRecord;
  readonly inputs: readonly Tensor[];
  readonly attrs: Attrs;
  readonly outputs: readonly Tensor[];
  /** The node that this one differentiates or replaces, where a gradient rule or a pass made it. */
  readonly origin: GraphNode | undefined;
  /** The layer it belongs to, as a path in the model (`encoder.convs.0`), where one is known; see {@link layerOf}. */
  readonly layer: string | undefined;
  /** The user's line that made it, inside {@link withLines}. */
  readonly line: string | undefined;

  constructor(op: OpRecord, inputs: readonly Tensor[], attrs: Attrs, specs: readonly Spec[]) {
    this.id = nextId++;
    this.op = op;
    this.inputs = inputs;
    this.attrs = attrs;
    this.outputs = specs.map((spec, index) => new Tensor(this, index, spec));
    this.origin = origin;
    this.layer = origin === undefined ? layerOf(inputs) : origin.layer;
    this.line = linesWanted && origin === undefined ? callerLine() : undefined;
  }
}

/**
 * The layer of a node with these inputs: the one whose parameter it reads, else that of its latest input. What a gradient rule or a pass makes belongs to the
 * layer of the node it is made for. Parameters know their paths once a model is trained.
 */
function layerOf(inputs: readonly Tensor[]): string | undefined {
  let latest: GraphNode | undefined;
  for (const input of inputs) {
    const { path } = input as { path?: string | undefined };
    // `encoder.convs.0` of `encoder.convs.0.weight`; a parameter at the top is its own layer.
    if (path !== undefined) return path.includes(".") ? path.slice(0, path.lastIndexOf(".")) : path;
    if (input.node.layer !== undefined && (latest === undefined || input.node.id > latest.id)) latest = input.node;
  }
  return latest?.layer;
}

/** The node that the user's code built: this one, or the one that gradient rules and passes made it for. */
export function builtFor(node: GraphNode): GraphNode {
  let at = node;
  while (at.origin !== undefined) at = at.origin;
  return at;
}

/** What every function that builds graph accepts where a tensor may be a plain number. */
export type TensorLike = Tensor | number;

/**
 * A symbolic value: one output of one node, with a static shape and dtype. It holds no numbers and is never freed.
 * Every method builds a node and returns its output; shapes are checked at once, and the error shows both shapes and the caller's line.
 */
export class Tensor {
  readonly node: GraphNode;
  readonly index: number;
  readonly shape: Shape;
  readonly dtype: DType;

  constructor(node: GraphNode, index: number, spec: Spec) {
    this.node = node;
    this.index = index;
    this.shape = spec.shape;
    this.dtype = spec.dtype;
  }

  get rank(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((product, dim) => product * dim, 1);
  }

  /**
   * Unpack the shape with names: `const [B, C, H, W] = x.dims("B C H W")`.
   * @throws ShapeError when the rank differs, naming the axes asked for.
   */
  dims(names: string): number[] {
    const wanted = names.trim().split(/\s+/);
    if (wanted.length !== this.rank)
      throw shapeError("dims", [this], `a tensor of rank ${wanted.length} was expected: [${wanted.join(", ")}]`);
    return [...this.shape];
  }

  toString(): string {
    return `Tensor(${specText(this)})`;
  }

  // Elementwise, with broadcasting. `other` has a shape that broadcasts with this one, or is a number.
  add(other: TensorLike): Tensor {
    return elementwise.add(this, other);
  }
  sub(other: TensorLike): Tensor {
    return elementwise.sub(this, other);
  }
  mul(other: TensorLike): Tensor {
    return elementwise.mul(this, other);
  }
  div(other: TensorLike): Tensor {
    return elementwise.div(this, other);
  }
  pow(other: TensorLike): Tensor {
    return elementwise.pow(this, other);
  }
  maximum(other: TensorLike): Tensor {
    return elementwise.maximum(this, other);
  }
  minimum(other: TensorLike): Tensor {
    return elementwise.minimum(this, other);
  }
  equal(other: TensorLike): Tensor {
    return elementwise.equal(this, other);
  }
  less(other: TensorLike): Tensor {
    return elementwise.less(this, other);
  }
  greater(other: TensorLike): Tensor {
    return elementwise.greater(this, other);
  }
  neg(): Tensor {
    return elementwise.neg(this);
  }
  exp(): Tensor {
    return elementwise.exp(this);
  }
  /** Natural logarithm. */
  log(): Tensor {
    return elementwise.log(this);
  }
  sqrt(): Tensor {
    return elementwise.sqrt(this);
  }
  square(): Tensor {
    return elementwise.mul(this, this);
  }
  reciprocal(): Tensor {
    return elementwise.reciprocal(this);
  }
  abs(): Tensor {
    return elementwise.abs(this);
  }
  tanh(): Tensor {
    return elementwise.tanh(this);
  }
  sigmoid(): Tensor {
    return elementwise.sigmoid(this);
  }
  softplus(): Tensor {
    return elementwise.softplus(this);
  }
  relu(): Tensor {
    return elementwise.relu(this);
  }
  cast(dtype: DType): Tensor {
    return elementwise.cast(this, dtype);
  }
  /** Values limited to [low, high]; the gradient is zero outside, and passes on the bounds. */
  clip(low: number, high: number): Tensor {
    return clipping.clip(this, low, high);
  }

  // Reductions over `axes` (all of them when left out).
  sum(axes?: readonly number[] | number, options?: reduce.ReduceOptions): Tensor {
    return reduce.sum(this, axes, options);
  }
  mean(axes?: readonly number[] | number, options?: reduce.ReduceOptions): Tensor {
    return reduce.mean(this, axes, options);
  }
  max(axes?: readonly number[] | number, options?: reduce.ReduceOptions): Tensor {
    return reduce.max(this, axes, options);
  }
  argmax(axis: number): Tensor {
    return reduce.argmax(this, axis);
  }
  softmax(axis = -1): Tensor {
    return softmaxes.softmax(this, axis);
  }
  logSoftmax(axis = -1): Tensor {
    return softmaxes.logSoftmax(this, axis);
  }

  /** Matrix product over the last two axes; leading axes broadcast. [..., M, K] x [..., K, N] -> [..., M, N]. */
  matmul(other: Tensor): Tensor {
    return linalg.matmul(this, other);
  }
  /** See {@link convolution.conv}. */
  conv(filter: Tensor, options?: convolution.ConvOptions): Tensor {
    return convolution.conv(this, filter, options);
  }

  // Movement.
  /** The same elements in another shape; one dimension may be -1. */
  reshape(shape: Shape): Tensor {
    return movement.reshape(this, shape);
  }
  /** Axes in another order; reversed when left out. */
  transpose(permutation?: readonly number[]): Tensor {
    return movement.transpose(this, permutation);
  }
  /** Join the axes from `start` on into one: [B, C, H, W] -> [B, C*H*W]. */
  flatten(start = 1): Tensor {
    return movement.reshape(this, [...this.shape.slice(0, start), -1]);
  }
  expand(shape: Shape): Tensor {
    return movement.expand(this, shape);
  }
  slice(axis: number, start: number, end: number, step = 1): Tensor {
    return movement.slice(this, axis, start, end, step);
  }
}

/**
 * Build a node: check shapes through the record, return its outputs.
 * @throws ShapeError from the op's shape rule.
 */
export function apply<A extends Attrs>(op: OpRecord<A>, inputs: readonly Tensor[], attrs: A): readonly Tensor[] {
  const specs = op.shape(inputs, attrs);
  return new GraphNode(op as unknown as OpRecord, inputs, attrs, specs).outputs;
}

/** {@link apply} for ops with one output. */
export function applyOne<A extends Attrs>(op: OpRecord<A>, inputs: readonly Tensor[], attrs: A): Tensor {
  return apply(op, inputs, attrs)[0];
}
