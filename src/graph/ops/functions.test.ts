import { describe, expect, test } from "vitest";
import { gradients } from "../../autodiff/gradient.ts";
import { sizeOf } from "../../core/dtype.ts";
import { interpret } from "../../runtime/interpreter.ts";
import { gradientError, spread, weightedSum } from "../../runtime/testing/check.ts";
import { collect } from "../graph.ts";
import type { Tensor } from "../tensor.ts";
import { diagonal, roll, squeeze, stack, tile, unsqueeze } from "./arrange.ts";
import { padBorder } from "./border.ts";
import { einsum } from "./einsum.ts";
import { arange, eye, linspace, meshgrid, tril } from "./grid.ts";
import { adaptiveAveragePool, adaptiveMaxPool, averagePool, globalAveragePool, maxPool } from "./pooling.ts";
import { resize, upsample } from "./resize.ts";
import { mod, trunc } from "./rounding.ts";
import { pixelShuffle } from "./shuffle.ts";
import { sort, topK } from "./sort.ts";
import { constant, input } from "./source.ts";
import { chunk, split } from "./split.ts";
import { all, any, cumMax, cumprod, isfinite, isnan, logsumexp, norm, normalize, prod, std, variance } from "./stats.ts";

function numbersOf(tensor: Tensor, feeds: Record<string, readonly number[]> = {}): number[] {
  return [...interpret(collect([{ name: "y", tensor }]), feeds).y.data];
}

const smooth: [string, readonly number[][], (...xs: Tensor[]) => Tensor][] = [
  ["max pool", [[1, 2, 4, 5]], (x) => maxPool(x, { kernel: 3, stride: 2, padding: 1, ceilMode: true })],
  ["average pool", [[1, 2, 4, 5]], (x) => averagePool(x, { kernel: 3, stride: 2, padding: 1, ceilMode: true, countIncludePad: false })],
  ["uneven adaptive means", [[1, 2, 5]], (x) => adaptiveAveragePool(x, 3)],
  ["uneven adaptive maxima", [[1, 1, 5, 4]], (x) => adaptiveMaxPool(x, [3, 4])],
  ["bilinear", [[1, 2, 3, 2]], (x) => resize(x, [4, 3], { mode: "linear" })],
  ["nearest", [[1, 2, 3, 2]], (x) => resize(x, [4, 3])],
  [
    "einsum of three",
    [
      [2, 3],
      [3, 2],
      [2, 2],
    ],
    (a, b, c) => einsum("ij,jk,kl->il", a, b, c),
  ],
  ["einsum with a diagonal", [[3, 3], [3]], (a, b) => einsum("ii,i->i", a, b)],
  ["logsumexp", [[2, 3]], (x) => logsumexp(x, 1)],
  ["variance", [[2, 4]], (x) => variance(x, 1)],
  ["std", [[2, 4]], (x) => std(x, 1)],
  ["norm", [[2, 3]], (x) => norm(x, 1)],
  ["normalize", [[2, 3]], (x) => normalize(x)],
  ["prod", [[5, 2]], (x) => prod(x, 0)],
  ["cumprod", [[2, 5]], (x) => cumprod(x)],
  ["cumMax", [[2, 5]], (x) => cumMax(x)],
  ["topK", [[2, 5]], (x) => topK(x, 3).values],
  ["mod", [[2, 3], [3]], (a, b) => mod(a, b)],
  ["tile", [[2, 3]], (x) => tile(x, [2, 1, 2])],
  ["diagonal", [[3, 2, 3]], (x) => diagonal(x, 0, 2)],
];

describe("gradient and second derivative equal finite differences", () => {
  test.each(smooth)("%s", (_name, shapes, build) => {
    const inputs = shapes.map((shape, i) => input(`x${i}`, shape));
    const feeds = Object.fromEntries(shapes.map((shape, i) => [`x${i}`, spread(sizeOf(shape), [-2, 2], i)]));
    const total = weightedSum([build(...inputs)], 11);
    expect(gradientError(total, inputs, feeds)).toBeLessThan(2e-6);
    const first = gradients(total.mul(total), inputs);
    expect(gradientError(weightedSum(first, 23), inputs, feeds)).toBeLessThan(1e-4);
  });
});

test("ties: the first maximum takes the gradient of a window", () => {
  const x = input("x", [1, 1, 4]);
  const [g] = gradients(maxPool(x, { kernel: 2 }), [x]);
  expect(numbersOf(g, { x: [1, 1, 0, 3] })).toEqual([1, 0, 0, 1]);
});

test("logsumexp at extremes: no overflow, and -Infinity of nothing", () => {
  const x = constant([1000, 1000, -1000, -1000, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY], "float32", [3, 2]);
  expect(numbersOf(logsumexp(x, 1))).toEqual([1000 + Math.LN2, -1000 + Math.LN2, Number.NEGATIVE_INFINITY]);
});

test("norm has gradient 0 at 0", () => {
  const x = input("x", [2]);
  expect(numbersOf(gradients(norm(x), [x])[0], { x: [0, 0] })).toEqual([0, 0]);
});

