import { expect, it } from "vitest";
import { type Curves, reduceTable } from "../../../../src/studio/metrics.ts";
import { aligned, isPositive, lastOf, smooth } from "../../components/curve-data.ts";
import { appendRows, chartGroups } from "./append.ts";

const none: Curves = { rows: 0, firstStep: 0, lastStep: 0, stretch: 1, steps: new Float64Array(0), curves: [] };

it("appends live rows once, new columns too", () => {
  const first = appendRows(none, { from: 0, steps: [1, 2], columns: { loss: [3, null] } });
  const again = appendRows(first, { from: 0, steps: [1, 2, 3], columns: { loss: [3, null, 1], held: [null, null, 7] } });
  expect([again.rows, again.lastStep, [...again.steps]]).toEqual([3, 3, [1, 2, 3]]);
  expect(again.curves.map(({ name, mean }) => [name, ...mean])).toEqual([
    ["loss", 3, Number.NaN, 1],
    ["held", Number.NaN, Number.NaN, 7],
  ]);
  expect(appendRows(again, { from: 0, steps: [1, 2, 3], columns: {} })).toBe(again);
});

it("appends to stretches without touching them", () => {
  const steps = Float64Array.from({ length: 100 }, (_, i) => i + 1);
  const reduced = reduceTable({ rows: 100, steps, columns: new Map([["loss", steps]]) }, { points: 10 });
  const { curves, lastStep } = appendRows(reduced, { from: 100, steps: [101], columns: { loss: [500] } });
  expect([lastStep, curves[0].mean.at(-1), curves[0].low.at(-1), curves[0].high[0]]).toEqual([101, 500, 500, reduced.curves[0].high[0]]);
});

it("groups what belongs into one chart", () => {
  expect(chartGroups(["epoch", "seconds", "learningRate", "loss", "kl", "gradientNorm.critic", "heldOut.kl", "heldOut.elbo"])).toEqual({
    main: ["loss", "kl", "heldOut.elbo"],
    other: ["epoch", "seconds", "learningRate", "gradientNorm.critic"],
  });
});

it("smooths without a slow start, and leaves gaps", () => {
  expect([...smooth([4, Number.NaN, 4, 4], 0.9)].map((value) => Math.round(value * 1e6) / 1e6)).toEqual([4, Number.NaN, 4, 4]);
  expect([...smooth([1, 2, 3], 0)]).toEqual([1, 2, 3]);
});

it("puts lines of different steps on one axis", () => {
  const line = { label: "a", colour: 1, steps: [1, 3], values: [5, Number.NaN] };
  const other = { label: "b", colour: 2, steps: [2, 3], values: [7, 8], band: { low: [6, 7], high: [8, 9] } };
  expect(aligned([line, other])).toEqual([
    [1, 2, 3],
    [5, null, null],
    [null, 6, 7],
    [null, 8, 9],
    [null, 7, 8],
  ]);
  expect([lastOf(line), isPositive([line, other]), isPositive([{ ...line, values: [0, 1] }])]).toEqual([
    { step: 1, value: 5 },
    true,
    false,
  ]);
});
