import { expect, it } from "vitest";
import { dab, parts, stroke } from "./brush.ts";

const size = { width: 5, height: 4 };
const rows = (mask: Uint8Array) => Array.from({ length: 4 }, (_, y) => [...mask.subarray(y * 5, y * 5 + 5)].join(""));

it("dabs a pixel, or a round of them, and never beyond the picture", () => {
  const none = new Uint8Array(20);
  expect(rows(dab(none, size, 1, 1, 0, 1))).toEqual(["00000", "01000", "00000", "00000"]);
  expect(rows(dab(none, size, 4, 0, 1, 1))).toEqual(["00011", "00001", "00000", "00000"]);
  expect(rows(dab(parts["Lower half"](size), size, 0, 3, 1, 0))).toEqual(["00000", "00000", "01111", "00111"]);
  expect([...none]).toEqual(new Array(20).fill(0));
});

it("strokes without gaps", () => {
  expect(rows(stroke(new Uint8Array(20), size, [0, 0], [4, 2], 0, 1))).toEqual(["10000", "01100", "00011", "00000"]);
  const line = stroke(new Uint8Array(20), size, [0, 3], [4, 3], 0, 1);
  expect(rows(line)[3]).toBe("11111");
});

it("has parts", () => {
  expect(rows(parts.Middle(size))).toEqual(["00000", "01110", "01110", "00000"]);
  expect(rows(parts["Right half"](size))[0]).toBe("00011");
  expect(parts.Nothing(size).some(Boolean)).toBe(false);
});
