import { describe, expect, it } from "vitest";
import { RandomStream } from "../core/random.ts";
import { attributeVector, codeStatistics, moveCodes } from "./codes.ts";
import { principalComponents } from "./principal-components.ts";
import { umap } from "./umap.ts";

describe("attributeVector", () => {
  it("is the mean with minus the mean without", () => {
    const codes = [1, 2, 3, 4, 5, 6, 7, 8];
    expect([...attributeVector(codes, [1, 0, 1, 0])]).toEqual([3 - 5, 4 - 6]);
  });

  it("needs pictures of both kinds, and whole rows", () => {
    expect(() => attributeVector([1, 2], [1, 1])).toThrow("there are none without it");
    expect(() => attributeVector([1, 2], [0, 0])).toThrow("there are none with it");
    expect(() => attributeVector([1, 2, 3], [0, 1])).toThrow("do not divide into rows");
  });
});

describe("moveCodes", () => {
  it("adds one strength, or one for each code", () => {
    expect([...moveCodes([1, 1, 2, 2], [10, 20], 0.5)]).toEqual([6, 11, 7, 12]);
    expect([...moveCodes([1, 1, 2, 2], [10, 20], [1, -1])]).toEqual([11, 21, -8, -18]);
  });
});

describe("codeStatistics", () => {
  it("gives mean, variance, and the share of dimensions that hardly move", () => {
    const { mean, variance, unused } = codeStatistics([1, 0.1, 3, 0.1, 5, 0.2], 3);
    expect(mean[0]).toBeCloseTo(3);
    expect(variance[0]).toBeCloseTo(8 / 3);
    expect(unused).toBe(0.5);
  });
});

/** Points on an ellipsoid along known axes: variance 9 along (1, 1, 0)/√2, 1 along (1, -1, 0)/√2, 0.01 along the third. */
function ellipsoid(count: number): Float64Array {
  const stream = new RandomStream(3, "points");
  const rows = new Float64Array(3 * count);
  for (let n = 0; n < count; n++) {
    const [a, b] = [3 * stream.normal(), stream.normal()];
    rows.set([(a + b) / Math.SQRT2 + 5, (a - b) / Math.SQRT2, 0.1 * stream.normal()], 3 * n);
  }
  return rows;
}

describe("principalComponents", () => {
  it("finds the axes of an ellipsoid, and what share of the variance they hold", () => {
    const rows = ellipsoid(2000);
    const { points, shares } = principalComponents(rows, 2000);
    expect(shares[0]).toBeCloseTo(0.9, 1);
    expect(shares[0] + shares[1]).toBeGreaterThan(0.99);
    for (const n of [0, 7, 99]) {
      const along = (rows[3 * n] - 5 + rows[3 * n + 1]) / Math.SQRT2;
      expect(Math.abs(Math.abs(points[2 * n]) - Math.abs(along))).toBeLessThan(0.4);
    }
    const mean = points.reduce((sum, value) => sum + value, 0) / points.length;
    expect(Math.abs(mean)).toBeLessThan(1e-5);
  });

  it("bears points that do not differ, and fewer dimensions than components", () => {
    expect(principalComponents([2, 2, 2, 2, 2, 2], 3)).toEqual({ points: new Float32Array(6), shares: [0, 0] });
    expect(principalComponents([1, 3], 2).points).toEqual(Float32Array.of(-1, 0, 1, 0));
  });
});

describe("umap", () => {
  it("keeps far groups apart, the same for the same seed", async () => {
    const stream = new RandomStream(0, "groups");
    const rows = Float32Array.from({ length: 60 * 5 }, (_, i) => (i < 150 ? 0 : 10) + 0.1 * stream.normal());
    const points = await umap(rows, 60, { seed: 1, neighbours: 8 });
    expect(points).toEqual(await umap(rows, 60, { seed: 1, neighbours: 8 }));
    const centre = (from: number) =>
      [0, 1].map((axis) => points.filter((_, i) => i >= from && i < from + 60 && i % 2 === axis).reduce((a, b) => a + b) / 30);
    const [a, b] = [centre(0), centre(60)];
    const spread = Math.hypot(points[0] - a[0], points[1] - a[1]);
    expect(Math.hypot(a[0] - b[0], a[1] - b[1])).toBeGreaterThan(2 * spread);
  });

  it("needs four points", async () => {
    await expect(umap([1, 2, 3], 3)).rejects.toThrow("at least four");
  });
});
