import type { DType, Shape } from "../core/dtype.ts";
import { ShapeError } from "../core/errors.ts";

/** What is known of a value while a graph is built. */
export interface Spec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** `f32[2,3]`: how specs are written in canonical text and in errors. */
export function specText(spec: Spec): string {
  return `${dtypeText[spec.dtype]}[${spec.shape.join(",")}]`;
}

const dtypeText: Record<DType, string> = { float32: "f32", int32: "i32", int64: "i64", bool: "bool", uint8: "u8" };

/** The shape of two operands after broadcasting (ONNX and NumPy rule): axes align from the right, 1 stretches. */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = new Array(rank);
  for (let i = 1; i <= rank; i++) {
    const da = a[a.length - i] ?? 1;
    const db = b[b.length - i] ?? 1;
    if (da !== db && da !== 1 && db !== 1) return undefined;
    shape[rank - i] = da === 1 ? db : da;
  }
  return shape;
}

/** An axis counted from the front; negative ones count from the end. Throws ShapeError when it does not exist. */
export function normalizeAxis(axis: number, rank: number, op: string): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= rank) {
    throw new ShapeError({
      what: `${op}: axis ${axis} does not exist.`,
      where: callerLine(),
      got: `a tensor of rank ${rank}`,
      expected: rank === 0 ? "no axis: the tensor is a scalar" : `an axis from ${-rank} to ${rank - 1}`,
    });
  }
  return resolved;
}

/** Sorted, distinct axes; all of them when `axes` is undefined. */
export function normalizeAxes(axes: readonly number[] | number | undefined, rank: number, op: string): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, i) => i);
  const list = (typeof axes === "number" ? [axes] : axes).map((axis) => normalizeAxis(axis, rank, op));
  return [...new Set(list)].sort((a, b) => a - b);
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides: number[] = new Array(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** A ShapeError that shows every operand and the line of the caller's code. */
export function shapeError(op: string, inputs: readonly Spec[], problem: string, hint?: string): ShapeError {
  return new ShapeError({
    what: `${op}: ${problem}`,
    where: callerLine(),
    got: inputs.map(operandText).join(" and "),
    hint,
  });
}

/** A spec; a parameter of a model also tells its path: `f32[10,3] (head.weight)`. */
function operandText(operand: Spec & { readonly path?: string | undefined }): string {
  return operand.path === undefined ? specText(operand) : `${specText(operand)} (${operand.path})`;
}

/** Throw unless every operand is float32. @throws ShapeError */
export function requireFloats(op: string, inputs: readonly Spec[]): void {
  if (inputs.every(({ dtype }) => dtype === "float32")) return;
  throw shapeError(
    op,
    inputs,
    `${inputs.length === 1 ? "a float32 tensor was" : "float32 tensors were"} expected`,
    'convert it first: x.cast("float32")',
  );
}

/** Throw for booleans where numbers are needed. @throws ShapeError */
export function requireNumbers(op: string, inputs: readonly Spec[]): void {
  if (inputs.every(({ dtype }) => dtype !== "bool")) return;
  throw shapeError(op, inputs, "numbers were expected, not booleans", 'convert it first: x.cast("float32")');
}

/** Throw where an axis, counted from the front, does not exist. @throws ShapeError */
export function requireAxes(op: string, x: Spec, axes: readonly number[]): void {
  const missing = axes.find((axis) => axis >= x.shape.length);
  if (missing !== undefined) throw shapeError(op, [x], `axis ${missing} does not exist: the tensor's rank is ${x.shape.length}`);
}

const libraryRoot = new URL("../", import.meta.url).href.replace("file://", "");

/** The innermost stack frame outside this library: the line a user can mend. Tests beside our sources count as users. */
export function callerLine(): string | undefined {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 60;
  const frames = (new Error().stack ?? "").split("\n").slice(1);
  Error.stackTraceLimit = limit;
  const outside = frames.find((frame) => /[:/\\]/.test(frame) && !frame.includes("node:") && isOutside(frame));
  return outside?.trim().replace(/^at /, "");
}

function isOutside(frame: string): boolean {
  return !frame.includes(libraryRoot) || frame.includes(".test.ts");
}
