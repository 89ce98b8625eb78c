import { expect } from "vitest";

/** Every difference is below `tolerance` times the largest expected number. */
export function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(got.length).toBe(expected.length);
  const scale = Math.max(1e-3, ...Array.from(expected, Math.abs));
  expect(Math.max(...Array.from(expected, (value, i) => Math.abs(value - got[i]))) / scale).toBeLessThan(tolerance);
}
