import { expect, it } from "vitest";
import { classificationFigures, majorityBaseline } from "./classification.ts";

it("accuracy and macro F1 as counted by hand", () => {
  // Class 0: 2 right, 1 missed, 1 wrongly said. Class 1: 1 right, 1 missed, 1 wrongly said. Class 2: 0 right, 0 missed. Class 3: never.
  const { accuracy, macroF1, classes } = classificationFigures([0, 0, 0, 1, 1], [0, 0, 1, 1, 0], 4);
  expect(accuracy).toBeCloseTo(3 / 5, 12);
  expect(classes[0]).toEqual({ precision: 2 / 3, recall: 2 / 3, f1: 2 / 3, count: 3 });
  expect(classes[1]).toEqual({ precision: 1 / 2, recall: 1 / 2, f1: 1 / 2, count: 2 });
  expect(classes[3].f1).toBeNaN();
  // Classes that neither are nor were said do not count.
  expect(macroF1).toBeCloseTo((2 / 3 + 1 / 2) / 2, 12);
});

it("a class that is never told has an F1 of 0, which counts", () => {
  const { macroF1, classes } = classificationFigures([0, 0, 1], [0, 0, 0], 2);
  expect(classes[1]).toMatchObject({ recall: 0, f1: 0, count: 1 });
  expect(macroF1).toBeCloseTo(0.8 / 2, 12);
});

it("the baseline says what is commonest where one learns, of equal ones the first", () => {
  expect(majorityBaseline([1, 1, 0, 2], [0, 1, 1], 3)).toEqual({ label: 1, accuracy: 0.5 });
  expect(majorityBaseline([1, 0], [2, 0], 3)).toEqual({ label: 0, accuracy: 0.5 });
});

it("answers must be as many as examples", () => {
  expect(() => classificationFigures([], [], 2)).toThrow("do not fit");
  expect(() => classificationFigures([0], [0, 1], 2)).toThrow("2 for 1");
});
