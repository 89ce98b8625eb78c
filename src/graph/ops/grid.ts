import type { DType } from "../../core/dtype.ts";
import { AtelierError } from "../../core/errors.ts";
import { shapeError } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { mul, where } from "./elementwise.ts";
import { expand, reshape } from "./movement.ts";
import { constant } from "./source.ts";

// Constants with a pattern: ranges, grids, identity matrices, triangles.

/** start, start + step, ... below `end` (above it for a negative step): [n]. Called with one number it counts from 0 to below it. */
export function arange(start: number, end?: number, step = 1, dtype: DType = "float32"): Tensor {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  const count = Math.max(Math.ceil((to - from) / step), 0);
  if (!Number.isFinite(count)) throw badNumbers("arange", { start, end, step });
  return constant(
    Array.from({ length: count }, (_, i) => from + i * step),
    dtype,
    [count],
  );
}

/** `count` numbers from `start` to `end`, both included, at equal distances: [count], float32. */
export function linspace(start: number, end: number, count: number): Tensor {
  if (!Number.isInteger(count) || count < 0 || !Number.isFinite(end - start)) throw badNumbers("linspace", { start, end, count });
  const at = (i: number) => (i === count - 1 && count > 1 ? end : start + ((end - start) * i) / Math.max(count - 1, 1));
  return constant(
    Array.from({ length: count }, (_, i) => at(i)),
    "float32",
    [count],
  );
}

function badNumbers(name: string, given: Record<string, number | undefined>): AtelierError {
  return new AtelierError({
    what: `${name}: these numbers make no range.`,
    got: JSON.stringify(given),
    expected: "finite ones, and a step other than 0",
  });
}

/** Ones on the main diagonal, zeros elsewhere: [rows, columns]. */
export function eye(rows: number, columns = rows): Tensor {
  return pattern(rows, columns, (i, j) => i === j, "float32");
}

/** Coordinates of a grid over 1-D tensors, `ij` order: of [A] and [B] two of [A, B]. @throws ShapeError */
export function meshgrid(...axes: readonly Tensor[]): Tensor[] {
  if (axes.some((x) => x.rank !== 1)) throw shapeError("meshgrid", axes, "tensors with one axis were expected");
  const shape = axes.map((x) => x.size);
  return axes.map((x, i) =>
    expand(
      reshape(
        x,
        shape.map((n, j) => (i === j ? n : 1)),
      ),
      shape,
    ),
  );
}

function pattern(rows: number, columns: number, holds: (i: number, j: number) => boolean, dtype: DType): Tensor {
  const size = Math.max(rows * columns, 0);
  const values = Uint8Array.from({ length: size }, (_, at) => Number(holds(Math.floor(at / columns), at % columns)));
  return constant(values, dtype, [rows, columns]);
}

/** 1 on and below the diagonal that is `offset` to the right of the main one, else 0: [rows, columns], bool unless told. Causal attention is made of it. */
export function trilMask(rows: number, columns = rows, offset = 0, dtype: DType = "bool"): Tensor {
  return pattern(rows, columns, (i, j) => j - i <= offset, dtype);
}

/** 1 on and above the diagonal that is `offset` to the right of the main one, else 0: [rows, columns], bool unless told. */
export function triuMask(rows: number, columns = rows, offset = 0, dtype: DType = "bool"): Tensor {
  return pattern(rows, columns, (i, j) => j - i >= offset, dtype);
}

/** The last two axes with zeros above the diagonal that is `offset` to the right of the main one. x [..., M, N]; its entries there must be finite. */
export function tril(x: Tensor, offset = 0): Tensor {
  return mul(x, trilMask(...matrixShape("tril", x), offset, "float32"));
}

/** The last two axes with zeros below the diagonal that is `offset` to the right of the main one. x [..., M, N]; its entries there must be finite. */
export function triu(x: Tensor, offset = 0): Tensor {
  return mul(x, triuMask(...matrixShape("triu", x), offset, "float32"));
}

function matrixShape(op: string, x: Tensor): [number, number] {
  if (x.rank < 2) throw shapeError(op, [x], "a tensor with at least two axes was expected");
  return [x.shape[x.rank - 2], x.shape[x.rank - 1]];
}

/** `value` where the boolean mask (which broadcasts) is true, else x; no gradient flows to what is covered. @throws ShapeError */
export function maskedFill(x: Tensor, mask: Tensor, value: number): Tensor {
  return where(mask, value, x);
}
