import { describe, expect, it } from "vitest";
import type { ImageShape } from "./dataset.ts";
import { fitImages } from "./fit.ts";
import { testCard, testSet } from "./testing/sets.ts";

function fitted(images: number[], from: ImageShape, to: ImageShape, mode: "pad" | "resize" = "resize") {
  const count = images.length / (from[0] * from[1] * from[2]);
  const set = testSet(count, from, { images: Uint8Array.from(images), card: testCard({ shape: from, fit: mode }) });
  const result = fitImages(set, to);
  expect(result.shape).toEqual(to);
  expect(result.images.length).toBe(count * to[0] * to[1] * to[2]);
  return [...result.images];
}

describe("fitImages", () => {
  it("keeps a set that fits", () => {
    const set = testSet(3);
    expect(fitImages(set, [1, 2, 2])).toBe(set);
  });

  it("pads around the centre, the odd pixel at the bottom and right", () => {
    expect(fitted([1, 2, 3, 4], [1, 2, 2], [1, 3, 4], "pad")).toEqual([0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0]);
  });

  it("averages areas when shrinking", () => {
    expect(fitted([10, 20, 30, 40], [1, 2, 2], [1, 1, 1])).toEqual([25]);
    expect(fitted([0, 90, 180, 0, 90, 180, 0, 90, 180], [1, 3, 3], [1, 2, 2])).toEqual([30, 150, 30, 150]);
  });

  it("shrinks what is larger also where the card says pad", () => {
    expect(fitted([10, 20, 30, 40], [1, 2, 2], [1, 1, 1], "pad")).toEqual([25]);
  });

  it("interpolates when enlarging", () => {
    expect(fitted([0, 100, 0, 100], [1, 2, 2], [1, 4, 4]).slice(0, 4)).toEqual([0, 25, 75, 100]);
  });

  it("covers and crops the centre when the sides' ratio differs", () => {
    expect(fitted([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 4], [1, 2, 2])).toEqual([2, 3, 6, 7]);
    expect(fitted([1, 2, 3, 4, 5, 6, 7, 8], [1, 4, 2], [1, 2, 2])).toEqual([3, 4, 5, 6]);
  });

  it("keeps a constant picture constant at any size", () => {
    for (const side of [1, 2, 3, 5, 7, 8, 11, 13]) {
      expect(new Set(fitted(Array(64).fill(201), [1, 8, 8], [1, side, 2 * side]))).toEqual(new Set([201]));
    }
  });

  it("turns colour to grey by luma, and grey to colour", () => {
    expect(fitted([255, 0, 0, 100, 0, 100], [3, 1, 1], [1, 1, 1])).toEqual([76, 41]);
    expect(fitted([255, 255, 255], [3, 1, 1], [1, 1, 1])).toEqual([255]);
    expect(fitted([1, 2, 3, 4], [1, 1, 2], [3, 1, 2])).toEqual([1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4]);
  });

  it("refuses what is no picture's shape", () => {
    expect(() => fitted([1], [1, 1, 1], [2, 4, 4])).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Pictures cannot have this shape: pictures have 1 channel (grey) or 3 (red, green, blue).
        got:      [2, 4, 4]]
    `);
    expect(() => fitted([1], [1, 1, 1], [1, 0, 4])).toThrow("[channels, height, width]");
  });
});
