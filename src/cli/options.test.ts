import { expect, it } from "vitest";
import { anyNumber, inFileName, wholeNumber } from "./options.ts";

it("a number is one, not nothing", () => {
  expect(["-2", "1e-3", " 0 "].map(anyNumber)).toEqual([-2, 0.001, 0]);
  for (const text of ["", " ", "much", "Infinity", "1,5"]) expect(() => anyNumber(text)).toThrow("It must be a number.");
});

it("a whole number is within its bounds", () => {
  expect(["2", "1e3", " 7 "].map(wholeNumber(2, 1000))).toEqual([2, 1000, 7]);
  for (const text of ["1", "1001", "2.5", "many", ""]) expect(() => wholeNumber(2, 1000)(text)).toThrow("from 2 to 1000");
  expect(() => wholeNumber(0)("")).toThrow("of at least 0");
});

it("a class or a seed makes no folder of a file's name", () => {
  expect(inFileName("vae-T-shirt/top.png")).toBe("vae-T-shirt-top.png");
  expect(inFileName("avatars:side=32.png")).toBe("avatars-side=32.png");
});
