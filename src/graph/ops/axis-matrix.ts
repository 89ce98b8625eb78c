import type { Shape } from "../../core/dtype.ts";
import type { Tensor } from "../tensor.ts";
import { matmul } from "./linalg.ts";
import { reshape } from "./movement.ts";
import { constant } from "./source.ts";

// Linear maps of one axis by a constant matrix: interpolation, uneven means, selection. Forward and backward are matrix products, which on
// pictures of up to about a hundred positions a side beat the runtime's own linear Resize by two.

/**
 * y[..., o, ...] = Σ_i matrix[o, i] x[..., i, ...] along `axis`.
 * @param matrix [rows, length of the axis], row-major
 */
export function mapAxis(x: Tensor, axis: number, matrix: Float32Array, rows: number): Tensor {
  const length = x.shape[axis];
  if (rows === length && isIdentity(matrix, rows)) return x;
  const weights = constant(matrix, "float32", [rows, length]);
  const before = x.shape.slice(0, axis);
  const after = x.shape.slice(axis + 1);
  const shape: Shape = [...before, rows, ...after];
  const size = (dims: Shape) => dims.reduce((product, dim) => product * dim, 1);
  if (size(after) === 1) return reshape(matmul(reshape(x, [size(before), length]), weights, { transB: true }), shape);
  return reshape(matmul(weights, reshape(x, [size(before), length, size(after)])), shape);
}

function isIdentity(matrix: Float32Array, rows: number): boolean {
  return matrix.every((v, at) => v === Number(at % (rows + 1) === 0));
}

/** [n, length]: row i is the mean over its range of positions. */
export function averageMatrix(
  length: number,
  n: number,
  range: (i: number, n: number, length: number) => readonly [number, number],
): Float32Array {
  const matrix = new Float32Array(n * length);
  for (let i = 0; i < n; i++) {
    const [from, to] = range(i, n, length);
    matrix.fill(1 / (to - from), i * length + from, i * length + to);
  }
  return matrix;
}
