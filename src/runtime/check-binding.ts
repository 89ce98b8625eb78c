import { type DType, type Shape, sizeOf, type TypedArray } from "../core/dtype.ts";
import { nearest, RuntimeError } from "../core/errors.ts";
import type { ValueInfo } from "./backend.ts";

/** A value of a program together with the host array that a binding ties to it; no dimension of `shape` is free. */
export interface BoundArray {
  name: string;
  dtype: DType;
  shape: Shape;
  array: TypedArray;
}

type Arrays = Readonly<Record<string, TypedArray>>;
type Shapes = Readonly<Record<string, Shape>>;

const arrayClass: Record<DType, string> = {
  float32: "Float32Array",
  int32: "Int32Array",
  int64: "BigInt64Array",
  bool: "Uint8Array",
  uint8: "Uint8Array",
};

/**
 * The model itself where it is a non-empty array of bytes.
 * @throws RuntimeError
 */
export function checkModel(model: Uint8Array, program: string): Uint8Array {
  if (model instanceof Uint8Array && model.byteLength > 0) return model;
  throw new RuntimeError({
    what: "There is no model to load.",
    where: `program "${program}"`,
    got: model instanceof Uint8Array ? "0 bytes" : classOf(model),
    expected: "a Uint8Array with a serialized ONNX model",
  });
}

/**
 * Match arrays with the inputs of a program, in the program's order. Everything a native runtime would only notice by crashing is
 * checked here: names, element types, lengths, detached and resizable buffers. Every input must be there.
 * @throws RuntimeError
 */
export function checkInputs(program: string, infos: readonly ValueInfo[], arrays: Arrays, shapes: Shapes = {}): BoundArray[] {
  checkNames(program, "input", infos, arrays);
  return infos.map((info) => {
    const array = arrays[info.name];
    if (array === undefined) {
      throw new RuntimeError({ what: `The input "${info.name}" of the program "${program}" is not bound.`, expected: describeValue(info) });
    }
    return checkArray(program, "input", info, array, shapes[info.name]);
  });
}

/**
 * Match arrays with the outputs of a program, in the program's order. Outputs may be left out, but not all of them.
 * @throws RuntimeError
 */
export function checkOutputs(program: string, infos: readonly ValueInfo[], arrays: Arrays, shapes: Shapes = {}): BoundArray[] {
  checkNames(program, "output", infos, arrays);
  const wanted = infos.filter((info) => arrays[info.name] !== undefined);
  if (wanted.length === 0) {
    throw new RuntimeError({ what: `No output of the program "${program}" is bound.`, expected: `at least one of: ${describeAll(infos)}` });
  }
  return wanted.map((info) => checkArray(program, "output", info, arrays[info.name], shapes[info.name]));
}

/** The distinct buffers behind the bound arrays with their sizes in bytes, to notice later that one was transferred away. */
export function buffersOf(bound: readonly BoundArray[]): Map<ArrayBufferLike, number> {
  return new Map(bound.map(({ array }) => [array.buffer, array.buffer.byteLength]));
}

/**
 * Check that no buffer was transferred or resized since the binding was made: its memory would no longer be ours.
 * @throws RuntimeError
 */
export function checkBuffers(program: string, buffers: ReadonlyMap<ArrayBufferLike, number>): void {
  for (const [buffer, bytes] of buffers) {
    if (buffer.byteLength === bytes) continue;
    throw new RuntimeError({
      what: `An array bound to the program "${program}" was transferred away or resized.`,
      got: `a buffer of ${buffer.byteLength} bytes`,
      expected: `${bytes} bytes, as when it was bound`,
      hint: "bind the new array",
    });
  }
}

/** A value as errors show it: `x: float32 [?, 3]`, with `?` for a free dimension. */
export function describeValue({ name, dtype, shape }: ValueInfo): string {
  return `${name}: ${dtype} [${shape.map((dim) => (dim === -1 ? "?" : dim)).join(", ")}]`;
}

function describeAll(infos: readonly ValueInfo[]): string {
  return infos.map(describeValue).join("; ");
}

function checkNames(program: string, side: "input" | "output", infos: readonly ValueInfo[], arrays: Arrays): void {
  const known = infos.map((info) => info.name);
  const names = new Set(known);
  for (const name of Object.keys(arrays)) {
    if (names.has(name)) continue;
    const near = nearest(name, known);
    throw new RuntimeError({
      what: `The program "${program}" has no ${side} named "${name}".`,
      expected: infos.length === 0 ? `no ${side}s` : `one of: ${describeAll(infos)}`,
      hint: near === undefined ? undefined : `did you mean "${near}"?`,
    });
  }
}

function checkArray(program: string, side: "input" | "output", info: ValueInfo, array: TypedArray, given: Shape | undefined): BoundArray {
  const where = `${side} "${info.name}" of the program "${program}"`;
  const wanted = arrayClass[info.dtype];
  const found = classOf(array);
  if (found !== wanted) {
    throw new RuntimeError({
      what: "A bound array has the wrong type.",
      where,
      got: found,
      expected: `${wanted} for ${describeValue(info)}`,
    });
  }
  if ("resizable" in array.buffer && array.buffer.resizable === true) {
    throw new RuntimeError({
      what: "A resizable buffer cannot be bound: its memory may move.",
      where,
      hint: "bind an array over a buffer of fixed size",
    });
  }
  const shape = fixShape(where, given === undefined ? info : { ...info, shape: agreed(where, info, given) }, array.length);
  return { name: info.name, dtype: info.dtype, shape, array };
}

/** A shape given for a value, which has the value's own dimensions where these are not free. */
function agreed(where: string, info: ValueInfo, given: Shape): Shape {
  const fits = given.length === info.shape.length && given.every((dim, i) => dim > 0 && (info.shape[i] === -1 || info.shape[i] === dim));
  if (fits) return given;
  throw new RuntimeError({
    what: "A bound array was given a shape that its value cannot have.",
    where,
    got: `[${given.join(", ")}]`,
    expected: describeValue(info),
  });
}

/** The concrete shape for an array of `length` elements: at most one dimension may be free, and the length must fit. */
function fixShape(where: string, info: ValueInfo, length: number): Shape {
  const free = info.shape.filter((dim) => dim === -1).length;
  const expected = describeValue(info);
  if (free > 1) {
    throw new RuntimeError({
      what: "A value with more than one free dimension cannot be bound: the length of an array fixes only one.",
      where,
      got: expected,
      hint: "load the program with fixed shapes",
    });
  }
  if (free === 0) {
    const size = sizeOf(info.shape);
    if (length === size) return info.shape;
    throw new RuntimeError({
      what: "A bound array has the wrong length.",
      where,
      got: `${length} elements`,
      expected: `${size} elements for ${expected}`,
    });
  }
  const row = -sizeOf(info.shape);
  if (row === 0 || length === 0 || length % row !== 0) {
    throw new RuntimeError({
      what: "A bound array has the wrong length.",
      where,
      got: `${length} elements`,
      expected: `a positive multiple of ${row} elements for ${expected}`,
    });
  }
  return info.shape.map((dim) => (dim === -1 ? length / row : dim));
}

/** The class name of a typed array, also of one from another realm; for anything else what it is. */
function classOf(array: unknown): string {
  if (ArrayBuffer.isView(array) && Symbol.toStringTag in array) return String(array[Symbol.toStringTag]);
  if (Array.isArray(array)) return "a plain array";
  return array === null ? "null" : typeof array;
}
