import { describe, expect, it } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { gaussLegendre } from "../curve-density.ts";
import { drawPointSet, type PointDataset } from "../points.ts";
import { findDataset } from "./index.ts";

function pointSet(name: string): PointDataset {
  const dataset = findDataset(name);
  if (!("density" in dataset)) throw new Error(`${name} is no set of points`);
  return dataset;
}

const names = ["moons", "circles", "ring", "checkerboard", "spirals"];

/** Sum of a function of the density over cells of a grid, times their area. */
function integrate({ density: { logDensity, bounds } }: PointDataset, cells: number, of: (log: number) => number): number {
  const [width, height] = [(bounds.x[1] - bounds.x[0]) / cells, (bounds.y[1] - bounds.y[0]) / cells];
  let sum = 0;
  for (let i = 0; i < cells; i++) {
    for (let j = 0; j < cells; j++) sum += of(logDensity(bounds.x[0] + (i + 0.5) * width, bounds.y[0] + (j + 0.5) * height));
  }
  return sum * width * height;
}

// Thousands of nodes for each of thousands of cells: seconds on a busy machine.
describe.each(names)("%s", (name) => {
  const dataset = pointSet(name);

  it("has a density that integrates to 1, and the entropy of its card", () => {
    // 100 cells meet the board's edges exactly, and are finer than any noise.
    expect(integrate(dataset, 100, Math.exp)).toBeCloseTo(1, 4);
    const entropy = integrate(dataset, 100, (log) => (log === Number.NEGATIVE_INFINITY ? 0 : -log * Math.exp(log)));
    expect(entropy).toBeCloseTo(dataset.density.entropy, 3);
  });

  it("draws points from that density: their mean log density is minus the entropy, and cells get their share", () => {
    const { points, count } = drawPointSet(dataset.withParameters({ train: 20_000 }), "train");
    const { logDensity, bounds, entropy } = dataset.density;
    const logs = Array.from({ length: count }, (_, i) => logDensity(points[2 * i], points[2 * i + 1]));
    const mean = logs.reduce((a, b) => a + b, 0) / count;
    const error = Math.sqrt(logs.reduce((a, b) => a + (b - mean) ** 2, 0)) / count;
    expect(Math.abs(mean + entropy)).toBeLessThan(4 * error + 1e-9);
    // Chi-square over 10 x 10 cells, each of 10 x 10 smaller ones; cells with fewer than 10 points expected are put together.
    const [cells, fine] = [10, 10];
    const side = cells * fine;
    const observed = new Float64Array(cells ** 2);
    const expected = new Float64Array(cells ** 2);
    const place = (value: number, [low, high]: readonly [number, number], all: number) => Math.floor(((value - low) / (high - low)) * all);
    const area = ((bounds.x[1] - bounds.x[0]) * (bounds.y[1] - bounds.y[0])) / side ** 2;
    for (let i = 0; i < side ** 2; i++) {
      const [column, row] = [i % side, Math.floor(i / side)];
      const at = ([low, high]: readonly [number, number], k: number) => low + ((k + 0.5) / side) * (high - low);
      const cell = Math.floor(row / fine) * cells + Math.floor(column / fine);
      expected[cell] += count * area * Math.exp(logDensity(at(bounds.x, column), at(bounds.y, row)));
    }
    let outside = 0;
    for (let i = 0; i < count; i++) {
      const [column, row] = [place(points[2 * i], bounds.x, cells), place(points[2 * i + 1], bounds.y, cells)];
      if (column < 0 || row < 0 || column >= cells || row >= cells) outside++;
      else observed[row * cells + column]++;
    }
    expect(outside).toBeLessThan(5);
    const large = Array.from(expected.keys()).filter((cell) => expected[cell] >= 10);
    const statistic = large.reduce((sum, cell) => sum + (observed[cell] - expected[cell]) ** 2 / expected[cell], 0);
    expect(statistic).toBeLessThan(large.length + 5 * Math.sqrt(2 * large.length));
  });

  it("draws the same points again, others for another seed, and test points that are not training points", () => {
    const small = dataset.withParameters({ train: 50, test: 50 });
    const train = drawPointSet(small, "train");
    expect(drawPointSet(small, "train").points).toEqual(train.points);
    expect(drawPointSet(small, "test").points).not.toEqual(train.points);
    expect(drawPointSet(small.withParameters({ seed: 1 }), "train").points).not.toEqual(train.points);
    expect([train.count, train.points.length, train.labels?.length, train.card.splits.train]).toEqual([50, 100, 50, 50]);
  });
});

