import { describe, expect, test } from "vitest";
import { RandomStream } from "../core/random.ts";
import { openBackend } from "../runtime/node/open.ts";
import {
  bitsPerDim,
  densityCoverage,
  deviceNeighbours,
  type FeatureSet,
  frechetDistance,
  kernelDistance,
  kernelDistanceOfSubsets,
  labelAccuracy,
  memorisation,
  moments,
  natsOfBitsPerDim,
  natsOfDensity,
  nearestFew,
  nearestNeighbours,
  neighbourRadii,
  precisionRecall,
  rocAuc,
  selectFeatures,
  spearman,
  symmetricEigen,
} from "./index.ts";

function normals(count: number, size: number, name: string, scale = 1, shift = 0): FeatureSet {
  const values = new Float32Array(count * size);
  new RandomStream(0, name).fillNormal(values);
  return { values: values.map((v) => scale * v + shift), count, size };
}

describe("eigenvalues of symmetric matrices", () => {
  test.each([1, 2, 3, 17, 60])("a matrix of %i rows is put together again from what is found", (n) => {
    const half = normals(n, n, `matrix ${n}`).values;
    const matrix = Float64Array.from({ length: n * n }, (_, at) => half[at] + half[(at % n) * n + Math.floor(at / n)]);
    const { values, vectors } = symmetricEigen(matrix, n, true);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let [sum, dot] = [0, 0];
        for (let k = 0; k < n; k++) {
          sum += vectors![k * n + i] * values[k] * vectors![k * n + j];
          dot += vectors![i * n + k] * vectors![j * n + k];
        }
        expect(sum).toBeCloseTo(matrix[i * n + j], 10);
        expect(dot).toBeCloseTo(i === j ? 1 : 0, 12);
      }
    }
    const alone = symmetricEigen(matrix, n);
    expect(alone.vectors).toBeUndefined();
    expect([...alone.values].sort((a, b) => a - b)).toEqual([...values].sort((a, b) => a - b));
  });

  test("zeros, a diagonal, and a matrix of rank one", () => {
    expect([...symmetricEigen(new Float64Array(9), 3).values]).toEqual([0, 0, 0]);
    expect([...symmetricEigen(Float64Array.of(3, 0, 0, -1), 2).values].sort()).toEqual([-1, 3]);
    const ones = symmetricEigen(new Float64Array(25).fill(1), 5).values.sort();
    expect(ones[4]).toBeCloseTo(5, 12);
    for (const value of ones.subarray(0, 4)) expect(Math.abs(value)).toBeLessThan(1e-13);
  });

  test("a large matrix of low rank settles", () => {
    const rows = normals(20, 100, "low rank").values;
    const matrix = new Float64Array(100 * 100);
    for (let i = 0; i < 100; i++)
      for (let j = 0; j < 100; j++) for (let k = 0; k < 20; k++) matrix[i * 100 + j] += rows[k * 100 + i] * rows[k * 100 + j];
    const values = symmetricEigen(matrix, 100).values.sort();
    expect(values.subarray(0, 80).every((value) => Math.abs(value) < 1e-11)).toBe(true);
    expect(values[80]).toBeGreaterThan(1);
  });

  test("numbers that are not finite are refused", () => {
    expect(() => symmetricEigen(Float64Array.of(1, Number.NaN, Number.NaN, 1), 2)).toThrow("not finite");
  });
});

describe("Fréchet distance", () => {
  test("a set has none from itself, and a shift adds its square", () => {
    const set = normals(200, 5, "a");
    expect(frechetDistance(set, set).distance).toBeCloseTo(0, 10);
    const moved = { ...set, values: set.values.map((v) => v + 2) };
    const { mean, covariance } = frechetDistance(set, moved);
    expect(mean).toBeCloseTo(20, 4);
    expect(covariance).toBeCloseTo(0, 5);
  });

  test("of one feature it is (μ1 - μ2)² + (σ1 - σ2)²", () => {
    const [a, b] = [normals(300, 1, "a"), normals(250, 1, "b", 3, 1)];
    const [first, second] = [moments(a), moments(b)];
    const expected = (first.mean[0] - second.mean[0]) ** 2 + (Math.sqrt(first.covariance[0]) - Math.sqrt(second.covariance[0])) ** 2;
    expect(frechetDistance(a, b).distance).toBeCloseTo(expected, 10);
  });

  test("features that are always zero, and fewer pictures than features, are no trouble", () => {
    const set = normals(20, 30, "few");
    const dead = { ...set, values: set.values.map((v, at) => (at % 30 < 5 ? 0 : v)) };
    expect(frechetDistance(dead, dead).distance).toBeCloseTo(0, 6);
    expect(Number.isFinite(frechetDistance(dead, normals(25, 30, "other")).error)).toBe(true);
  });

  test("too few samples for a jackknife have a distance without an error", () => {
    const reference = normals(30, 2, "reference");
    for (const [count, blocks] of [
      [2, 20],
      [3, 20],
      [30, 1],
    ]) {
      const { distance, error } = frechetDistance(reference, normals(count, 2, "few", 1, 1), blocks);
      expect(distance).toBeGreaterThan(0);
      expect(error).toBeNaN();
    }
  });

  test("its standard error is about the spread of the distance over draws", () => {
    const reference = normals(2000, 4, "reference");
    const runs = Array.from({ length: 40 }, (_, i) => frechetDistance(reference, normals(300, 4, `draw ${i}`, 1.3), 20));
    const mean = runs.reduce((sum, { distance }) => sum + distance, 0) / 40;
    const spread = Math.sqrt(runs.reduce((sum, { distance }) => sum + (distance - mean) ** 2, 0) / 39);
    const error = runs.reduce((sum, run) => sum + run.error, 0) / 40;
    expect(error / spread).toBeGreaterThan(0.7);
    expect(error / spread).toBeLessThan(1.4);
    expect(frechetDistance(reference, normals(300, 4, "draw 0"), 0).error).toBeNaN();
  });
});

