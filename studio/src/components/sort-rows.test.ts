import { expect, test } from "vitest";
import { sortRows } from "./sort-rows.ts";

test("rows without a value stand last whichever way is chosen", () => {
  const rows = [{ v: 2 }, { v: undefined }, { v: 10 }, { v: Number.NaN }, { v: 1 }];
  const values = (descending: boolean) => sortRows(rows, ({ v }) => v, descending).map(({ v }) => v);
  expect(values(false)).toEqual([1, 2, 10, undefined, Number.NaN]);
  expect(values(true)).toEqual([10, 2, 1, undefined, Number.NaN]);
  expect(sortRows(rows, undefined, true)).toBe(rows);
  expect(sortRows(["b", "a", "C"], (text) => text, false)).toEqual(["a", "b", "C"]);
});
