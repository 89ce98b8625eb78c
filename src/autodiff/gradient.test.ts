import { expect, test } from "vitest";
import { collect } from "../graph/graph.ts";
import { gather } from "../graph/ops/gather.ts";
import { constant, input } from "../graph/ops/source.ts";
import type { Tensor } from "../graph/tensor.ts";
import { interpret } from "../runtime/interpreter.ts";
import { gradients } from "./gradient.ts";

const x = input("x", [3]);
const feeds = { x: [-2, 0.5, 3] };

function numbersOf(tensor: Tensor): number[] {
  const graph = collect([{ name: "y", tensor }]);
  return [...interpret(graph, feeds).y.data];
}

test("without a seed the sum of the elements is differentiated", () => {
  expect(numbersOf(gradients(x.square(), [x])[0])).toEqual([-4, 1, 6]);
  expect(numbersOf(gradients(x.square().sum(), [x])[0])).toEqual([-4, 1, 6]);
});

test("a seed weighs the elements", () => {
  expect(numbersOf(gradients(x.square(), [x], constant([1, 0, 10]))[0])).toEqual([-4, 0, 60]);
});

test("a seed of another shape is refused", () => {
  expect(() => gradients(x, [x], constant(1))).toThrow(/the seed must have the shape of y[\s\S]*f32\[\] and f32\[3\]/);
});

test("what y does not depend on gets zeros of its shape", () => {
  const other = input("other", [2, 2]);
  const [g] = gradients(x.sum(), [other]);
  expect(g.shape).toEqual([2, 2]);
  expect(numbersOf(g)).toEqual([0, 0, 0, 0]);
});

test("y itself gets the seed", () => {
  const y = x.exp();
  expect(numbersOf(gradients(y, [y])[0])).toEqual([1, 1, 1]);
});

test("uses add up, through one path or several, and of one tensor twice in one op", () => {
  expect(numbersOf(gradients(x.add(x).add(x.mul(3)), [x])[0])).toEqual([5, 5, 5]);
  expect(numbersOf(gradients(x.mul(x), [x])[0])).toEqual([-4, 1, 6]);
});

test("an x that another x depends on gets the part that flows on too", () => {
  const middle = x.mul(2);
  const [dx, dMiddle] = gradients(middle.square(), [x, middle]);
  expect(numbersOf(dMiddle)).toEqual([-8, 2, 12]);
  expect(numbersOf(dx)).toEqual([-16, 4, 24]);
});

test("derivatives of x to the fourth are exact to the fifth order", () => {
  const orders = [x.mul(x).mul(x).mul(x)];
  for (let order = 1; order <= 5; order++) orders.push(gradients(orders[order - 1], [x])[0]);
  const expected = [4, 12, 24, 24, 0].map((factor, i) => feeds.x.map((v) => factor * (i < 4 ? v ** (3 - i) : 1)));
  expect(orders.slice(1).map(numbersOf)).toEqual(expected);
});

test("gradients stop at integers", () => {
  const indices = x.cast("int64");
  expect(numbersOf(gradients(indices.cast("float32").mul(2), [x])[0])).toEqual([0, 0, 0]);
  const table = input("table", [4]);
  const picked = gather(table, constant([1, 1, 3], "int64"));
  expect(numbersOf(gradients(picked, [table])[0])).toEqual([0, 2, 0, 1]);
});

test("only float32 tensors have gradients", () => {
  expect(() => gradients(x.cast("int32"), [x])).toThrow("only float32 tensors have gradients");
  expect(() => gradients(x, [input("i", [2], "int64")])).toThrow("only float32 tensors have gradients");
});