describe("kernel distance", () => {
  test("is unbiased: near 0 for two draws of one kind, within its error, and far above for others", () => {
    const draws = Array.from({ length: 30 }, (_, i) => kernelDistance(normals(80, 6, `x${i}`), normals(60, 6, `y${i}`)));
    const mean = draws.reduce((sum, { value }) => sum + value, 0) / 30;
    const error = draws.reduce((sum, draw) => sum + draw.error, 0) / 30;
    expect(Math.abs(mean)).toBeLessThan((3 * error) / Math.sqrt(30));
    const other = kernelDistance(normals(80, 6, "x"), normals(60, 6, "y", 1, 1));
    expect(other.value).toBeGreaterThan(5 * other.error);
  });

  test("the mean over subsets agrees with all pairs", () => {
    const [a, b] = [normals(150, 6, "a"), normals(120, 6, "b", 1, 0.5)];
    const all = kernelDistance(a, b);
    const subsets = kernelDistanceOfSubsets(a, b, { subsets: 60, size: 50 });
    expect(Math.abs(subsets.value - all.value)).toBeLessThan(4 * subsets.error);
    expect(subsets.deviation).toBeCloseTo(subsets.error * Math.sqrt(60), 10);
    expect(kernelDistanceOfSubsets(a, b, { subsets: 60, size: 50 })).toEqual(subsets);
    expect(() => kernelDistanceOfSubsets(a, b, { size: 121 })).toThrow("do not fit the sets");
  });
});

describe("what is refused", () => {
  const good = normals(10, 3, "good");
  test("sets that do not belong together, are too small, or are not finite", () => {
    expect(() => frechetDistance(good, normals(10, 4, "other"))).toThrow("different sizes");
    expect(() => kernelDistance(good, normals(2, 3, "few"))).toThrow("too few pictures");
    expect(() => moments({ ...good, count: 9 })).toThrow("do not fit their shape");
    expect(() => moments({ ...good, values: good.values.map((v, i) => (i === 7 ? Number.NaN : v)) })).toThrow(/picture 2[\s\S]*NaN/);
    expect(() => neighbourRadii(good, 10)).toThrow("number of neighbours");
  });
});

describe("balls around pictures", () => {
  test("a set covers itself; a far one is neither precise nor covers anything", () => {
    const set = normals(50, 3, "set");
    expect(precisionRecall(set, set)).toEqual({ precision: 1, recall: 1 });
    const far = { ...set, values: set.values.map((v) => v + 100) };
    expect(precisionRecall(set, far)).toEqual({ precision: 0, recall: 0 });
    expect(densityCoverage(set, far)).toEqual({ density: 0, coverage: 0 });
  });

  test("one mode of two: precise, but only half is covered", () => {
    const modes = { ...normals(200, 2, "modes"), count: 200 };
    const both = { ...modes, values: modes.values.map((v, at) => v + (at < 200 ? 0 : 50)) };
    const one = normals(200, 2, "one");
    expect(precisionRecall(both, one).precision).toBeGreaterThan(0.9);
    expect(precisionRecall(both, one).recall).toBeLessThan(0.55);
    const { density, coverage } = densityCoverage(both, one);
    expect(density).toBeCloseTo(1, 0);
    expect(coverage).toBeLessThan(0.55);
  });
});

