import { expect, test } from "vitest";
import { gradients } from "../../autodiff/gradient.ts";
import { collect } from "../graph.ts";
import { simplify } from "../passes/simplify.ts";
import { canonicalText } from "../print.ts";
import type { Tensor } from "../tensor.ts";
import { einsum } from "./einsum.ts";
import { input } from "./source.ts";

const a = input("a", [2, 3]);
const b = input("b", [3, 4]);

const textOf = (...tensors: Tensor[]) => canonicalText(simplify(collect(tensors.map((tensor, i) => ({ name: `y${i}`, tensor })))));
const count = (text: string, op: string) => text.split(` = ${op}(`).length - 1;

test("attention scores are one product, and so is each gradient: nothing is turned", () => {
  const q = input("q", [2, 4, 5, 8]);
  const k = input("k", [2, 4, 7, 8]);
  const text = textOf(...gradients(einsum("bhqd,bhkd->bhqk", q, k).square(), [q, k]));
  expect(count(text, "matmul")).toBe(3);
  expect(count(text, "transpose")).toBe(0);
});

test("the product comes out in the order of the result", () => {
  expect(count(textOf(einsum("ij,jk->ki", a, b)), "transpose")).toBe(0);
});

test("the pair with the smallest result goes first", () => {
  const long = input("long", [4, 100]);
  const text = textOf(einsum("ij,jk,kl,l->i", a, b, long, input("v", [100])));
  expect(text).not.toContain("[2,100]");
  expect(text).not.toContain("[3,100]");
});

test("spaces do not matter, and axes of length 1 stretch", () => {
  expect(einsum(" i j , j k -> i k ", a, b).shape).toEqual([2, 4]);
  expect(einsum("bi,bj->bij", input("one", [1, 3]), input("five", [5, 2])).shape).toEqual([5, 3, 2]);
});

test.each<[string, Tensor[], RegExp]>([
  ["ij,jk->ik", [a], /there are 2 operands, 1 were given/],
  ["ijk->i", [a], /"ijk" names 3 axes, operand 0 has 2/],
  ["i->i", [a], /"i" names 1 axes, operand 0 has 2/],
  ["ij,jk->ik", [a, a], /axis "j" has length 3 and 2/],
  ["ij->ik", [a], /the result's "k" is in no operand/],
  ["ij->ii", [a], /the result names "i" twice/],
  ["i1->i", [a], /"1" is no label/],
  ["ij->...", [a], /the result has an ellipsis, no operand has one/],
  ["ij->i->j", [a], /more than one "->"/],
  ["...,...->...", [a, b], /the axes under ... do not broadcast/],
])("%s is refused", (equation, operands, message) => {
  expect(() => einsum(equation, ...operands)).toThrow(message);
});
