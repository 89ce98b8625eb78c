import { UsageError } from "../core/errors.ts";
import { type FeatureSet, requireFeatures, selectFeatures } from "./features.ts";
import { forEachSquaredDistance } from "./products.ts";

/** The nearest picture of a base set, for each of some pictures. */
export interface Neighbours {
  /** [N], rows of the base set. */
  indices: Uint32Array;
  /** [N], Euclidean distances. */
  distances: Float64Array;
}

/**
 * The nearest row of `base` for each row of `queries`, of equal ones the first.
 * @param own where given, `own[i]` is the row of `base` that query i itself is, and which does not count
 * @throws ShapeError, AtelierError as `requireFeatures`
 */
export function nearestNeighbours(queries: FeatureSet, base: FeatureSet, own?: Uint32Array): Neighbours {
  requireFeatures("nearest neighbours", { queries, base }, 1);
  const indices = new Uint32Array(queries.count);
  const distances = new Float64Array(queries.count).fill(Number.POSITIVE_INFINITY);
  forEachSquaredDistance(queries, base, (row, from, squared) => {
    for (let j = 0; j < squared.length; j++) {
      if (squared[j] >= distances[row] || own?.[row] === from + j) continue;
      distances[row] = squared[j];
      indices[row] = from + j;
    }
  });
  return { indices, distances: distances.map(Math.sqrt) };
}

/**
 * The k nearest rows of `base` for each row of `queries`, the nearest first, of equal ones the first; fewer where `base` has fewer.
 * @returns indices [N, k] and Euclidean distances [N, k]
 * @throws ShapeError, AtelierError as `requireFeatures`
 */
export function nearestFew(queries: FeatureSet, base: FeatureSet, k: number): Neighbours & { k: number } {
  requireFeatures("nearest neighbours", { queries, base }, 1);
  const few = Math.max(1, Math.min(k, base.count));
  const indices = new Uint32Array(queries.count * few);
  const distances = new Float64Array(queries.count * few).fill(Number.POSITIVE_INFINITY);
  forEachSquaredDistance(queries, base, (row, from, squared) => {
    const first = row * few;
    for (let j = 0; j < squared.length; j++) {
      if (squared[j] >= distances[first + few - 1]) continue;
      let at = first + few - 1;
      for (; at > first && distances[at - 1] > squared[j]; at--) {
        distances[at] = distances[at - 1];
        indices[at] = indices[at - 1];
      }
      distances[at] = squared[j];
      indices[at] = from + j;
    }
  });
  return { k: few, indices, distances: distances.map(Math.sqrt) };
}

/**
 * The distance from each row to its k-th nearest other row of the same set: the radius of the ball that stands for its surroundings. [N]
 * @throws UsageError unless the set has more than k rows
 */
export function neighbourRadii(set: FeatureSet, k: number): Float64Array {
  if (!Number.isInteger(k) || k < 1 || k >= set.count) {
    throw new UsageError({
      what: "The number of neighbours does not fit the set.",
      got: `${k} of ${set.count} pictures`,
      expected: "at least 1, and fewer than there are pictures",
    });
  }
  // The k smallest squared distances of each row, in order.
  const smallest = new Float64Array(set.count * k).fill(Number.POSITIVE_INFINITY);
  forEachSquaredDistance(set, set, (row, from, squared) => {
    const last = row * k + k - 1;
    for (let j = 0; j < squared.length; j++) {
      if (squared[j] >= smallest[last] || from + j === row) continue;
      let at = last;
      for (; at > row * k && smallest[at - 1] > squared[j]; at--) smallest[at] = smallest[at - 1];
      smallest[at] = squared[j];
    }
  });
  return Float64Array.from({ length: set.count }, (_, i) => Math.sqrt(smallest[i * k + k - 1]));
}

/** Whether a generator repeats its training pictures. */
export interface Memorisation {
  /**
   * Share of samples that lie nearer to a training picture than any other training picture does: 1 minus authenticity. Copies give 1. What fresh draws
   * from the data give depends on the features, so measure held-out pictures, too.
   */
  share: number;
  /** √(share (1 - share) / M). */
  error: number;
  /** The nearest training picture of each sample. */
  nearest: Neighbours;
  /** [M], distance from that training picture to its own nearest other one. */
  ownDistances: Float64Array;
}

/** Finds nearest neighbours: {@link nearestNeighbours}, or the same on a device. */
export type FindNeighbours = (queries: FeatureSet, base: FeatureSet, own?: Uint32Array) => Neighbours | Promise<Neighbours>;

/**
 * Memorisation as 1 minus the authenticity of Alaa et al., "How faithful is your synthetic data?", 2022, arXiv:2102.08921, section 3.3: a sample counts as a
 * copy when its nearest training picture is nearer to it than to every other training picture.
 * @param samples [M, D] features of generated pictures
 * @param training [N, D] features of the training pictures
 * @throws ShapeError, AtelierError as `requireFeatures`
 */
export async function memorisation(
  samples: FeatureSet,
  training: FeatureSet,
  find: FindNeighbours = nearestNeighbours,
): Promise<Memorisation> {
  requireFeatures("memorisation", { samples, training }, 2);
  const nearest = await find(samples, training);
  const chosen = Uint32Array.from(new Set(nearest.indices));
  const own = await find(selectFeatures(training, chosen), training, chosen);
  const ownOf = new Map(Array.from(chosen, (index, i) => [index, own.distances[i]]));
  const ownDistances = Float64Array.from(nearest.indices, (index) => ownOf.get(index)!);
  let copies = 0;
  for (let i = 0; i < samples.count; i++) if (nearest.distances[i] < ownDistances[i]) copies++;
  const share = copies / samples.count;
  return { share, error: Math.sqrt((share * (1 - share)) / samples.count), nearest, ownDistances };
}
