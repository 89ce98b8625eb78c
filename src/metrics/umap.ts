import { AtelierError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import { codeSize } from "./codes.ts";

export interface UmapOptions {
  /** Of the start and of every draw. Default 0. */
  seed?: number | string;
  /** Neighbours that shall stay near: few show fine structure, many the whole. Default 15. */
  neighbours?: number;
  /** How close points may lie in the map. Default 0.1. */
  minDistance?: number;
}

/**
 * A map of points of many dimensions in which neighbours stay neighbours (McInnes et al., "UMAP: uniform manifold approximation and projection", 2018,
 * arXiv:1802.03426). Distances between far groups, and the axes, mean nothing. About a second a thousand points.
 * @param rows [N, D]
 * @returns [N, 2], the same for the same seed
 * @throws ShapeError when the values do not divide into rows; AtelierError for fewer than four points
 */
export async function umap(rows: ArrayLike<number>, count: number, options: UmapOptions = {}): Promise<Float32Array> {
  const { seed = 0, neighbours = 15, minDistance = 0.1 } = options;
  const size = codeSize(rows, count);
  if (count < 4) throw new AtelierError({ what: "A map needs at least four pictures.", got: String(count), hint: "choose the method pca" });
  const { UMAP } = await import("umap-js");
  const stream = new RandomStream(seed, "umap");
  const method = new UMAP({
    nComponents: 2,
    nNeighbors: Math.min(neighbours, count - 1),
    minDist: minDistance,
    random: () => stream.uniform(),
  });
  const points = Array.from({ length: count }, (_, n) => Array.from({ length: size }, (_, z) => rows[n * size + z]));
  return Float32Array.from((await method.fitAsync(points)).flat());
}
