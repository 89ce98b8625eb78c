import { describe, expect, it } from "vitest";
import { interquartile, median, pairedRatio, quantile, summary } from "./stats.ts";

describe("quantiles", () => {
  it("interpolates between ranks and leaves its input alone", () => {
    const values = [4, 1, 3, 2];
    expect(median(values)).toBe(2.5);
    expect(quantile(values, 0)).toBe(1);
    expect(quantile(values, 1)).toBe(4);
    expect(quantile(values, 0.25)).toBeCloseTo(1.75, 12);
    expect(values).toEqual([4, 1, 3, 2]);
    expect(interquartile(values)).toBeCloseTo(1.5, 12);
  });

  it("takes a single value as its own quartiles", () => {
    expect(summary([7])).toEqual({ median: 7, low: 7, high: 7 });
  });

  it("sorts by value, not as text", () => {
    expect(median([100, 9, 10])).toBe(10);
  });

  it("refuses an empty list", () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe("pairedRatio", () => {
  it("compares round by round, so a machine that slows down for both changes nothing", () => {
    const ours = [[10, 10, 11], [20, 20, 22], [40]];
    const peer = [[20, 20], [40, 41, 40], [80]];
    expect(pairedRatio(ours, peer)).toEqual({ median: 2, low: 2, high: 2 });
  });

  it("tells the spread", () => {
    const ratio = pairedRatio([[1], [1], [1], [1], [1]], [[1], [2], [3], [4], [5]]);
    expect(ratio).toEqual({ median: 3, low: 2, high: 4 });
  });

  it("refuses rounds that do not pair", () => {
    expect(() => pairedRatio([[1]], [])).toThrow("pairs");
  });
});
