import { shapeError } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** An operand with a label per axis: a letter, or `.0`, `.1`, ... for the axes under an ellipsis. */
export interface Term {
  readonly labels: readonly string[];
  readonly x: Tensor;
}

export interface ParsedEinsum {
  readonly inputs: readonly Term[];
  readonly output: readonly string[];
}

/**
 * Read an equation such as `"bij,bjk->bik"`. Without `->` the result has the ellipsis and then, in alphabetical order, every letter that
 * occurs once.
 * @throws ShapeError naming what cannot be read
 */
export function parseEinsum(equation: string, operands: readonly Tensor[]): ParsedEinsum {
  const fail = (problem: string, hint?: string) => shapeError("einsum", operands, `in "${equation}" ${problem}`, hint);
  const sides = equation.replaceAll(" ", "").split("->");
  if (sides.length > 2) throw fail('there is more than one "->"');
  const subscripts = sides[0].split(",");
  if (subscripts.length !== operands.length) {
    throw fail(`there are ${subscripts.length} operands, ${operands.length} were given`, "operands are separated by commas");
  }
  const spare = subscripts.map((text, i) => {
    const letters = lettersOf(text, fail);
    const rest = operands[i].rank - letters.length;
    if (rest < 0 || (rest > 0 && !text.includes("...")))
      throw fail(`"${text}" names ${letters.length} axes, operand ${i} has ${operands[i].rank}`);
    return text.includes("...") ? rest : 0;
  });
  const widest = Math.max(...spare);
  const inputs = subscripts.map((text, i) => ({ labels: labelsOf(text, spare[i], widest), x: operands[i] }));
  const output = sides.length === 1 ? implied(inputs, widest) : explicit(sides[1], subscripts, inputs, widest, fail);
  return { inputs, output };
}

type Fail = (problem: string, hint?: string) => Error;

function lettersOf(text: string, fail: Fail): string[] {
  const letters = text.replace("...", "");
  const odd = [...letters].find((c) => !/[a-zA-Z]/.test(c));
  if (odd !== undefined)
    throw fail(`"${odd}" is no label`, "labels are single letters; ... stands for any axes and occurs once per operand");
  return [...letters];
}

/** The ellipsis' axes are counted from the right, as broadcasting aligns them. */
function labelsOf(text: string, spare: number, widest: number): string[] {
  const [before, after] = text.includes("...") ? text.split("...") : [text, ""];
  const dots = Array.from({ length: spare }, (_, i) => `.${widest - spare + i}`);
  return [...before, ...dots, ...after];
}

function implied(inputs: readonly Term[], widest: number): string[] {
  const all = inputs.flatMap(({ labels }) => labels).filter((label) => !label.startsWith("."));
  const once = all.filter((label) => all.indexOf(label) === all.lastIndexOf(label)).sort();
  return [...Array.from({ length: widest }, (_, i) => `.${i}`), ...once];
}

function explicit(text: string, subscripts: readonly string[], inputs: readonly Term[], widest: number, fail: Fail): string[] {
  const letters = lettersOf(text, fail);
  const twice = letters.find((label, i) => letters.indexOf(label) < i);
  if (twice !== undefined) throw fail(`the result names "${twice}" twice`);
  const unknown = letters.find((label) => !inputs.some(({ labels }) => labels.includes(label)));
  if (unknown !== undefined) throw fail(`the result's "${unknown}" is in no operand`);
  if (text.includes("...") && !subscripts.some((subscript) => subscript.includes("...")))
    throw fail("the result has an ellipsis, no operand has one");
  return labelsOf(text, text.includes("...") ? widest : 0, widest);
}
