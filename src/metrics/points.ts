/** Samples of points against data whose density is known. */
import { ShapeError } from "../core/errors.ts";
import type { Modes } from "../data/points.ts";
import { jackknifeError } from "./frechet.ts";
import type { Estimate } from "./kernel-distance.ts";

/** Mean and its standard error. */
export function meanEstimate(values: ArrayLike<number>): Estimate {
  const all = Array.from(values);
  const value = all.reduce((sum, v) => sum + v, 0) / all.length;
  const squares = all.reduce((sum, v) => sum + (v - value) ** 2, 0);
  return { value, error: Math.sqrt(squares / (all.length - 1) / all.length) };
}

/**
 * The squared maximum mean discrepancy of two sets of points in the plane under a mean of three Gaussian kernels, whose widths are 1/8, 1/4 and 1/2 of the
 * median distance of the reference's points, by the unbiased estimator over all pairs (Gretton et al., "A kernel two-sample test", 2012, Eq. 3). 0 for equal
 * distributions, and then sometimes below. The standard error is the delete-one jackknife's over both sets.
 * @param reference [N, 2], samples [M, 2], at least 3 of each
 * @throws ShapeError for fewer points
 */
export function pointDiscrepancy(reference: Float32Array, samples: Float32Array): Estimate {
  const [n, m] = [reference.length / 2, samples.length / 2];
  if (n < 3 || m < 3) throw new ShapeError({ what: "A discrepancy needs three points of each kind.", got: `${n} and ${m}` });
  const kernel = kernelOf(reference);
  const within = rowSums(kernel, reference, reference, true).rows;
  const among = rowSums(kernel, samples, samples, true).rows;
  const { rows, columns } = rowSums(kernel, reference, samples, false);
  const total = (sums: Float64Array) => sums.reduce((a, b) => a + b, 0);
  const [xx, yy, xy] = [total(within), total(among), total(rows)];
  const estimate = (sumXx: number, sumYy: number, sumXy: number, nx: number, ny: number) =>
    sumXx / (nx * (nx - 1)) + sumYy / (ny * (ny - 1)) - (2 * sumXy) / (nx * ny);
  const withoutReference = within.map((sum, i) => estimate(xx - 2 * sum, yy, xy - rows[i], n - 1, m));
  const withoutSample = among.map((sum, i) => estimate(xx, yy - 2 * sum, xy - columns[i], n, m - 1));
  return { value: estimate(xx, yy, xy, n, m), error: Math.hypot(jackknifeError(withoutReference), jackknifeError(withoutSample)) };
}

type Kernel = (squaredDistance: number) => number;

function kernelOf(reference: Float32Array): Kernel {
  const some = Math.min(300, reference.length / 2);
  const distances: number[] = [];
  for (let i = 0; i < some; i++) {
    for (let j = 0; j < i; j++)
      distances.push(Math.hypot(reference[2 * i] - reference[2 * j], reference[2 * i + 1] - reference[2 * j + 1]));
  }
  const median = distances.sort((a, b) => a - b)[distances.length >> 1] || 1;
  const factors = [8, 4, 2].map((part) => -0.5 * (part / median) ** 2);
  return (squared) => factors.reduce((sum, factor) => sum + Math.exp(factor * squared), 0) / factors.length;
}

function rowSums(kernel: Kernel, a: Float32Array, b: Float32Array, same: boolean): { rows: Float64Array; columns: Float64Array } {
  const rows = new Float64Array(a.length / 2);
  const columns = new Float64Array(b.length / 2);
  for (let i = 0; i < rows.length; i++) {
    for (let j = 0; j < columns.length; j++) {
      if (same && i === j) continue;
      const value = kernel((a[2 * i] - b[2 * j]) ** 2 + (a[2 * i + 1] - b[2 * j + 1]) ** 2);
      rows[i] += value;
      columns[j] += value;
    }
  }
  return { rows, columns };
}

/** How samples are spread over the modes of a density. */
export interface ModeCoverage {
  /** Modes with at least a quarter of their due share of the samples. */
  hit: number;
  count: number;
  /** Share of the samples that belong to a mode. */
  inModes: number;
  /** Samples by mode. */
  each: number[];
}

/** Which modes samples hit. @param samples [N, 2] */
export function modeCoverage(samples: Float32Array, { count, of }: Modes): ModeCoverage {
  const each = new Array<number>(count).fill(0);
  for (let i = 0; i < samples.length; i += 2) {
    const mode = of(samples[i], samples[i + 1]);
    if (mode >= 0) each[mode]++;
  }
  const all = samples.length / 2;
  const least = all / count / 4;
  return { hit: each.filter((found) => found >= least).length, count, inModes: each.reduce((a, b) => a + b, 0) / all, each };
}
