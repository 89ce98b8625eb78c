import { describe, expect, it } from "vitest";
import { difference } from "./check.ts";

describe("difference", () => {
  it("is the largest relative one", () => {
    expect(difference([1, 2.02], [1, 2])).toBeCloseTo(0.01, 10);
    expect(difference([3], [3])).toBe(0);
  });

  it("is infinite where nothing can be compared", () => {
    expect(difference([], [])).toBe(Number.POSITIVE_INFINITY);
    expect(difference([1], [1, 2])).toBe(Number.POSITIVE_INFINITY);
    expect(difference([Number.NaN], [1])).toBe(Number.POSITIVE_INFINITY);
  });
});
