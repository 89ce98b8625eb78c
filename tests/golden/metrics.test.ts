// Distances between sets of features against SciPy and scikit-learn on the same features (reference_metrics.py made the file).
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  densityCoverage,
  frechetDistance,
  kernelDistance,
  kernelDistanceOfSubsets,
  memorisation,
  moments,
  precisionRecall,
  rocAuc,
  selectFeatures,
  spearman,
  symmetricEigen,
} from "../../src/metrics/index.ts";

const stored = JSON.parse(readFileSync(new URL("data/metrics.json", import.meta.url), "utf8"));
const setOf = (values: number[]) => ({
  values: Float64Array.from(values),
  count: values.length / stored.size,
  size: stored.size as number,
});
const reference = setOf(stored.reference);
const samples = setOf(stored.samples);

test("the Fréchet distance by scipy.linalg.sqrtm, and its jackknife", () => {
  const { distance, error } = frechetDistance(reference, samples, stored.blocks);
  expect(distance).toBeCloseTo(stored.frechet.distance, 10);
  expect(error).toBeCloseTo(stored.frechet.error, 10);
});

test("the kernel distance by scikit-learn's polynomial kernel, and its jackknife", () => {
  const { value, error } = kernelDistance(reference, samples);
  expect(value).toBeCloseTo(stored.kernel.value, 10);
  expect(error).toBeCloseTo(stored.kernel.error, 10);
  const fifty = selectFeatures(
    reference,
    Array.from({ length: 50 }, (_, i) => i),
  );
  expect(kernelDistanceOfSubsets(fifty, samples, { subsets: 3 }).value).toBeCloseTo(stored.kernel.ofFifty, 10);
});

test("precision, recall, density and coverage by scikit-learn's pairwise distances", () => {
  const found = { ...precisionRecall(reference, samples), ...densityCoverage(reference, samples) };
  for (const [name, value] of Object.entries(found)) expect(value, name).toBeCloseTo(stored.balls[name], 12);
});

test("neighbours and memorisation by scikit-learn's nearest neighbours", async () => {
  const { share, nearest } = await memorisation(samples, reference);
  expect([...nearest.indices]).toEqual(stored.neighbours.indices);
  for (const [i, distance] of nearest.distances.entries()) expect(distance).toBeCloseTo(stored.neighbours.distances[i], 6);
  expect(share).toBeCloseTo(stored.neighbours.share, 12);
});

test("eigenvalues by numpy.linalg.eigvalsh", () => {
  const values = symmetricEigen(moments(reference).covariance, stored.size).values.sort();
  for (const [i, value] of stored.eigenvalues.entries()) expect(values[i]).toBeCloseTo(value, 12);
});

test("AUC and rank correlation by scikit-learn and SciPy, with ties", () => {
  const { scores, positive, other, auc, spearman: correlation } = stored.ranks;
  expect(rocAuc(scores, positive)).toBeCloseTo(auc, 12);
  expect(spearman(scores, other)).toBeCloseTo(correlation, 12);
});
