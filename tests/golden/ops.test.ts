import { describe, expect, test } from "vitest";
import type { Attrs, OpRecord } from "../../src/graph/op.ts";
import { ops } from "../../src/graph/ops/index.ts";
import { apply } from "../../src/graph/tensor.ts";
import { expectSlice, type StoredInput, type StoredResults, slices } from "./slices.ts";

interface OpCase extends StoredResults {
  op: string;
  attrs: Attrs;
  inputs: StoredInput[];
}

/** Ops that PyTorch has no counterpart of. */
const withoutSlices = ["input", "constant", "customGradient", "barrier"];

const stored = slices<OpCase>("ops");
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test("the slices are of the ops' present examples: if not, run `npm run golden`", () => {
  const examples = Object.entries(ops).flatMap(([op, record]) => record.examples.map(({ inputs, attrs }) => ({ op, attrs, inputs })));
  const wanted = examples.filter(({ op }) => !withoutSlices.includes(op));
  expect(stored.map(({ op, attrs, inputs }) => ({ op, attrs, inputs }))).toEqual(plain(wanted));
});

describe("an op's examples give PyTorch's values and gradients", () => {
  test.each([...new Set(stored.map(({ op }) => op))])("%s", async (op) => {
    for (const [i, slice] of stored.filter((candidate) => candidate.op === op).entries())
      await expectSlice(`${op} example ${i}`, slice.inputs, slice, (operands) => apply(ops[op] as OpRecord, operands, slice.attrs));
  });
});

describe("corners are PyTorch's: ties, bounds, duplicates, extremes", () => {
  test.each(slices<OpCase>("corners").map((slice, i) => [`${slice.op} ${JSON.stringify(slice.attrs)} #${i}`, slice] as const))(
    "%s",
    (what, slice) => expectSlice(what, slice.inputs, slice, (operands) => apply(ops[slice.op] as OpRecord, operands, slice.attrs)),
  );
});
