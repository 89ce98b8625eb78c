import { describe, expect, test } from "vitest";
import * as atelier from "../../src/index.ts";
import { expectSlice, type StoredInput, type StoredResults, slices } from "./slices.ts";

// Functions that are made of several ops, by their names in the library, with the arguments that follow the tensors.

interface FunctionCase extends StoredResults {
  name: string;
  inputs: StoredInput[];
  options: unknown[];
}

type Result = atelier.Tensor | atelier.TopK;
const functions = atelier as unknown as Record<string, (...operands: unknown[]) => Result>;
const stored = slices<FunctionCase>("functions");

function build({ name, options }: FunctionCase, operands: readonly atelier.Tensor[]): atelier.Tensor[] {
  const rest = options.map((option) => (option === null ? undefined : option === "-Infinity" ? Number.NEGATIVE_INFINITY : option));
  const result = name === "einsum" ? functions.einsum(rest[0], ...operands) : functions[name](...operands, ...rest);
  return [result instanceof atelier.Tensor ? result : result.values];
}

describe("functions give PyTorch's values and gradients", () => {
  test.each(stored.map((slice, i) => [`${slice.name}(${JSON.stringify(slice.options)}) #${i}`, slice] as const))("%s", (what, slice) =>
    expectSlice(what, slice.inputs, slice, (operands) => build(slice, operands)),
  );
});

test("every stored function is one of the library's", () => {
  for (const { name } of stored) expect(functions[name], name).toBeTypeOf("function");
});
