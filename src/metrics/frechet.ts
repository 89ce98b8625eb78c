import { type FeatureSet, requireFeatures } from "./features.ts";
import { symmetricEigen } from "./symmetric.ts";

/** A Fréchet distance and how sure it is. */
export interface FrechetDistance {
  /** |μ1 - μ2|² + Tr(Σ1 + Σ2 - 2 (Σ1 Σ2)^½), in squared units of the features. */
  distance: number;
  /** Standard error for other samples of the same model, by the jackknife; the reference counts as fixed. */
  error: number;
  /** The two parts: squared distance of the means, and what the covariances add. */
  mean: number;
  covariance: number;
}

/** Mean [D] and covariance [D, D] (divided by N - 1) of features, in double precision. */
export interface Moments {
  mean: Float64Array;
  covariance: Float64Array;
}

/** @throws ShapeError for fewer than two pictures */
export function moments(set: FeatureSet): Moments {
  requireFeatures("moments", { set }, 2);
  const sums = scatter(set, 0, set.count);
  return { mean: sums.mean, covariance: sums.products.map((sum) => sum / (set.count - 1)) };
}

/**
 * Fréchet distance between Gaussians with the moments of two sets of features (Dowson and Landau 1982; Heusel et al. 2017, arXiv:1706.08500, Eq. 6),
 * on any features: with those of Inception it is FID. Tr (Σ1 Σ2)^½ is the sum of the roots of the eigenvalues of Σ1^½ Σ2 Σ1^½, which is symmetric.
 * With few samples the distance is too large, by an amount that falls as 1/N: compare at equal numbers only.
 *
 * @param reference [N, D] features of data
 * @param samples [M, D] features of generated pictures
 * @param blocks parts of the samples that the jackknife leaves out in turn. Default 20; no error (NaN) with fewer than two, or fewer than four samples
 * @throws ShapeError, AtelierError as `requireFeatures`
 */
export function frechetDistance(reference: FeatureSet, samples: FeatureSet, blocks = 20): FrechetDistance {
  requireFeatures("Fréchet distance", { reference, samples }, 2);
  const size = reference.size;
  const { mean, covariance } = moments(reference);
  const root = rootOf(covariance, size);
  const trace = traceOf(covariance, size);
  const most = Math.min(blocks, Math.floor(samples.count / 2));
  // Without its only part, a set is empty.
  const parts = most < 2 ? 0 : most;
  const bounds = Array.from({ length: parts + 1 }, (_, i) => Math.round((i * samples.count) / Math.max(1, parts)));
  const distanceOf = (sums: Scatter): { mean: number; covariance: number } => {
    const shift = sums.mean.reduce((total, value, k) => total + (value - mean[k]) ** 2, 0);
    const cov = sums.products.map((sum) => sum / (sums.count - 1));
    return { mean: shift, covariance: trace + traceOf(cov, size) - 2 * rootTrace(root, cov, size) };
  };
  const all = scatter(samples, 0, samples.count);
  const whole = distanceOf(all);
  const without = bounds.slice(1).map((end, i) => {
    const left = distanceOf(remove(all, scatter(samples, bounds[i], end), size));
    return left.mean + left.covariance;
  });
  return { distance: whole.mean + whole.covariance, error: parts === 0 ? Number.NaN : jackknifeError(without), ...whole };
}

/** √((G - 1) / G · Σ (θ_g - mean)²) of the G values that a statistic has with one part left out each (Tukey 1958). */
export function jackknifeError(values: readonly number[] | Float64Array): number {
  const count = values.length;
  let [mean, sum] = [0, 0];
  for (let i = 0; i < count; i++) mean += values[i] / count;
  for (let i = 0; i < count; i++) sum += (values[i] - mean) ** 2;
  return Math.sqrt(((count - 1) / count) * sum);
}

/** Rows' mean [D], and the sum of (x - mean)(x - mean)ᵀ [D, D]. */
interface Scatter extends Pick<Moments, "mean"> {
  products: Float64Array;
  count: number;
}

function scatter({ values, size }: FeatureSet, from: number, to: number): Scatter {
  const count = to - from;
  const mean = new Float64Array(size);
  for (let i = from; i < to; i++) for (let k = 0; k < size; k++) mean[k] += values[i * size + k] / count;
  const products = new Float64Array(size * size);
  const row = new Float64Array(size);
  for (let i = from; i < to; i++) {
    for (let k = 0; k < size; k++) row[k] = values[i * size + k] - mean[k];
    for (let k = 0; k < size; k++) {
      const x = row[k];
      for (let j = k; j < size; j++) products[k * size + j] += x * row[j];
    }
  }
  for (let k = 0; k < size; k++) for (let j = 0; j < k; j++) products[k * size + j] = products[j * size + k];
  return { mean, products, count };
}

/** What is left of all rows without a part: Chan's formula for joining two parts, solved for one of them. */
function remove(all: Scatter, part: Scatter, size: number): Scatter {
  const count = all.count - part.count;
  const mean = all.mean.map((value, k) => (value * all.count - part.mean[k] * part.count) / count);
  const weight = (count * part.count) / all.count;
  const products = new Float64Array(size * size);
  for (let k = 0; k < size; k++) {
    const between = weight * (mean[k] - part.mean[k]);
    for (let j = 0; j < size; j++) {
      const at = k * size + j;
      products[at] = all.products[at] - part.products[at] - between * (mean[j] - part.mean[j]);
    }
  }
  return { mean, products, count };
}

/** R [D, D] with Rᵀ R = Σ, rows √λ_i · v_i. Eigenvalues that rounding has put below zero count as zero. */
function rootOf(covariance: Float64Array, size: number): Float64Array {
  const { values, vectors } = symmetricEigen(covariance, size, true);
  return vectors!.map((v, at) => v * Math.sqrt(Math.max(0, values[Math.floor(at / size)])));
}

/** Tr (Σ1 Σ2)^½ from R of Σ1: R Σ2 Rᵀ has the eigenvalues of Σ1^½ Σ2 Σ1^½. */
function rootTrace(root: Float64Array, covariance: Float64Array, size: number): number {
  const half = product(root, covariance, size);
  const inner = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < size; k++) sum += half[i * size + k] * root[j * size + k];
      inner[i * size + j] = sum;
      inner[j * size + i] = sum;
    }
  }
  return symmetricEigen(inner, size).values.reduce((total, value) => total + Math.sqrt(Math.max(0, value)), 0);
}

/** A B of square matrices. */
function product(a: Float64Array, b: Float64Array, size: number): Float64Array {
  const result = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < size; k++) {
      const x = a[i * size + k];
      for (let j = 0; j < size; j++) result[i * size + j] += x * b[k * size + j];
    }
  }
  return result;
}

function traceOf(matrix: Float64Array, size: number): number {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += matrix[i * size + i];
  return sum;
}
