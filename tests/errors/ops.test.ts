// What users are told when an op is given a wrong rank, size or dtype. An op that takes such operands all the same must have a program that the runtime takes.
import { describe, expect, test } from "vitest";
import type { DType, Shape } from "../../src/core/dtype.ts";
import { ShapeError } from "../../src/core/errors.ts";
import { collect } from "../../src/graph/graph.ts";
import type { OpRecord } from "../../src/graph/op.ts";
import { ops } from "../../src/graph/ops/index.ts";
import { input } from "../../src/graph/ops/source.ts";
import { apply, type Tensor } from "../../src/graph/tensor.ts";
import { lower } from "../../src/lower/lower.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { steady } from "./steady.ts";

interface Operand {
  shape: Shape;
  dtype: DType;
}

/** What can be wrong with one operand, by what a user would call it. */
const mistakes: Record<string, (operand: Operand) => Operand | undefined> = {
  "another dtype": ({ shape, dtype }) => ({ shape, dtype: dtype === "float32" ? "int32" : "float32" }),
  booleans: ({ shape, dtype }) => (dtype === "bool" ? undefined : { shape, dtype: "bool" }),
  "an axis too many": ({ shape, dtype }) => ({ shape: [2, ...shape], dtype }),
  "an axis too few": ({ shape, dtype }) => (shape.length === 0 ? undefined : { shape: shape.slice(1), dtype }),
  "a first axis too long": ({ shape, dtype }) => (shape.length === 0 ? undefined : { shape: [shape[0] + 5, ...shape.slice(1)], dtype }),
  "a last axis too long": ({ shape, dtype }) =>
    shape.length < 2 ? undefined : { shape: [...shape.slice(0, -1), shape.at(-1)! + 5], dtype },
};

/** The message of what `build` throws, which must be a complete ShapeError; undefined where it is content. */
function messageOf(build: () => unknown): string | undefined {
  try {
    build();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(ShapeError);
    const { where, got } = (error as ShapeError).problem;
    expect(where).toContain("ops.test.ts");
    expect(got).toBeDefined();
    return steady((error as Error).message);
  }
}

interface Taken {
  name: string;
  outputs: readonly Tensor[];
}

/** Which of the graphs the runtime refuses: the op should have told. */
async function refused(taken: readonly Taken[]): Promise<string[]> {
  const backend = await openBackend();
  const names: string[] = [];
  for (const { name, outputs } of taken) {
    const graph = collect(outputs.map((tensor, i) => ({ name: `y${i}`, tensor })));
    const { channelBlock } = backend;
    const load = async () => backend.load(lower(graph, { target: backend.target, channelBlock }), { name, optimize: "none" });
    const failure = await load().then(
      (executable) => executable.dispose(),
      (error: Error) => error,
    );
    if (failure !== undefined) names.push(`${name}: ${failure.message.split("\n").at(-1)}`);
  }
  return names;
}

const records = (Object.entries(ops) as [string, OpRecord][]).filter(([, op]) => op.examples.some(({ inputs }) => inputs.length > 0));

describe.each(records)("%s", (_name, op) => {
  test("tells what is wrong with its operands", async () => {
    const { inputs, attrs } = op.examples[0];
    const operands = inputs.map(({ shape, dtype = "float32" }): Operand => ({ shape, dtype }));
    const told: Record<string, string> = {};
    const taken: Taken[] = [];
    operands.forEach((operand, i) => {
      for (const [mistake, change] of Object.entries(mistakes)) {
        const changed = change(operand);
        if (changed === undefined) continue;
        const given = operands.map((other, j) => input(`x${j}`, (i === j ? changed : other).shape, (i === j ? changed : other).dtype));
        const message = messageOf(() => apply(op, given, attrs));
        if (message !== undefined) told[`operand ${i} with ${mistake}`] = message;
        else taken.push({ name: `operand ${i} with ${mistake}`, outputs: apply(op, given, attrs) });
      }
    });
    expect(told).toMatchSnapshot();
    expect(await refused(taken)).toEqual([]);
  });
});
