import { expect, it } from "vitest";
import { RandomStream } from "../core/random.ts";
import { meanEstimate, modeCoverage, pointDiscrepancy } from "./points.ts";

const cloud = (count: number, name: string, shift = 0, spread = 1) => {
  const random = new RandomStream(0, name);
  return Float32Array.from({ length: 2 * count }, (_, i) => spread * random.normal() + (i % 2 === 0 ? shift : 0));
};

it("the discrepancy of equal distributions is 0 within its error, and of others above it", () => {
  const reference = cloud(400, "reference");
  const same = pointDiscrepancy(reference, cloud(400, "same"));
  expect(Math.abs(same.value)).toBeLessThan(3 * same.error);
  const shifted = pointDiscrepancy(reference, cloud(400, "shifted", 1));
  expect(shifted.value).toBeGreaterThan(5 * shifted.error);
  const narrow = pointDiscrepancy(reference, cloud(400, "narrow", 0, 0.5));
  expect(narrow.value).toBeGreaterThan(4 * narrow.error);
  expect(() => pointDiscrepancy(reference, new Float32Array(4))).toThrow("three points");
});

it("the discrepancy is the mean over all pairs of three kernels", () => {
  // One distance of 1 between every two points of the reference's line would need a longer list: three points on a line, by hand.
  const line = Float32Array.of(0, 0, 1, 0, 2, 0);
  const apart = Float32Array.of(9, 9, 9, 10, 9, 11);
  const k = (d: number) => [8, 4, 2].reduce((sum, part) => sum + Math.exp(-0.5 * (part * d) ** 2) / 3, 0);
  const within = (4 * k(1) + 2 * k(2)) / 6;
  expect(pointDiscrepancy(line, apart).value).toBeCloseTo(2 * within, 6);
});

it("modes count when they have a quarter of their share", () => {
  const of = (x: number) => (x < 0 ? -1 : Math.floor(x));
  const samples = Float32Array.from([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1.5, 2.5, -1, -1].flatMap((x) => [x, 0]));
  expect(modeCoverage(samples, { count: 4, of })).toEqual({ hit: 3, count: 4, inModes: 10 / 12, each: [8, 1, 1, 0] });
});

it("a mean has the standard error of its values", () => {
  expect(meanEstimate([1, 2, 3, 4])).toEqual({ value: 2.5, error: Math.sqrt(5 / 3 / 4) });
});
