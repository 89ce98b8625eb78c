import { describe, test } from "vitest";
import { add, mul, sin } from "../../src/graph/ops/elementwise.ts";
import * as matrix from "../../src/graph/ops/matrix.ts";
import { constant } from "../../src/graph/ops/source.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { expectSlice, type StoredInput, type StoredResults, slices } from "./slices.ts";

interface MatrixCase extends StoredResults {
  name: "determinant" | "logAbs" | "sign" | "inverse" | "solve" | "triangularSolve" | "cholesky";
  inputs: StoredInput[];
  options: object;
  weight: number;
  shift: number;
}

/** As prepared() in torch_matrix.py. */
function prepared(a: Tensor, { weight, shift }: MatrixCase): Tensor {
  const n = a.shape[a.rank - 1];
  const diagonal = Float32Array.from({ length: n * n }, (_, i) => (Math.floor(i / n) === ((i % n) + shift) % n ? weight : 0));
  return add(mul(sin(mul(a, 40)), 0.5), constant(diagonal, "float32", [n, n]));
}

const functions: Record<MatrixCase["name"], (a: Tensor, b: Tensor, options: object) => Tensor> = {
  determinant: matrix.determinant,
  logAbs: (a) => matrix.logAbsDeterminant(a).logAbs,
  sign: (a) => matrix.logAbsDeterminant(a).sign,
  inverse: matrix.inverse,
  solve: matrix.solve,
  triangularSolve: matrix.triangularSolve,
  cholesky: (a, _b, options) => matrix.cholesky(a, options),
};

describe("functions of matrices are torch.linalg's", () => {
  test.each(slices<MatrixCase>("matrix").map((slice) => [`${slice.name} ${JSON.stringify(slice.options)}`, slice] as const))(
    "%s",
    (what, slice) => expectSlice(what, slice.inputs, slice, ([a, b]) => [functions[slice.name](prepared(a, slice), b, slice.options)]),
  );
});
