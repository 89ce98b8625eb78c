import { expect, test } from "vitest";
import { collect } from "../graph.ts";
import { stopGradient } from "../ops/control.ts";
import { add } from "../ops/elementwise.ts";
import { full } from "../ops/movement.ts";
import { constant, input } from "../ops/source.ts";
import { canonicalText } from "../print.ts";
import type { Tensor } from "../tensor.ts";
import { verify } from "../verify.ts";
import { simplify } from "./simplify.ts";

const x = input("x", [2, 3]);
const y = input("y", [2, 3]);

/** The canonical text of the output's graph before and after, without the inputs' line. */
function rewritten(out: Tensor): string {
  const graph = collect([{ name: "out", tensor: out }]);
  const simple = simplify(graph);
  verify(simple, "simplify");
  const body = (text: string) => text.split("\n").slice(1).join("\n");
  return `${body(canonicalText(graph))}\n=>\n${body(canonicalText(simple))}`;
}

test("gradient markers vanish", () => {
  expect(rewritten(stopGradient(x).exp())).toMatchInlineSnapshot(`
    "%0 f32[2,3] = stopGradient(x)
    %1 f32[2,3] = exp(%0)
    outputs: out = %1
    =>
    %0 f32[2,3] = exp(x)
    outputs: out = %0"
  `);
});

test("neutral elements vanish, on either side where the op commutes", () => {
  expect(rewritten(add(0, x).mul(1).sub(0))).toMatchInlineSnapshot(`
    "%0 f32[] = constant() {data: [0], dtype: float32, shape: []}
    %1 f32[2,3] = add(%0, x)
    %2 f32[] = constant() {data: [1], dtype: float32, shape: []}
    %3 f32[2,3] = mul(%1, %2)
    %4 f32[] = constant() {data: [0], dtype: float32, shape: []}
    %5 f32[2,3] = sub(%3, %4)
    outputs: out = %5
    =>
    outputs: out = x"
  `);
});

test("a neutral element that stretches the other operand becomes a bare stretch", () => {
  expect(rewritten(input("row", [3]).add(full([2, 3], 0)))).toMatchInlineSnapshot(`
    "%0 f32[] = constant() {data: [0], dtype: float32, shape: []}
    %1 f32[2,3] = expand(%0) {shape: [2,3]}
    %2 f32[2,3] = add(row, %1)
    outputs: out = %2
    =>
    %0 f32[2,3] = expand(row) {shape: [2,3]}
    outputs: out = %0"
  `);
});

test("scalar constants fold", () => {
  expect(rewritten(x.mul(constant(2).add(1).sqrt()))).toMatchInlineSnapshot(`
    "%0 f32[] = constant() {data: [2], dtype: float32, shape: []}
    %1 f32[] = constant() {data: [1], dtype: float32, shape: []}
    %2 f32[] = add(%0, %1)
    %3 f32[] = sqrt(%2)
    %4 f32[2,3] = mul(x, %3)
    outputs: out = %4
    =>
    %0 f32[] = constant() {data: [1.7320507764816284], dtype: float32, shape: []}
    %1 f32[2,3] = mul(x, %0)
    outputs: out = %1"
  `);
});

test("factors merge", () => {
  expect(rewritten(x.mul(2).mul(3))).toMatchInlineSnapshot(`
    "%0 f32[] = constant() {data: [2], dtype: float32, shape: []}
    %1 f32[2,3] = mul(x, %0)
    %2 f32[] = constant() {data: [3], dtype: float32, shape: []}
    %3 f32[2,3] = mul(%1, %2)
    outputs: out = %3
    =>
    %0 f32[] = constant() {data: [6], dtype: float32, shape: []}
    %1 f32[2,3] = mul(x, %0)
    outputs: out = %1"
  `);
});

test("adding a negative is subtracting", () => {
  expect(rewritten(x.add(y.neg()).sub(x.neg()))).toMatchInlineSnapshot(`
    "%0 f32[2,3] = neg(y)
    %1 f32[2,3] = add(x, %0)
    %2 f32[2,3] = neg(x)
    %3 f32[2,3] = sub(%1, %2)
    outputs: out = %3
    =>
    %0 f32[2,3] = sub(x, y)
    %1 f32[2,3] = add(%0, x)
    outputs: out = %1"
  `);
});

test("stretched operands are left to broadcasting", () => {
  expect(rewritten(x.mul(full([2, 3], 2).add(full([2, 3], 1))))).toMatchInlineSnapshot(`
    "%0 f32[] = constant() {data: [2], dtype: float32, shape: []}
    %1 f32[2,3] = expand(%0) {shape: [2,3]}
    %2 f32[] = constant() {data: [1], dtype: float32, shape: []}
    %3 f32[2,3] = expand(%2) {shape: [2,3]}
    %4 f32[2,3] = add(%1, %3)
    %5 f32[2,3] = mul(x, %4)
    outputs: out = %5
    =>
    %0 f32[] = constant() {data: [3], dtype: float32, shape: []}
    %1 f32[2,3] = mul(x, %0)
    outputs: out = %1"
  `);
});

test("a product of stretched operands is stretched once, after it", () => {
  expect(
    rewritten(
      input("a", [1, 3])
        .expand([2, 3])
        .mul(input("b", [1, 3]).expand([2, 3])),
    ),
  ).toMatchInlineSnapshot(`
    "%0 f32[2,3] = expand(a) {shape: [2,3]}
    %1 f32[2,3] = expand(b) {shape: [2,3]}
    %2 f32[2,3] = mul(%0, %1)
    outputs: out = %2
    =>
    %0 f32[1,3] = mul(a, b)
    %1 f32[2,3] = expand(%0) {shape: [2,3]}
    outputs: out = %1"
  `);
});

