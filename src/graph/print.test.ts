import { expect, test } from "vitest";
import { collect } from "./graph.ts";
import { constant, input } from "./ops/source.ts";
import { canonicalText, graphDigest } from "./print.ts";
import type { Tensor } from "./tensor.ts";

const graphOf = (tensor: Tensor) => collect([{ name: "y", tensor }]);
const mlp = (factor = 2) =>
  graphOf(
    input("x", [2, 3])
      .matmul(input("w", [3, 4]))
      .mul(factor)
      .relu(),
  );

test("one line a node, with dtypes, shapes and attributes in name order", () => {
  expect(canonicalText(mlp())).toMatchInlineSnapshot(`
    "inputs: x f32[2,3], w f32[3,4]
    %0 f32[2,4] = matmul(x, w) {transA: false, transB: false}
    %1 f32[] = constant() {data: [2], dtype: float32, shape: []}
    %2 f32[2,4] = mul(%0, %1)
    %3 f32[2,4] = relu(%2)
    outputs: y = %3"
  `);
});

test("the text does not depend on which objects a graph is made of, nor on what was built between", () => {
  const first = mlp();
  input("unrelated", [7]).exp();
  const second = mlp();
  expect(second.nodes[0]).not.toBe(first.nodes[0]);
  expect(canonicalText(second)).toBe(canonicalText(first));
  expect(graphDigest(second)).toBe(graphDigest(first));
});

test("constants, names, shapes and dtypes tell graphs apart", () => {
  const long = (last: number) => graphOf(input("x", [9]).add(constant([1, 2, 3, 4, 5, 6, 7, 8, last])));
  const different = [mlp(2), mlp(3), long(1), long(2), graphOf(input("x", [2])), graphOf(input("y", [2])), graphOf(input("x", [2, 1]))];
  different.push(graphOf(input("x", [2], "int32")), graphOf(constant([1, 2])), graphOf(constant([1, 2], "int32")));
  expect(new Set(different.map(graphDigest)).size).toBe(different.length);
});

test("numbers that only differ beyond float32 are the same constant", () => {
  expect(canonicalText(mlp(0.1))).toBe(canonicalText(mlp(0.1 + 1e-12)));
});

test("the two zeros are two constants", () => {
  const texts = [0, -0].flatMap((zero) => [constant(zero), constant([1, zero])].map((tensor) => canonicalText(graphOf(tensor))));
  expect(new Set(texts).size).toBe(4);
  expect(texts[2]).toContain("data: [-0]");
});