test("constants with a pattern", () => {
  expect(numbersOf(arange(3))).toEqual([0, 1, 2]);
  expect(numbersOf(arange(5, 0, -2, "int64"))).toEqual([5, 3, 1]);
  expect(numbersOf(arange(2, 1))).toEqual([]);
  expect(numbersOf(linspace(-1, 1, 3))).toEqual([-1, 0, 1]);
  expect(numbersOf(linspace(4, 9, 1))).toEqual([4]);
  expect(numbersOf(eye(2, 3))).toEqual([1, 0, 0, 0, 1, 0]);
  const [rows, columns] = meshgrid(arange(2), arange(3));
  expect(numbersOf(rows)).toEqual([0, 0, 0, 1, 1, 1]);
  expect(numbersOf(columns)).toEqual([0, 1, 2, 0, 1, 2]);
});

test("tests for what is not a number", () => {
  const x = constant([1, Number.NaN, Number.POSITIVE_INFINITY]);
  expect(numbersOf(isnan(x))).toEqual([0, 1, 0]);
  expect(numbersOf(isfinite(x))).toEqual([1, 0, 0]);
  expect(numbersOf(any(isnan(x)))).toEqual([1]);
  expect(numbersOf(all(isfinite(x)))).toEqual([0]);
  expect(numbersOf(trunc(constant([-1.5, 1.5])))).toEqual([-1, 1]);
});

test("stacking, cutting and turning", () => {
  const x = constant([0, 1, 2, 3, 4, 5], "float32", [2, 3]);
  expect(stack([x, x, x], 1).shape).toEqual([2, 3, 3]);
  expect(stack([x, x], -1).shape).toEqual([2, 3, 2]);
  expect(split(x, 2, 1).map((part) => part.shape)).toEqual([
    [2, 2],
    [2, 1],
  ]);
  expect(split(x, [1, 0, 2], 1).map((part) => numbersOf(part))).toEqual([[0, 3], [], [1, 2, 4, 5]]);
  expect(chunk(x, 2, 1).map((part) => part.shape)).toEqual([
    [2, 2],
    [2, 1],
  ]);
  expect(numbersOf(roll(x, 4, 1))).toEqual([2, 0, 1, 5, 3, 4]);
  expect(roll(x, 3, 1)).toBe(x);
  expect(squeeze(unsqueeze(x, -1)).shape).toEqual([2, 3]);
  expect(squeeze(constant([1, 2], "float32", [1, 2, 1]), 0).shape).toEqual([2, 1]);
});

test("nothing to do costs nothing", () => {
  const x = input("x", [1, 2, 3, 4]);
  for (const same of [
    resize(x, [3, 4]),
    resize(x, [3, 4], { mode: "linear" }),
    upsample(x, 1),
    padBorder(x, [0, 0, 0, 0], [0, 0, 0, 0], "reflect"),
  ])
    expect(same).toBe(x);
});

const x4 = input("x4", [1, 3, 4, 5]);
const m23 = input("m23", [2, 3]);

test.each<[string, () => unknown, RegExp]>([
  [
    "padding as large as the window",
    () => maxPool(x4, { kernel: 2, padding: 2 }),
    /maxPool: the padding \[2,2,2,2\] must be below the window's size/,
  ],
  ["a window larger than the input", () => averagePool(x4, { kernel: 6 }), /averagePool: a window of \[6,6\] is larger/],
  ["a kernel for other axes", () => maxPool(x4, { kernel: [2, 2, 2] }), /kernel must be one whole number of at least 1, or 2 of them/],
  ["no spatial axes", () => maxPool(m23, { kernel: 2 }), /at least one spatial axis/],
  ["global pooling of a matrix", () => globalAveragePool(m23), /at least one spatial axis/],
  ["adaptive sizes for other axes", () => adaptiveMaxPool(x4, [2]), /size must be one whole number/],
  ["a size of 0", () => resize(x4, 0), /resize: \[N, C, ...\] and one whole number/],
  ["corners without interpolation", () => resize(x4, 2, { alignCorners: true }), /alignCorners only means something/],
  ["half a factor", () => upsample(x4, 1.5), /one whole factor of at least 1/],
  ["channels that do not divide", () => pixelShuffle(x4, 2), /channels divisible by 4/],
  ["half a shuffle", () => pixelShuffle(x4, 0.5), /the factor must be a whole number/],
  ["a mirror as long as its axis", () => padBorder(x4, [0, 0, 4, 0], [0, 0, 0, 0], "reflect"), /a mirrored border must be shorter/],
  ["too many of the largest", () => topK(m23, 4), /k must be a whole number from 0 to 3, got 4/],
  ["an axis that is not there", () => sort(m23, 2), /sort: axis 2 does not exist/],
  ["pieces that do not add up", () => split(m23, [1, 1], 1), /add up to 2, axis 1 has 3/],
  ["pieces of nothing", () => split(m23, 0), /lengths must be whole numbers above 0/],
  ["no pieces", () => chunk(m23, 0), /a whole number of pieces/],
  ["a stack of different shapes", () => stack([m23, x4]), /all of one shape/],
  ["a long axis squeezed", () => squeeze(m23, 0), /axis 0 has length 2, not 1/],
  ["too few repeats", () => tile(m23, [2]), /one whole number above 0 per axis/],
  ["a diagonal of a rectangle", () => diagonal(m23), /two axes of equal length/],
  ["a triangle of a vector", () => tril(arange(3)), /at least two axes/],
  ["a grid of matrices", () => meshgrid(m23), /tensors with one axis/],
  ["an endless range", () => arange(0, 1, 0), /these numbers make no range/],
  ["any of numbers", () => any(m23), /a boolean tensor was expected/],
])("%s is refused", (_what, build, message) => {
  expect(build).toThrow(message);
});