test("reshapes merge and vanish", () => {
  expect(rewritten(x.reshape([6]).reshape([3, 2]).exp().reshape([6]).reshape([3, 2]))).toMatchInlineSnapshot(`
    "%0 f32[6] = reshape(x) {shape: [6]}
    %1 f32[3,2] = reshape(%0) {shape: [3,2]}
    %2 f32[3,2] = exp(%1)
    %3 f32[6] = reshape(%2) {shape: [6]}
    %4 f32[3,2] = reshape(%3) {shape: [3,2]}
    outputs: out = %4
    =>
    %0 f32[3,2] = reshape(x) {shape: [3,2]}
    %1 f32[3,2] = exp(%0)
    outputs: out = %1"
  `);
});

test("transposes merge", () => {
  expect(rewritten(input("z", [2, 3, 4]).transpose([1, 2, 0]).transpose([1, 2, 0]))).toMatchInlineSnapshot(`
    "%0 f32[3,4,2] = transpose(z) {permutation: [1,2,0]}
    %1 f32[4,2,3] = transpose(%0) {permutation: [1,2,0]}
    outputs: out = %1
    =>
    %0 f32[4,2,3] = transpose(z) {permutation: [2,0,1]}
    outputs: out = %0"
  `);
});

test("transposes of matrices become flags of the product", () => {
  expect(rewritten(x.transpose().matmul(y))).toMatchInlineSnapshot(`
    "%0 f32[3,2] = transpose(x) {permutation: [1,0]}
    %1 f32[3,3] = matmul(%0, y) {transA: false, transB: false}
    outputs: out = %1
    =>
    %0 f32[3,3] = matmul(x, y) {transA: true, transB: false}
    outputs: out = %0"
  `);
});

test("equal expressions are computed once, and what nothing needs is not computed", () => {
  x.tanh();
  expect(rewritten(x.exp().mul(y).add(x.exp().mul(y)))).toMatchInlineSnapshot(`
    "%0 f32[2,3] = exp(x)
    %1 f32[2,3] = mul(%0, y)
    %2 f32[2,3] = exp(x)
    %3 f32[2,3] = mul(%2, y)
    %4 f32[2,3] = add(%1, %3)
    outputs: out = %4
    =>
    %0 f32[2,3] = exp(x)
    %1 f32[2,3] = mul(%0, y)
    %2 f32[2,3] = add(%1, %1)
    outputs: out = %2"
  `);
});

test("inputs keep their names and outputs their order", () => {
  const graph = simplify(
    collect(
      [
        { name: "second", tensor: y.mul(1) },
        { name: "first", tensor: x },
      ],
      new Map([[x, "renamed"]]),
    ),
  );
  expect(graph.inputs.map(({ name }) => name)).toEqual(["renamed", "y"]);
  expect(graph.outputs.map(({ name, tensor }) => [name, tensor])).toEqual([
    ["second", y],
    ["first", x],
  ]);
});

test("many forks that join again cost no more than their nodes", () => {
  let forked = x;
  for (let level = 0; level < 60; level++) forked = forked.mul(1).add(forked.tanh());
  const started = performance.now();
  const graph = simplify(collect([{ name: "out", tensor: forked.mul(1) }]));
  expect(graph.nodes.length).toBe(121);
  expect(performance.now() - started).toBeLessThan(1000);
});

test("elementwise work moves before a reshape to more axes, and the reshapes around it cancel", () => {
  const rows = input("rows", [6, 4]).exp().reshape([2, 3, 4]);
  expect(
    rewritten(
      rows
        .mul(2)
        .add(input("row", [4]))
        .reshape([6, 4]),
    ),
  ).toMatchInlineSnapshot(`
    "%0 f32[6,4] = exp(rows)
    %1 f32[2,3,4] = reshape(%0) {shape: [2,3,4]}
    %2 f32[] = constant() {data: [2], dtype: float32, shape: []}
    %3 f32[2,3,4] = mul(%1, %2)
    %4 f32[2,3,4] = add(%3, row)
    %5 f32[6,4] = reshape(%4) {shape: [6,4]}
    outputs: out = %5
    =>
    %0 f32[6,4] = exp(rows)
    %1 f32[] = constant() {data: [2], dtype: float32, shape: []}
    %2 f32[6,4] = mul(%0, %1)
    %3 f32[6,4] = add(%2, row)
    outputs: out = %3"
  `);
  // Another operand of the full shape is flattened as well.
  expect(rewritten(rows.add(input("other", [2, 3, 4])))).toMatchInlineSnapshot(`
    "%0 f32[6,4] = exp(rows)
    %1 f32[2,3,4] = reshape(%0) {shape: [2,3,4]}
    %2 f32[2,3,4] = add(%1, other)
    outputs: out = %2
    =>
    %0 f32[6,4] = exp(rows)
    %1 f32[6,4] = reshape(other) {shape: [6,4]}
    %2 f32[6,4] = add(%0, %1)
    %3 f32[2,3,4] = reshape(%2) {shape: [2,3,4]}
    outputs: out = %3"
  `);
});

test("elementwise work stays where an operand stretches over an axis that the reshape makes", () => {
  const rows = input("rows", [6, 4]).exp().reshape([2, 3, 4]);
  expect(rewritten(rows.add(input("column", [3, 1])))).toContain("add(%1, column)");
});

test("a sum over axes of length 1 is a reshape", () => {
  expect(rewritten(input("column", [3, 1]).sum(1))).toContain("=>\n%0 f32[3] = reshape(column)");
});
