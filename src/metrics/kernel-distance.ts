import { UsageError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import { type FeatureSet, requireFeatures, selectFeatures } from "./features.ts";
import { jackknifeError } from "./frechet.ts";
import { forEachProduct, squaredNorms } from "./products.ts";

/** An estimate with its standard error. */
export interface Estimate {
  value: number;
  error: number;
}

/** k(x, y) = (x · y / D + 1)³, of the inner product. */
function kernel(product: number, size: number): number {
  const base = product / size + 1;
  return base * base * base;
}

/**
 * Kernel distance: the squared maximum mean discrepancy under k(x, y) = (x · y / D + 1)³, by its unbiased estimator over all pairs
 * (Bińkowski et al., "Demystifying MMD GANs", 2018, arXiv:1801.01401, section 4.1; Gretton et al. 2012, Eq. 3), on any features: with those of
 * Inception it is KID. Unbiased at any number of samples, and so sometimes below 0.
 *
 * The standard error is the delete-one jackknife's over both sets (Arvesen 1969): for other samples and other reference pictures.
 *
 * @param reference [N, D] features of data
 * @param samples [M, D] features of generated pictures
 * @param within `kernelSums(reference)`, where several sets are compared with one reference
 * @throws ShapeError, AtelierError as `requireFeatures`
 */
export function kernelDistance(reference: FeatureSet, samples: FeatureSet, within = kernelSums(reference)): Estimate {
  requireFeatures("kernel distance", { reference, samples }, 3);
  const [n, m] = [reference.count, samples.count];
  const among = kernelSums(samples);
  const acrossRows = new Float64Array(n);
  const acrossColumns = new Float64Array(m);
  forEachProduct(reference, samples, (row, from, products) => {
    for (let j = 0; j < products.length; j++) {
      const value = kernel(products[j], reference.size);
      acrossRows[row] += value;
      acrossColumns[from + j] += value;
    }
  });
  const [xx, yy, xy] = [total(within), total(among), total(acrossRows)];
  const estimate = (sumXx: number, sumYy: number, sumXy: number, nx: number, ny: number) =>
    sumXx / (nx * (nx - 1)) + sumYy / (ny * (ny - 1)) - (2 * sumXy) / (nx * ny);
  const withoutReference = within.map((sum, i) => estimate(xx - 2 * sum, yy, xy - acrossRows[i], n - 1, m));
  const withoutSample = among.map((sum, i) => estimate(xx, yy - 2 * sum, xy - acrossColumns[i], n, m - 1));
  return { value: estimate(xx, yy, xy, n, m), error: Math.hypot(jackknifeError(withoutReference), jackknifeError(withoutSample)) };
}

/** The sum of each picture's kernel values with all others of its set: the half of the work that depends on the reference only. [N] */
export function kernelSums(set: FeatureSet): Float64Array {
  return rowSums(set, set, true);
}

/** Sum of each row's kernel values, without a row's value with itself where both sets are one. */
function rowSums(a: FeatureSet, b: FeatureSet, same: boolean): Float64Array {
  const sums = new Float64Array(a.count);
  forEachProduct(a, b, (row, _from, products) => {
    let sum = 0;
    for (let j = 0; j < products.length; j++) sum += kernel(products[j], a.size);
    sums[row] += sum;
  });
  if (!same) return sums;
  return squaredNorms(a).map((norm, i) => sums[i] - kernel(norm, a.size));
}

function total(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}

export interface SubsetOptions {
  /** Default 100. */
  subsets?: number;
  /** Pictures of each set in a subset, drawn without repetition. Default 1000, or all of the smaller set. */
  size?: number;
  /** Of the draws. Default 0. */
  seed?: number | string;
}

/**
 * The same distance as the usual KID programs give it: its mean over random subsets of both sets, and the standard deviation over subsets (which they
 * print as if it were an error). `error` is that deviation divided by √subsets: how far another choice of subsets would move the mean, not how far other
 * samples would.
 * @throws UsageError where a subset is larger than a set or smaller than 2; ShapeError, AtelierError as `requireFeatures`
 */
export function kernelDistanceOfSubsets(
  reference: FeatureSet,
  samples: FeatureSet,
  options: SubsetOptions = {},
): Estimate & { deviation: number } {
  requireFeatures("kernel distance", { reference, samples }, 2);
  const most = Math.min(reference.count, samples.count);
  const { subsets = 100, size = Math.min(1000, most), seed = 0 } = options;
  if (size < 2 || size > most || subsets < 1) {
    throw new UsageError({
      what: "The subsets of the kernel distance do not fit the sets.",
      got: `${subsets} subsets of ${size} pictures`,
      expected: `at least 1 subset of 2 to ${most} pictures`,
    });
  }
  const stream = new RandomStream(seed, "kernel distance subsets");
  const values = Array.from({ length: subsets }, () =>
    subsetDistance(
      selectFeatures(reference, choose(reference.count, size, stream)),
      selectFeatures(samples, choose(samples.count, size, stream)),
    ),
  );
  const value = values.reduce((sum, v) => sum + v, 0) / subsets;
  const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - value) ** 2, 0) / subsets);
  return { value, deviation, error: deviation / Math.sqrt(subsets) };
}

/** The unbiased estimator for two sets of equal number. */
function subsetDistance(a: FeatureSet, b: FeatureSet): number {
  const pairs = a.count * (a.count - 1);
  return (total(rowSums(a, a, true)) + total(rowSums(b, b, true))) / pairs - (2 * total(rowSums(a, b, false))) / a.count ** 2;
}

/** `size` different indices below `count`. */
function choose(count: number, size: number, stream: RandomStream): Uint32Array {
  return stream.shuffle(Uint32Array.from({ length: count }, (_, i) => i)).subarray(0, size);
}
