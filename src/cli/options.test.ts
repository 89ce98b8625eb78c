import { expect, it } from "vitest";
import { anyNumber, inFileName } from "./options.ts";

it("a number is one, not nothing", () => {
  expect(["-2", "1e-3", " 0 "].map(anyNumber)).toEqual([-2, 0.001, 0]);
  for (const text of ["", " ", "much", "Infinity", "1,5"]) expect(() => anyNumber(text)).toThrow("It must be a number.");
});

it("a class or a seed makes no folder of a file's name", () => {
  expect(inFileName("vae-T-shirt/top.png")).toBe("vae-T-shirt-top.png");
  expect(inFileName("avatars:side=32.png")).toBe("avatars-side=32.png");
});
