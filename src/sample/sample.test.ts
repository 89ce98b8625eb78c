import { describe, expect, it } from "vitest";
import { EvenFrames } from "./frames.ts";
import { interpolateCodes, lerp, slerp } from "./interpolate.ts";
import { keepKnown, knownFromMask, knownHalf } from "./known.ts";

describe("ways between two codes", () => {
  it("begin and end where they should", () => {
    for (const path of ["linear", "spherical"] as const) {
      const codes = interpolateCodes([1, 0, 2], [0, 3, -1], 5, path);
      [1, 0, 2].forEach((value, i) => {
        expect(codes[i]).toBeCloseTo(value, 6);
      });
      [0, 3, -1].forEach((value, i) => {
        expect(codes[12 + i]).toBeCloseTo(value, 6);
      });
    }
  });

  it("are straight, or keep to the sphere", () => {
    expect([...lerp([1, 0], [0, 1], 0.25)]).toEqual([0.75, 0.25]);
    const middle = slerp([1, 0], [0, 1], 1 / 3);
    expect(Math.hypot(...middle)).toBeCloseTo(1, 6);
    expect(Math.atan2(middle[1], middle[0])).toBeCloseTo(Math.PI / 6, 6);
  });

  it("are straight where there is no arc", () => {
    for (const to of [
      [2, 0],
      [-1, 0],
      [0, 0],
    ])
      expect([...slerp([1, 0], to, 0.5)]).toEqual([...lerp([1, 0], to, 0.5)]);
    expect(() => lerp([1], [1, 2], 0)).toThrow("one size");
  });
});

describe("EvenFrames", () => {
  it("keeps the first, the last and an even spread of any number", () => {
    for (const count of [1, 2, 11, 12, 13, 100, 784, 3000]) {
      const frames = new EvenFrames<number>(12);
      for (let i = 0; i < count; i++) frames.add(i);
      const kept = frames.frames();
      expect(kept).toHaveLength(Math.min(12, count));
      expect([kept[0], kept.at(-1)]).toEqual([0, count - 1]);
      const gaps = kept.slice(1).map((value, i) => value - kept[i]);
      expect(Math.min(...gaps)).toBeGreaterThan(0);
      if (count >= 100) expect(Math.max(...gaps) / Math.min(...gaps)).toBeLessThan(2.5);
    }
    expect(new EvenFrames<number>(12).frames()).toEqual([]);
  });
});

describe("known pixels", () => {
  it("are one half, the odd line being painted", () => {
    expect([...knownHalf("top", 3, 2)]).toEqual([1, 1, 0, 0, 0, 0]);
    expect([...knownHalf("bottom", 3, 2)]).toEqual([0, 0, 0, 0, 1, 1]);
    expect([...knownHalf("left", 2, 3)]).toEqual([1, 0, 0, 1, 0, 0]);
    expect([...knownHalf("right", 2, 3)]).toEqual([0, 0, 1, 0, 0, 1]);
  });

  it("or a mask's white ones", () => {
    expect([...knownFromMask([0.9, 0.1])]).toEqual([1, 0]);
    expect(() => knownFromMask([0, 0])).toThrow("no known pixel");
    expect(() => knownFromMask([1, 1])).toThrow("every pixel");
  });

  it("come back in every channel of every picture", () => {
    const painted = new Float32Array(2 * 3 * 4).fill(0.5);
    const given = Float32Array.from(painted, (_, i) => i);
    keepKnown(painted, given, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 1), [2, 3, 2, 2]);
    expect([...painted.entries()].filter(([, value]) => value !== 0.5)).toEqual([0, 4, 8, 15, 19, 23].map((i) => [i, i]));
  });
});
