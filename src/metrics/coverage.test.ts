import { expect, test } from "vitest";
import { coverage } from "./coverage.ts";

test("counts classes by their most likely one, and averages its probability", () => {
  const logits = Float32Array.of(0, Math.log(3), 0, Math.log(3), 2, 2 + Math.log(7));
  const { counts, covered, confidence } = coverage(logits, 2);
  expect(counts).toEqual([0, 3]);
  expect(covered).toBe(1);
  expect(confidence).toBeCloseTo((3 / 4 + 3 / 4 + 7 / 8) / 3, 6);
});

test("a class needs its share to be covered", () => {
  const logits = new Float32Array(200);
  for (let n = 0; n < 100; n++) logits[2 * n + (n === 0 ? 1 : 0)] = 5;
  expect(coverage(logits, 2, 0.02).covered).toBe(1);
  expect(coverage(logits, 2, 0.01).covered).toBe(2);
});

test("large logits do not overflow", () => {
  expect(coverage(Float32Array.of(1e6, 1e6 - 1), 2).confidence).toBeCloseTo(1 / (1 + Math.exp(-1)), 6);
});

test("logits that are no rows are refused", () => {
  expect(() => coverage(new Float32Array(3), 2)).toThrow("The logits do not divide into rows.");
});
