import { describe, expect, it } from "vitest";
import { decodeCurves, encodeCurves, reduceTable, type Table } from "./metrics.ts";

function table(columns: Record<string, number[]>): Table {
  const rows = Object.values(columns)[0].length;
  return {
    rows,
    steps: Float64Array.from({ length: rows }, (_, i) => i + 1),
    columns: new Map(Object.entries(columns).map(([name, values]) => [name, Float64Array.from(values)])),
  };
}

describe("curves", () => {
  it("are whole where they are short", () => {
    const { steps, stretch, curves } = reduceTable(table({ loss: [3, 2, 1] }), { points: 10 });
    expect([[...steps], stretch, [...curves[0].mean]]).toEqual([[1, 2, 3], 1, [3, 2, 1]]);
  });

  it("keep every spike and say what was no number", () => {
    const values = Array.from({ length: 10_000 }, () => 1);
    values[7777] = 900;
    values[20] = Number.POSITIVE_INFINITY;
    values[21] = Number.NaN;
    const { steps, stretch, curves } = reduceTable(table({ loss: values }), { points: 100 });
    expect(steps.length).toBeLessThanOrEqual(100);
    expect([stretch, steps.at(-1)]).toEqual([128, 10_000]);
    expect(Math.max(...curves[0].high)).toBe(900);
    expect([Math.min(...curves[0].low), curves[0].notFinite]).toEqual([1, 1]);
  });

  it("have the asked range with a row beyond it, at fixed places", () => {
    const many = table({ loss: Array.from({ length: 1000 }, (_, i) => i) });
    expect([...reduceTable(many, { points: 50, from: 100, to: 110 }).steps]).toEqual([
      99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110,
    ]);
    const before = reduceTable({ ...many, rows: 900 }, { points: 50 });
    const after = reduceTable(many, { points: 50 });
    expect([...after.steps.slice(0, before.steps.length - 1)]).toEqual([...before.steps.slice(0, -1)]);
  });

  it("of sparse columns have gaps, and of nothing are empty", () => {
    const sparse = reduceTable(table({ held: [Number.NaN, 5, Number.NaN, Number.NaN] }), { points: 2 });
    expect([...sparse.curves[0].mean]).toEqual([5, Number.NaN]);
    expect(reduceTable({ rows: 0, steps: new Float64Array(0), columns: new Map() }, { points: 5 })).toMatchObject({ rows: 0, curves: [] });
  });

  it("survive the way to the page", () => {
    for (const points of [3, 1000]) {
      const curves = reduceTable(table({ loss: [1, 2, 3, 4, 5], "gradientNorm.ü": [5, 4, 3, 2, 1] }), { points });
      expect(decodeCurves(encodeCurves(curves).buffer as ArrayBuffer)).toEqual(curves);
    }
    expect(reduceTable(table({ a: [1], b: [2] }), { points: 5, columns: ["b", "missing"] }).curves.map(({ name }) => name)).toEqual(["b"]);
  });
});
