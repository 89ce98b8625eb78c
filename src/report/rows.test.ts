import { expect, test } from "vitest";
import { pictureRows } from "./rows.ts";

test("rows stand under each other, their pictures at the same columns", () => {
  const grey = (value: number) => ({ data: new Uint8Array(3 * 8 * 8).fill(value), shape: [3, 1, 8, 8] as const });
  const { width, height, data } = pictureRows(
    [
      { label: "a", pictures: grey(0) },
      { label: "longer", pictures: grey(200) },
    ],
    2,
  );
  const left = 16 + 6 * 6 * 2 - 2;
  expect([width, height]).toEqual([left + 2 + 3 * 18 - 2, 2 * 18 + 2]);
  const at = (x: number, y: number) => data[(y * width + x) * 3];
  expect([at(width - 8, 6), at(width - 8, 24), at(width - 1, 6), at(width - 8, 18)]).toEqual([0, 200, 255, 255]);
});
