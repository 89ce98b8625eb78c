/** The element types a tensor can have. `uint8` is for stored pictures; weight files may hold more (see pretrained/safetensors.ts). */
export type DType = "float32" | "int32" | "int64" | "bool" | "uint8";

export type Shape = readonly number[];

/** The typed array that holds each element type on the host. `bool` is one byte per element, 0 or 1. */
export interface ArrayOf {
  float32: Float32Array;
  int32: Int32Array;
  int64: BigInt64Array;
  bool: Uint8Array;
  uint8: Uint8Array;
}

export type TypedArray = ArrayOf[DType];

export const bytesPerElement: Record<DType, number> = { float32: 4, int32: 4, int64: 8, bool: 1, uint8: 1 };

/** A zero-filled host array of `length` elements of the given type. */
export function allocate<D extends DType>(dtype: D, length: number): ArrayOf[D];
export function allocate(dtype: DType, length: number): TypedArray {
  switch (dtype) {
    case "float32":
      return new Float32Array(length);
    case "int32":
      return new Int32Array(length);
    case "int64":
      return new BigInt64Array(length);
    case "bool":
    case "uint8":
      return new Uint8Array(length);
  }
}

/** The number of elements of a shape; 1 for a scalar (`[]`). */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const dim of shape) size *= dim;
  return size;
}
