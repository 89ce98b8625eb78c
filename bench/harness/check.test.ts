import { describe, expect, it } from "vitest";
import { agrees, difference } from "./check.ts";

describe("difference", () => {
  it("is the largest relative one", () => {
    expect(difference([1, 2.02], [1, 2])).toBeCloseTo(0.01, 10);
    expect(difference([3], [3])).toBe(0);
  });

  it("measures a loss near zero against the larger ones", () => {
    expect(difference([10, 0.01], [10, 0])).toBeCloseTo(0.01, 10);
  });

  it("is infinite where nothing can be compared", () => {
    expect(difference([], [])).toBe(Number.POSITIVE_INFINITY);
    expect(difference([1], [1, 2])).toBe(Number.POSITIVE_INFINITY);
    expect(difference([Number.NaN], [1])).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("agrees", () => {
  const reference = [1, 2, 3];
  const check = (losses: number[], parameters = 7) => agrees({ losses, parameters }, reference, { parameters: 7, later: 0.01 });

  it("is strict with the first losses and the parameter count, and lets later ones drift", () => {
    expect(check([1, 2, 3])).toBe(true);
    expect(check([1, 2, 3.02])).toBe(true);
    expect(check([1, 2, 3.2])).toBe(false);
    expect(check([1.001, 2, 3])).toBe(false);
    expect(check([1, 2, 3], 8)).toBe(false);
    expect(check([1, 2])).toBe(false);
  });
});
