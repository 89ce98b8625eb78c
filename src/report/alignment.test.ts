import { expect, test } from "vitest";
import { alignmentMaps } from "./alignment.ts";

const diagonal = { source: ["c", "a", "t"], target: ["K", "AE", "T"], weights: [1, 0, 0, 0, 1, 0, 0, 0, 1] };

test("the darker a cell, the more was looked at it", () => {
  const cell = 20;
  const { width, height, data } = alignmentMaps([diagonal], { cell });
  const colour = (row: number, column: number) =>
    data[((height - 14 - (2.5 - row) * cell) * width + width - 14 - (2.5 - column) * cell) * 3];
  for (let row = 0; row < 3; row++) for (let column = 0; column < 3; column++) expect(colour(row, column)).toBe(row === column ? 22 : 255);
});

test("several maps in rows, with turned words and accents, and weights that do not fit", () => {
  const other = { source: ["le", "garçon"], target: ["the", "boy"], weights: [0.9, 0.1, 0.2, 0.8] };
  const one = alignmentMaps([diagonal]);
  const many = alignmentMaps([diagonal, other, diagonal], { columns: 2 });
  expect(many.width).toBeGreaterThan(one.width);
  expect(many.height).toBeGreaterThan(one.height);
  expect(() => alignmentMaps([{ ...diagonal, weights: [1] }])).toThrow("3 rows of 3");
});
