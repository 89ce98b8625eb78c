import { expect, test } from "vitest";
import { adam, adamw } from "./adam.ts";
import { coefficientFormulas, evaluateFormula } from "./coefficients.ts";
import type { Optimizer } from "./optimizer.ts";
import { rmsprop } from "./rmsprop.ts";
import { sgd } from "./sgd.ts";

test.each([sgd({ momentum: 0.9 }), rmsprop(), adam({ beta1: 0.5, beta2: 0.9 }), adamw()].map((o): [string, Optimizer] => [o.name, o]))(
  "%s: the formulas give what the optimizer gives",
  (_, optimizer) => {
    for (const weightDecay of [undefined, 0.01]) {
      const formulas = coefficientFormulas(optimizer, weightDecay)!;
      for (const step of [1, 2, 1000, 100_000]) {
        const expected = optimizer.coefficients(step, 3e-4, weightDecay);
        const got = Object.fromEntries(Object.entries(formulas).map(([name, formula]) => [name, evaluateFormula(formula, step, 3e-4)]));
        expect(got).toEqual(expected);
      }
    }
  },
);

test("an optimizer of one's own has none", () => {
  expect(coefficientFormulas({ ...sgd(), name: "mine" }, undefined)).toBeUndefined();
  expect(coefficientFormulas({ ...sgd(), coefficients: () => ({ other: 1 }) }, undefined)).toBeUndefined();
});
