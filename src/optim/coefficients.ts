import type { Optimizer } from "./optimizer.ts";

// The scalars that optimizers work out on the host, written as formulas, so that a program which carries a whole step can work them out itself.

/** A formula of the step (counted from 1) and the learning rate, in double precision. */
export type Formula = number | "step" | "learningRate" | { readonly op: FormulaOp; readonly of: readonly Formula[] };

/** Named as in ONNX. */
export type FormulaOp = "Div" | "Mul" | "Pow" | "Sqrt" | "Sub";

const div = (a: Formula, b: Formula): Formula => ({ op: "Div", of: [a, b] });
const mul = (a: Formula, b: Formula): Formula => ({ op: "Mul", of: [a, b] });
const sub = (a: Formula, b: Formula): Formula => ({ op: "Sub", of: [a, b] });
const pow = (a: Formula, b: Formula): Formula => ({ op: "Pow", of: [a, b] });
const sqrt = (a: Formula): Formula => ({ op: "Sqrt", of: [a] });

type Settings = Readonly<Record<string, number | boolean>>;

/** 1 - βᵗ. */
const lack = (beta: number | boolean): Formula => sub(1, pow(Number(beta), "step"));
const adamScalars = ({ beta1, beta2 }: Settings) => ({
  stepSize: div("learningRate", lack(beta1)),
  inverseRoot: div(1, sqrt(lack(beta2))),
});

const known: Readonly<Record<string, (settings: Settings, weightDecay: number) => Record<string, Formula>>> = {
  sgd: (_settings, weightDecay) => ({ learningRate: "learningRate", weightDecay }),
  rmsprop: (_settings, weightDecay) => ({ learningRate: "learningRate", weightDecay }),
  adam: (settings, weightDecay) => ({ ...adamScalars(settings), weightDecay }),
  adamw: (settings, weightDecay) => ({ ...adamScalars(settings), keep: sub(1, mul("learningRate", weightDecay)) }),
};

/**
 * An optimizer's coefficients as formulas, of the names that `coefficients` gives; undefined for an optimizer whose formulas are not written here.
 * @param weightDecay undefined where nothing decays
 */
export function coefficientFormulas(
  { name, settings, coefficients }: Optimizer,
  weightDecay: number | undefined,
): Record<string, Formula> | undefined {
  if (!Object.hasOwn(known, name)) return undefined;
  const formulas = known[name](settings, weightDecay ?? 0);
  const wanted = Object.keys(coefficients(1, 1, weightDecay));
  return wanted.every((key) => key in formulas) ? Object.fromEntries(wanted.map((key) => [key, formulas[key]])) : undefined;
}

/** The value of a formula. @param step counted from 1 */
export function evaluateFormula(formula: Formula, step: number, learningRate: number): number {
  if (typeof formula === "number") return formula;
  if (formula === "step") return step;
  if (formula === "learningRate") return learningRate;
  const [a, b] = formula.of.map((part) => evaluateFormula(part, step, learningRate));
  switch (formula.op) {
    case "Div":
      return a / b;
    case "Mul":
      return a * b;
    case "Pow":
      return a ** b;
    case "Sqrt":
      return Math.sqrt(a);
    case "Sub":
      return a - b;
  }
}
