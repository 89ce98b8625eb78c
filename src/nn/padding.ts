import { padBorder } from "../graph/ops/border.ts";
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
  return padBorder(x, [0, 0, ...borders.slice(0, axes)], [0, 0, ...borders.slice(axes)], mode);
}
