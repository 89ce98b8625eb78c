import { expect, test } from "vitest";
import { gradients } from "../../autodiff/gradient.ts";
import { interpret } from "../../runtime/interpreter.ts";
import { collect } from "../graph.ts";
import type { Tensor } from "../tensor.ts";
import { customGradient, stopGradient } from "./control.ts";
import { floor } from "./elementwise.ts";
import { input } from "./source.ts";

const x = input("x", [3]);
const feeds = { x: [-1.5, 0.25, 2.75] };
const numbersOf = (tensor: Tensor) => [...interpret(collect([{ name: "y", tensor }]), feeds).y.data];

test("stopGradient keeps the value and lets no gradient through", () => {
  expect(numbersOf(stopGradient(x))).toEqual(feeds.x);
  expect(numbersOf(gradients(stopGradient(x), [x])[0])).toEqual([0, 0, 0]);
  // x · const(x): only the first factor is differentiated.
  expect(numbersOf(gradients(x.mul(stopGradient(x)), [x])[0])).toEqual(feeds.x);
});

test("customGradient makes a straight-through estimator: the value of floor, the gradient of the identity", () => {
  const straight = customGradient(floor(x), [x], (dy) => [dy]);
  expect(numbersOf(straight)).toEqual([-2, 0, 2]);
  expect(numbersOf(gradients(straight.mul(3), [x])[0])).toEqual([3, 3, 3]);
  expect(numbersOf(gradients(straight.square(), [x])[0])).toEqual([-4, 0, 4]);
});

test("customGradient replaces the value's own gradient, and its rule can be differentiated again", () => {
  const cubed = customGradient(x.square(), [x], (dy) => [dy.mul(x).mul(x).mul(x)]);
  const [first] = gradients(cubed, [x]);
  expect(numbersOf(first)).toEqual(feeds.x.map((v) => v ** 3));
  expect(numbersOf(gradients(first, [x])[0])).toEqual(feeds.x.map((v) => 3 * v ** 2));
});

test("null stands for no gradient", () => {
  expect(
    numbersOf(
      gradients(
        customGradient(x.exp(), [x], () => [null]),
        [x],
      )[0],
    ),
  ).toEqual([0, 0, 0]);
});

test("a gradient of the wrong shape is refused, and both shapes are shown", () => {
  const wrong = customGradient(x.exp(), [x], (dy) => [dy.sum()]);
  expect(() => gradients(wrong, [x])).toThrow(/gradient 0 must have the shape of its tensor[\s\S]*f32\[\] and f32\[3\]/);
});
