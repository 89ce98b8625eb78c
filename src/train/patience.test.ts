import { expect, it } from "vitest";
import { Patience } from "./patience.ts";

it("is over after so many looks without a better value, of either direction", () => {
  const lower = new Patience("lower", 2);
  expect([5, 4, 4, 3, 3.5, Number.NaN].map((value, i) => [lower.add(i, value), lower.isOver])).toEqual([
    [true, false],
    [true, false],
    [false, false],
    [true, false],
    [false, false],
    [false, true],
  ]);
  expect(lower.best).toEqual({ step: 3, value: 3 });
  const higher = new Patience("higher", 1);
  higher.add(10, -100);
  higher.add(20, -90);
  expect(higher.isOver).toBe(false);
  higher.add(30, -95);
  expect([higher.isOver, higher.best]).toEqual([true, { step: 20, value: -90 }]);
});

it("never ends where no number of looks is given", () => {
  const watch = new Patience("lower", 0);
  for (let i = 0; i < 100; i++) watch.add(i, 1);
  expect(watch.isOver).toBe(false);
});