describe("nearest neighbours and memorisation", () => {
  const training = normals(300, 4, "training");

  test("copies are all memorised, far samples are not", async () => {
    const copies = { values: training.values.slice(0, 80).map((v, i) => v + 1e-4 * (i % 3)), count: 20, size: 4 };
    const { share, error, nearest } = await memorisation(copies, training);
    expect([share, error]).toEqual([1, 0]);
    expect([...nearest.indices]).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect((await memorisation(normals(20, 4, "far", 1, 50), training)).share).toBe(0);
  });

  test("a row can be left out as its own neighbour", () => {
    const own = Uint32Array.from({ length: 300 }, (_, i) => i);
    expect(nearestNeighbours(training, training, own).distances).toEqual(neighbourRadii(training, 1));
  });

  test("a few neighbours come in order, the first as when it is alone", () => {
    const queries = normals(30, 4, "few");
    const { k, indices, distances } = nearestFew(queries, training, 3);
    expect([k, nearestFew(queries, normals(2, 4, "two"), 3).k]).toEqual([3, 2]);
    const one = nearestNeighbours(queries, training);
    for (let i = 0; i < 30; i++) {
      expect([indices[3 * i], distances[3 * i]]).toEqual([one.indices[i], one.distances[i]]);
      expect(distances[3 * i]).toBeLessThanOrEqual(distances[3 * i + 1]);
      expect(distances[3 * i + 1]).toBeLessThanOrEqual(distances[3 * i + 2]);
    }
  });

  test("the device finds the same", async () => {
    const find = deviceNeighbours(await openBackend({ device: "cpu" }));
    const queries = normals(700, 4, "queries", 1, 3);
    const base = normals(13_000, 4, "base", 1, 3);
    const own = Uint32Array.from({ length: 700 }, (_, i) => 18 * i);
    for (const [set, without] of [
      [queries, undefined],
      [selectFeatures(base, own), own],
    ] as const) {
      const [found, expected] = [await find(set, base, without), nearestNeighbours(set, base, without)];
      expect(found.indices).toEqual(expected.indices);
      for (const [i, distance] of found.distances.entries()) expect(distance).toBeCloseTo(expected.distances[i], 6);
    }
  });
});

describe("ranks", () => {
  test("AUC: 1 in order, 0 reversed, a half for ties", () => {
    expect(rocAuc([1, 2, 3, 4], [0, 0, 1, 1])).toBe(1);
    expect(rocAuc([4, 3, 2, 1], [0, 0, 1, 1])).toBe(0);
    expect(rocAuc([1, 1, 1, 1], [false, true, false, true])).toBe(0.5);
    expect(() => rocAuc([1, 2], [1, 1])).toThrow("needs positives and negatives");
    expect(() => rocAuc([1, Number.NaN], [1, 0])).toThrow("cannot rank");
  });

  test("rank correlation sees order only", () => {
    expect(spearman([1, 2, 3], [10, 100, 1000])).toBe(1);
    expect(spearman([1, 2, 3], [0, -1, -2])).toBe(-1);
    expect(spearman([1, 2, 3], [5, 5, 5])).toBeNaN();
    expect(() => spearman([1], [1])).toThrow("needs pairs");
  });
});

describe("likelihoods", () => {
  test("nats and bits per dimension are each other's inverse", () => {
    expect(bitsPerDim(784 * Math.LN2, 784)).toBeCloseTo(1, 12);
    expect(natsOfBitsPerDim(bitsPerDim(81.3, 784), 784)).toBeCloseTo(81.3, 10);
    expect(() => bitsPerDim(1, 0)).toThrow("at least 1");
  });

  test("the uniform density over [0, 1], [-1, 1] and [0, 256] costs 8 bits a dimension", () => {
    for (const range of [1, 2, 256]) expect(bitsPerDim(natsOfDensity(12 * Math.log(range), 12, range), 12)).toBeCloseTo(8, 10);
    expect(() => natsOfDensity(1, 1, 0)).toThrow("positive width");
  });
});

describe("label accuracy", () => {
  test("of classes and of attributes", () => {
    const logits = [2, 1, 0, 0, 5, 1, 0, 3, 1];
    const classes = labelAccuracy(logits, [1, 0, 0, 0, 1, 0, 1, 0, 0], 3, "classes");
    expect(classes.accuracy).toBeCloseTo(2 / 3, 12);
    expect(classes.each).toEqual([0.5, 1, Number.NaN]);
    const attributes = labelAccuracy([1, -1, 1, 1], [1, 0, 0, 1], 2, "attributes");
    expect(attributes).toEqual({ accuracy: 0.75, error: Math.sqrt(0.0625 / 2), each: [0.5, 1] });
    expect(() => labelAccuracy([1, 2, 3], [1, 0], 2, "classes")).toThrow("do not fit the conditions");
  });
});
