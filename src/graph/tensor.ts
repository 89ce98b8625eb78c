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

  /** Number of axes. */
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

  /** `Tensor(f32[2,3])`. */
  toString(): string {
    return `Tensor(${specText(this)})`;
  }

  // Elementwise, with broadcasting. `other` has a shape that broadcasts with this one, or is a number.
  /** this + other. */
  add(other: TensorLike): Tensor {
    return elementwise.add(this, other);
  }
  /** this - other. */
  sub(other: TensorLike): Tensor {
    return elementwise.sub(this, other);
  }
  /** this · other, element by element. */
  mul(other: TensorLike): Tensor {
    return elementwise.mul(this, other);
  }
  /** this / other. */
  div(other: TensorLike): Tensor {
    return elementwise.div(this, other);
  }
  /** this to the power of other; see `pow` for where it is differentiable. */
  pow(other: TensorLike): Tensor {
    return elementwise.pow(this, other);
  }
  /** The larger of the two; a tie splits the gradient evenly. */
  maximum(other: TensorLike): Tensor {
    return elementwise.maximum(this, other);
  }
  /** The smaller of the two; a tie splits the gradient evenly. */
  minimum(other: TensorLike): Tensor {
    return elementwise.minimum(this, other);
  }
  /** A boolean tensor: true where equal. */
  equal(other: TensorLike): Tensor {
    return elementwise.equal(this, other);
  }
  /** A boolean tensor: true where this is less. */
  less(other: TensorLike): Tensor {
    return elementwise.less(this, other);
  }
  /** A boolean tensor: true where this is greater. */
  greater(other: TensorLike): Tensor {
    return elementwise.greater(this, other);
  }
  /** -this. */
  neg(): Tensor {
    return elementwise.neg(this);
  }
  /** e to the power of this. */
  exp(): Tensor {
    return elementwise.exp(this);
  }
  /** Natural logarithm. */
  log(): Tensor {
    return elementwise.log(this);
  }
  /** Square root; its gradient at 0 is infinite. */
  sqrt(): Tensor {
    return elementwise.sqrt(this);
  }
  /** this · this. */
  square(): Tensor {
    return elementwise.mul(this, this);
  }
  /** 1 / this. */
  reciprocal(): Tensor {
    return elementwise.reciprocal(this);
  }
  /** Absolute value; the gradient at 0 is 0. */
  abs(): Tensor {
    return elementwise.abs(this);
  }
  /** Hyperbolic tangent. */
  tanh(): Tensor {
    return elementwise.tanh(this);
  }
  /** 1 / (1 + exp(-this)). */
  sigmoid(): Tensor {
    return elementwise.sigmoid(this);
  }
  /** log(1 + exp(this)), without overflow. */
  softplus(): Tensor {
    return elementwise.softplus(this);
  }
  /** max(this, 0); the gradient at 0 is 0. */
  relu(): Tensor {
    return elementwise.relu(this);
  }
  /** Another element type; float32 to integer truncates towards zero, anything to bool is "not 0". */
  cast(dtype: DType): Tensor {
    return elementwise.cast(this, dtype);
  }
  /** Values limited to [low, high]; the gradient is zero outside, and passes on the bounds. */
  clip(low: number, high: number): Tensor {
    return clipping.clip(this, low, high);
  }

  // Reductions over `axes` (all of them when left out).
  /** Sum; of booleans only after a cast. */
  sum(axes?: readonly number[] | number, options?: reduce.ReduceOptions): Tensor {
    return reduce.sum(this, axes, options);
  }
  /** Mean. */
  mean(axes?: readonly number[] | number, options?: reduce.ReduceOptions): Tensor {
    return reduce.mean(this, axes, options);
  }
  /** The largest element; ties share the gradient evenly. */
  max(axes?: readonly number[] | number, options?: reduce.ReduceOptions): Tensor {
    return reduce.max(this, axes, options);
  }
  /** Position of the largest element along an axis, int64; the first of equals. */
  argmax(axis: number): Tensor {
    return reduce.argmax(this, axis);
  }
  /** exp(this) / Σ exp(this) along an axis. */
  softmax(axis = -1): Tensor {
    return softmaxes.softmax(this, axis);
  }
  /** log of {@link softmax}, without overflow. */
  logSoftmax(axis = -1): Tensor {
    return softmaxes.logSoftmax(this, axis);
  }

  /** Matrix product over the last two axes; leading axes broadcast. [..., M, K] x [..., K, N] -> [..., M, N]. */
  matmul(other: Tensor): Tensor {
    return linalg.matmul(this, other);
  }
  /** Convolution over all axes behind the second: this [B, C, ...], filter [K, C / groups, ...] -> [B, K, ...]. */
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
  /** Repeat axes of length 1, and new ones in front, up to a shape; nothing is copied where broadcasting will do. */
  expand(shape: Shape): Tensor {
    return movement.expand(this, shape);
  }
  /** Elements start, start + step, ... below end along an axis. */
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
