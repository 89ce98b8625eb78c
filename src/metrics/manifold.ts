import { type FeatureSet, requireFeatures } from "./features.ts";
import { neighbourRadii } from "./neighbours.ts";
import { forEachSquaredDistance } from "./products.ts";

export interface PrecisionRecall {
  /** Share of samples inside a ball of the reference: how many look like data. [0, 1] */
  precision: number;
  /** Share of reference pictures inside a ball of the samples: how much of the data the model covers. [0, 1] */
  recall: number;
}

export interface DensityCoverage {
  /** Mean number of reference balls that a sample lies in, divided by k: about 1 for samples like the data, and can be more. */
  density: number;
  /** Share of reference pictures with a sample in their ball. [0, 1] */
  coverage: number;
}

/** Who lies in whose ball. A ball reaches from a picture to its k-th nearest of the same set. */
interface Balls {
  /** [M], in how many balls of the reference a sample lies. */
  perSample: Uint32Array;
  /** [N], whether a sample lies in the ball of a reference picture. */
  covered: Uint8Array;
  /** [N], whether a reference picture lies in a ball of the samples. */
  recalled: Uint8Array;
}

/**
 * Improved precision and recall (Kynkäänniemi et al. 2019, arXiv:1904.06991, Eqs. 1 and 2): balls up to the k-th nearest neighbour stand for what a set
 * covers. Give both sets the same number of pictures: a larger set has smaller balls. One outlier with a large ball raises either.
 * @param reference [N, D] features of data
 * @param samples [M, D] features of generated pictures
 * @param k default 3, as in the paper
 * @throws UsageError unless both sets have more than k pictures; ShapeError, AtelierError as `requireFeatures`
 */
export function precisionRecall(reference: FeatureSet, samples: FeatureSet, k = 3): PrecisionRecall {
  requireFeatures("precision and recall", { reference, samples }, 2);
  const { perSample, recalled } = ballsOf(reference, samples, neighbourRadii(reference, k), neighbourRadii(samples, k), true);
  return { precision: share(perSample), recall: share(recalled) };
}

/**
 * Density and coverage (Naeem et al. 2020, arXiv:2002.09797, Eqs. 7 and 9): balls of the reference only, so that one outlier counts little.
 * @param k default 5, as in the paper
 * @throws UsageError unless the reference has more than k pictures; ShapeError, AtelierError as `requireFeatures`
 */
export function densityCoverage(reference: FeatureSet, samples: FeatureSet, k = 5): DensityCoverage {
  requireFeatures("density and coverage", { reference, samples }, 2);
  const none = new Float64Array(samples.count);
  const { perSample, covered } = ballsOf(reference, samples, neighbourRadii(reference, k), none, false);
  return { density: perSample.reduce((sum, balls) => sum + balls, 0) / (k * samples.count), coverage: share(covered) };
}

/** @param closed whether a ball holds its border, as the first paper has it; the second's do not */
function ballsOf(reference: FeatureSet, samples: FeatureSet, radii: Float64Array, sampleRadii: Float64Array, closed: boolean): Balls {
  const perSample = new Uint32Array(samples.count);
  const covered = new Uint8Array(reference.count);
  const recalled = new Uint8Array(reference.count);
  const within = closed
    ? (distance: number, radius: number) => distance <= radius
    : (distance: number, radius: number) => distance < radius;
  forEachSquaredDistance(reference, samples, (row, from, squared) => {
    for (let j = 0; j < squared.length; j++) {
      const distance = Math.sqrt(squared[j]);
      if (within(distance, radii[row])) {
        perSample[from + j]++;
        covered[row] = 1;
      }
      if (within(distance, sampleRadii[from + j])) recalled[row] = 1;
    }
  });
  return { perSample, covered, recalled };
}

/** The share of entries that are not 0. */
function share(counts: ArrayLike<number>): number {
  let some = 0;
  for (let i = 0; i < counts.length; i++) if (counts[i] > 0) some++;
  return some / counts.length;
}
