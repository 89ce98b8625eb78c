/** The samples that lie nearest to training pictures, one by one, beside the distances that pictures nobody has copied keep. */
import type { ImageSet } from "../data/dataset.ts";
import { type FeatureSet, type Memorisation, nearestFew, selectFeatures } from "../metrics/index.ts";

/** A sample beside its nearest training pictures. */
export interface ClosestSample {
  /** Which of the samples it is. */
  sample: number;
  /** The training pictures nearest to it by features, the nearest first. */
  neighbours: { index: number; distance: number }[];
  /** From the nearest training picture to its own nearest other one. */
  ownDistance: number;
  /** Share of held-out pictures that lie at least as near to a training picture. [0, 1] */
  heldShare: number;
  /** Nearer than all but a hundredth of the held-out pictures: to be looked at as a copy. */
  flagged: boolean;
}

export interface Closest {
  samples: ClosestSample[];
  /** How many of all the samples are flagged. */
  flagged: number;
  /** Distances of held-out pictures to their nearest training pictures: the 0th, 1st, 10th, 50th, 90th and 100th hundredth. */
  heldQuantiles: [share: number, distance: number][];
  /** Pictures [samples (1 + neighbours), C, H, W] as bytes: each sample, then its neighbours. */
  pictures: { data: Uint8Array; shape: readonly [number, number, number, number] };
}

interface Described {
  set: ImageSet;
  features: FeatureSet;
}

/** Training pictures shown beside a sample. */
const NEIGHBOURS = 4;
/** Samples nearer to a training picture than this share of held-out pictures are flagged. */
const RARE = 0.01;

/**
 * The `count` samples that lie nearest to training pictures.
 * @param copies what `memorisation` found of the same samples and training pictures
 * @param heldDistances ascending: from held-out pictures to their nearest training pictures
 */
export function findClosest(
  samples: Described,
  training: Described,
  { nearest, ownDistances }: Memorisation,
  heldDistances: Float64Array,
  count: number,
): Closest {
  const order = Array.from({ length: samples.set.count }, (_, i) => i).sort((a, b) => nearest.distances[a] - nearest.distances[b]);
  const chosen = order.slice(0, count);
  const found = nearestFew(selectFeatures(samples.features, chosen), training.features, NEIGHBOURS);
  const share = (distance: number) => shareUpTo(heldDistances, distance);
  const told = chosen.map((sample, i): ClosestSample => {
    const neighbours = Array.from({ length: found.k }, (_, k) => ({
      index: found.indices[i * found.k + k],
      distance: found.distances[i * found.k + k],
    }));
    const heldShare = share(nearest.distances[sample]);
    return { sample, neighbours, ownDistance: ownDistances[sample], heldShare, flagged: heldShare < RARE };
  });
  const flagged = nearest.distances.reduce((sum, distance) => sum + (share(distance) < RARE ? 1 : 0), 0);
  const quantile = (part: number) => heldDistances[Math.min(heldDistances.length - 1, Math.floor(part * heldDistances.length))];
  const heldQuantiles = [0, 0.01, 0.1, 0.5, 0.9, 1].map((part): [number, number] => [part, quantile(part)]);
  return { samples: told, flagged, heldQuantiles, pictures: sideBySide(samples.set, training.set, told) };
}

/** The share of ascending values that are at most `value`. */
function shareUpTo(ascending: Float64Array, value: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low / ascending.length;
}

function sideBySide(samples: ImageSet, training: ImageSet, told: readonly ClosestSample[]): Closest["pictures"] {
  const size = samples.images.length / samples.count;
  const across = 1 + (told[0]?.neighbours.length ?? 0);
  const data = new Uint8Array(told.length * across * size);
  const put = (set: ImageSet, row: number, at: number) => data.set(set.images.subarray(row * size, (row + 1) * size), at * size);
  told.forEach(({ sample, neighbours }, i) => {
    put(samples, sample, i * across);
    neighbours.forEach(({ index }, k) => {
      put(training, index, i * across + 1 + k);
    });
  });
  return { data, shape: [told.length * across, ...samples.shape] };
}
