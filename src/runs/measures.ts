/** Samples against data by features: every measure beside what real pictures get. */
import { RandomStream } from "../core/random.ts";
import {
  densityCoverage,
  deviceNeighbours,
  type FeatureSet,
  frechetDistance,
  kernelDistance,
  kernelSums,
  type Memorisation,
  memorisation,
  precisionRecall,
  selectFeatures,
} from "../metrics/index.ts";
import type { Backend } from "../runtime/backend.ts";

/** A measure of the samples, beside the same measure of real pictures in their place. */
export interface Measure {
  value: number;
  /** Standard error; absent where none is known. */
  error?: number | undefined;
  /** What as many training pictures give (for memorisation: held-out ones). */
  real: number;
}

/** What is measured by features, by name. */
export const measureInfo = {
  fd: "Fréchet distance to the held-out pictures; lower is better",
  kd: "kernel distance to the held-out pictures, unbiased; lower is better, 0 is perfect",
  precision: "share of samples that look like data (3 neighbours)",
  recall: "share of the data that samples reach (3 neighbours)",
  density: "how often samples lie where data are dense (5 neighbours); about 1 for data",
  coverage: "share of held-out pictures with a sample nearby (5 neighbours)",
  memorised: "share of samples nearer to a training picture than its nearest other; beside held-out pictures' own share",
} as const;

export type MeasureName = keyof typeof measureInfo;

/** What samples of any model are measured against: features of the data, and what real pictures get. */
export interface Reference {
  held: FeatureSet;
  training: FeatureSet;
  /** How many samples are measured. */
  samples: number;
  /** What the kernel distance needs of the held-out pictures. */
  within: Float64Array;
  /** Held-out pictures that balls are drawn around. */
  balls: FeatureSet;
  /** Each measure of real pictures in the samples' place. */
  real: Record<MeasureName, number>;
  /** Of `balls`, each one's distance to the nearest training picture, ascending: how near pictures lie that nobody has copied. */
  heldDistances: Float64Array;
}

/** Beyond this many features a jackknife of the Fréchet distance takes minutes. */
const MOST_JACKKNIFED = 512;

/**
 * All that does not depend on the samples. Balls are compared at equal numbers, distances to the held-out pictures at equal numbers of samples and real
 * pictures; a set may be sorted by class, so its part is drawn.
 * @param samples how many samples of each model will be measured
 */
export async function openReference(held: FeatureSet, training: FeatureSet, samples: number, backend: Backend): Promise<Reference> {
  const number = Math.min(samples, held.count, training.count);
  const asMany = some(training, "training pictures", samples);
  const [balls, real] = [some(held, "held-out pictures", number), some(training, "training pictures", number)];
  const within = kernelSums(held);
  const copies = await memorisation(balls, training, deviceNeighbours(backend));
  return {
    ...{ held, training, samples, within, balls },
    heldDistances: copies.nearest.distances.slice().sort(),
    real: {
      fd: frechetDistance(held, asMany, 0).distance,
      kd: kernelDistance(held, asMany, within).value,
      ...precisionRecall(balls, real),
      ...densityCoverage(balls, real),
      memorised: copies.share,
    },
  };
}

/** The measures of as many samples as the reference was opened for, and each one's nearest training picture. */
export async function measureAgainst(
  { held, training, within, balls, real }: Reference,
  samples: FeatureSet,
  backend: Backend,
): Promise<{ measures: Record<MeasureName, Measure>; copies: Memorisation }> {
  const fd = frechetDistance(held, samples, held.size > MOST_JACKKNIFED ? 0 : 20);
  const kd = kernelDistance(held, samples, within);
  const few = some(samples, "samples", balls.count);
  const like = { ...precisionRecall(balls, few), ...densityCoverage(balls, few) };
  const copies = await memorisation(samples, training, deviceNeighbours(backend));
  const share = (name: keyof typeof like): Measure => ({ value: like[name], real: real[name] });
  return {
    measures: {
      fd: { value: fd.distance, error: Number.isNaN(fd.error) ? undefined : fd.error, real: real.fd },
      kd: { ...kd, real: real.kd },
      precision: share("precision"),
      recall: share("recall"),
      density: share("density"),
      coverage: share("coverage"),
      memorised: { value: copies.share, error: copies.error, real: real.memorised },
    },
    copies,
  };
}

/** At most `most` rows of a set, the same each time. */
function some(set: FeatureSet, name: string, most: number): FeatureSet {
  const order = new RandomStream(0, name).shuffle(Uint32Array.from({ length: set.count }, (_, i) => i));
  return selectFeatures(set, order.subarray(0, Math.min(set.count, most)));
}