describe("densities", () => {
  it("of a circle with noise is the closed form with a Bessel function", () => {
    // p(r) = exp(-(r² + R²) / 2σ²) I_0(r R / σ²) / (2π σ²), here at the centre of both circles, where I_0 = 1.
    const noise = 0.08;
    const at = (radius: number) => Math.exp(-(radius ** 2) / (2 * noise ** 2)) / (2 * Math.PI * noise ** 2);
    const { logDensity } = pointSet("circles").density;
    expect(logDensity(0, 0) / Math.log((at(1) + at(0.5)) / 2)).toBeCloseTo(1, 9);
    // I_0 by its series, where r R / σ² = 5.
    const [r, inner] = [(5 * noise ** 2) / 0.5, 0.5];
    let [term, bessel] = [1, 1];
    for (let k = 1; k < 60; k++) bessel += term *= (2.5 / k) ** 2;
    const direct = (Math.exp(-(r ** 2 + inner ** 2) / (2 * noise ** 2)) * bessel) / (2 * Math.PI * noise ** 2) / 2;
    expect(logDensity(r, 0)).toBeCloseTo(Math.log(direct), 8);
  });

  it("of moons is the mean of Gaussians along the arcs", () => {
    const random = new RandomStream(3, "arcs");
    const [x, y, noise] = [0.9, 0.3, 0.2];
    const draws = 400_000;
    let sum = 0;
    for (let i = 0; i < draws; i++) {
      const t = Math.PI * random.uniform();
      const [cx, cy] = i % 2 === 0 ? [Math.cos(t), Math.sin(t)] : [1 - Math.cos(t), 0.5 - Math.sin(t)];
      sum += Math.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * noise ** 2)) / (2 * Math.PI * noise ** 2);
    }
    expect(Math.exp(pointSet("moons:noise=20").density.logDensity(x, y))).toBeCloseTo(sum / draws, 2);
  });

  it("know their modes", () => {
    const { modes } = pointSet("ring").density;
    expect([modes!.count, modes!.of(2, 0), modes!.of(0, 2.1), modes!.of(0, 0)]).toEqual([8, 0, 2, -1]);
    const board = pointSet("checkerboard").density;
    expect([board.modes!.of(-1.5, -1.5), board.modes!.of(-0.5, -1.5), board.logDensity(-0.5, -1.5)]).toEqual([
      0,
      -1,
      Number.NEGATIVE_INFINITY,
    ]);
  });

  it("are integrated with the nodes of Gauss and Legendre, exact for polynomials of degree 15", () => {
    const rule = gaussLegendre(8);
    expect(rule.reduce((sum, [node, weight]) => sum + weight * node ** 14, 0)).toBeCloseTo(2 / 15, 12);
    expect(rule.reduce((sum, [, weight]) => sum + weight, 0)).toBeCloseTo(2, 12);
  });

  it("refuse parameters out of range", () => {
    expect(() => findDataset("moons:noise=1")).toThrow("a whole number from 2 to 100");
    expect(() => findDataset("checkerboard:noise=5")).toThrow("parameter of the data set checkerboard");
    expect(findDataset("moons:train=100,noise=5").card.name).toBe("moons:train=100,noise=5");
  });
});
