import { concat, expand, flip } from "../graph/ops/movement.ts";
import { shapeError } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";

/** `reflect` mirrors without repeating the edge, `replicate` repeats the edge, `circular` continues at the other side. PyTorch's names. */
export type PaddingMode = "zeros" | "reflect" | "replicate" | "circular";

export const paddingModes: readonly PaddingMode[] = ["zeros", "reflect", "replicate", "circular"];

/**
 * A border around the spatial axes of x [B, C, ...] filled from x itself.
 * @param borders begins of each spatial axis, then ends
 * @throws ShapeError when x is too small: `reflect` needs borders below its sizes, `circular` borders up to them
 */
export function padBorders(x: Tensor, borders: readonly number[], mode: Exclude<PaddingMode, "zeros">): Tensor {
  const axes = x.rank - 2;
  if (borders.length !== 2 * axes || borders.some((n) => !Number.isInteger(n) || n < 0))
    throw shapeError("padding", [x], `borders must be ${axes} or ${2 * axes} whole numbers of at least 0; got ${String(borders)}`);
  const largest = x.shape.slice(2).map((size) => (mode === "replicate" ? Number.POSITIVE_INFINITY : mode === "reflect" ? size - 1 : size));
  if (borders.some((n, i) => n > largest[i % axes]))
    throw shapeError("padding", [x], `borders of ${borders.join(",")} are too wide for paddingMode "${mode}"`);
  return largest.reduce<Tensor>((padded, _, i) => padAxis(padded, i + 2, borders[i], borders[i + axes], mode), x);
}

function padAxis(x: Tensor, axis: number, begin: number, end: number, mode: Exclude<PaddingMode, "zeros">): Tensor {
  const size = x.shape[axis];
  const edge = (at: number, count: number): Tensor =>
    expand(
      x.slice(axis, at, at + 1),
      x.shape.map((n, i) => (i === axis ? count : n)),
    );
  const [before, after] = {
    reflect: [() => flip(x.slice(axis, 1, begin + 1), axis), () => flip(x.slice(axis, size - 1 - end, size - 1), axis)],
    replicate: [() => edge(0, begin), () => edge(size - 1, end)],
    circular: [() => x.slice(axis, size - begin, size), () => x.slice(axis, 0, end)],
  }[mode];
  const parts = [...(begin > 0 ? [before()] : []), x, ...(end > 0 ? [after()] : [])];
  return parts.length === 1 ? x : concat(parts, axis);
}
