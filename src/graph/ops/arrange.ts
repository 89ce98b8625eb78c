import { normalizeAxis, shapeError } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { concat, expand, reshape, slice, transpose } from "./movement.ts";
import { upsample } from "./resize.ts";

// Rearrangements that are plain functions of the movement ops: stacking, cutting, repeating, turning axes.

/** Drop axes of length 1: those named, or all. @throws ShapeError when a named axis is longer */
export function squeeze(x: Tensor, axes?: number | readonly number[]): Tensor {
  const listed = axes === undefined ? x.shape.flatMap((dim, i) => (dim === 1 ? [i] : [])) : typeof axes === "number" ? [axes] : axes;
  const dropped = listed.map((axis) => normalizeAxis(axis, x.rank, "squeeze"));
  const long = dropped.find((axis) => x.shape[axis] !== 1);
  if (long !== undefined) throw shapeError("squeeze", [x], `axis ${long} has length ${x.shape[long]}, not 1`);
  return reshape(
    x,
    x.shape.filter((_, i) => !dropped.includes(i)),
  );
}

/** Insert an axis of length 1 before `axis`; -1 puts it last. [A, B] at 1 -> [A, 1, B]. @throws ShapeError */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  const at = normalizeAxis(axis, x.rank + 1, "unsqueeze");
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** Exchange two axes. */
export function swapAxes(x: Tensor, a: number, b: number): Tensor {
  const [first, second] = [a, b].map((axis) => normalizeAxis(axis, x.rank, "swapAxes"));
  return transpose(
    x,
    x.shape.map((_, i) => (i === first ? second : i === second ? first : i)),
  );
}

/** Take axis `from` out and put it back so that it is axis `to`; the others keep their order. */
export function moveAxis(x: Tensor, from: number, to: number): Tensor {
  const [source, target] = [from, to].map((axis) => normalizeAxis(axis, x.rank, "moveAxis"));
  const order = x.shape.map((_, i) => i).filter((i) => i !== source);
  order.splice(target, 0, source);
  return transpose(x, order);
}

/** Tensors of one shape side by side on a new axis: n of [A, B] at 0 -> [n, A, B]. @throws ShapeError */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  const [first] = tensors;
  if (first === undefined || tensors.some((x) => String(x.shape) !== String(first.shape)))
    throw shapeError("stack", tensors, "at least one tensor, all of one shape, was expected");
  return concat(
    tensors.map((x) => unsqueeze(x, axis)),
    normalizeAxis(axis, first.rank + 1, "stack"),
  );
}

/**
 * The whole tensor repeated `repeats[i]` times along axis i (numpy.tile, torch's repeat). More repeats than axes add leading axes.
 * @throws ShapeError
 */
export function tile(x: Tensor, repeats: readonly number[]): Tensor {
  if (repeats.length < x.rank || repeats.some((n) => !Number.isInteger(n) || n < 1))
    throw shapeError("tile", [x], `one whole number above 0 per axis was expected, got [${repeats.join(",")}]`);
  const lifted = reshape(x, [...new Array<number>(repeats.length - x.rank).fill(1), ...x.shape]);
  // The innermost axis first: what an outer axis repeats is then one long block.
  return repeats.reduceRight((y, n, axis) => repeatBlocks(y, n, axis), lifted);
}

function repeatBlocks(x: Tensor, n: number, axis: number): Tensor {
  if (n === 1) return x;
  const [before, after] = [x.shape.slice(0, axis), x.shape.slice(axis)];
  const repeated = expand(reshape(x, [...before, 1, ...after]), [...before, n, ...after]);
  return reshape(repeated, [...before, n * after[0], ...after.slice(1)]);
}

/** Each position of one axis repeated `n` times in a row: a, a, b, b, ... (torch.repeat_interleave). @throws ShapeError */
export function repeatInterleave(x: Tensor, n: number, axis = 0): Tensor {
  if (!Number.isInteger(n) || n < 1) throw shapeError("repeatInterleave", [x], `a whole number above 0 was expected, got ${n}`);
  const at = normalizeAxis(axis, x.rank, "repeatInterleave");
  const [before, after] = [x.shape.slice(0, at + 1), x.shape.slice(at + 1)];
  // Stretching an innermost axis copies single numbers; a nearest Resize is ten times as fast.
  if (after.length === 0 && x.dtype === "float32" && x.size > 0)
    return reshape(upsample(reshape(x, [-1, 1, x.shape[at]]), n), [...x.shape.slice(0, at), x.shape[at] * n]);
  const repeated = expand(reshape(x, [...before, 1, ...after]), [...before, n, ...after]);
  return reshape(repeated, [...x.shape.slice(0, at), x.shape[at] * n, ...after]);
}

/** Positions moved along one axis by `shift`; those that leave at one end come in at the other (torch.roll). */
export function roll(x: Tensor, shift: number, axis = 0): Tensor {
  const at = normalizeAxis(axis, x.rank, "roll");
  const length = x.shape[at];
  const by = length === 0 ? 0 : ((shift % length) + length) % length;
  return by === 0 ? x : concat([slice(x, at, length - by, length), slice(x, at, 0, length - by)], at);
}

/** The main diagonal of two axes of equal length, as the last axis: [A, n, B, n] at 1 and 3 -> [A, B, n]. @throws ShapeError */
export function diagonal(x: Tensor, a = 0, b = 1): Tensor {
  const [first, second] = [a, b].map((axis) => normalizeAxis(axis, x.rank, "diagonal"));
  const n = x.shape[first];
  if (first === second || n !== x.shape[second])
    throw shapeError("diagonal", [x], `two axes of equal length were expected, got axes ${a} and ${b}`);
  const rest = x.shape.map((_, i) => i).filter((i) => i !== first && i !== second);
  const turned = transpose(x, [...rest, first, second]);
  const outer = rest.map((i) => x.shape[i]);
  return slice(reshape(turned, [...outer, n * n]), outer.length, 0, n * n, n + 1);
}
