import type { DType, Shape } from "../core/dtype.ts";
import { sizeOf } from "../core/dtype.ts";
import type { NdArray } from "./op.ts";
import { stridesOf } from "./shape.ts";

/** A zero-filled interpreter value. */
export function ndZeros(shape: Shape, dtype: DType = "float32"): NdArray {
  return { shape, dtype, data: new Float64Array(sizeOf(shape)) };
}

/** Visit every index of a shape in row-major order. The index array is reused between calls. */
export function forEachIndex(shape: Shape, visit: (index: readonly number[], flat: number) => void): void {
  const total = sizeOf(shape);
  const index = new Array<number>(shape.length).fill(0);
  for (let flat = 0; flat < total; flat++) {
    visit(index, flat);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]++;
      if (index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

/** A reader of `a` at an index of a shape that `a` broadcasts to. */
export function broadcastReader(a: NdArray): (index: readonly number[]) => number {
  const strides = stridesOf(a.shape);
  return (index) => {
    let offset = 0;
    const shift = index.length - a.shape.length;
    for (let axis = 0; axis < a.shape.length; axis++) if (a.shape[axis] !== 1) offset += strides[axis] * index[axis + shift];
    return a.data[offset];
  };
}

/** out[index] = f(a[index], b[index], ...) with broadcasting. */
export function ndMap(inputs: readonly NdArray[], shape: Shape, dtype: DType, f: (...values: number[]) => number): NdArray {
  const out = ndZeros(shape, dtype);
  const readers = inputs.map(broadcastReader);
  forEachIndex(shape, (index, flat) => {
    out.data[flat] = f(...readers.map((read) => read(index)));
  });
  return out;
}
