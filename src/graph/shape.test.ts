import { describe, expect, test } from "vitest";
import { ShapeError } from "../core/errors.ts";
import { conv, convTranspose } from "./ops/conv.ts";
import { where } from "./ops/elementwise.ts";
import { gather } from "./ops/gather.ts";
import { linear } from "./ops/linalg.ts";
import { concat, pad } from "./ops/movement.ts";
import { constant, input } from "./ops/source.ts";
import { broadcastShapes } from "./shape.ts";

/** The message of the error that `build` throws, with the caller's line reduced to the file. */
function messageOf(build: () => unknown): string {
  try {
    build();
  } catch (error) {
    expect(error).toBeInstanceOf(ShapeError);
    return (error as Error).message.replace(/where: .*?([\w.-]+):\d+:\d+\)?/, "where:    $1");
  }
  throw new Error("nothing was thrown");
}

const a = input("a", [2, 3]);
const b = input("b", [4, 3]);

describe("errors show both shapes, and the line to mend", () => {
  test("where an elementwise op does not broadcast", () => {
    expect(messageOf(() => a.add(b))).toMatchInlineSnapshot(`
      "add: these shapes do not broadcast
        where:    shape.test.ts
        got:      f32[2,3] and f32[4,3]
        try:      axes align from the right and must be equal or 1"
    `);
  });
  test("the line is the caller's own", () => {
    expect(() => a.add(b)).toThrow(/where: .*shape\.test\.ts:\d+:\d+/);
  });
  test("dtypes that differ", () => {
    expect(messageOf(() => a.add(input("i", [2, 3], "int64")))).toMatchInlineSnapshot(`
      "add: the operands have different dtypes
        where:    shape.test.ts
        got:      f32[2,3] and i64[2,3]
        try:      convert one of them with cast()"
    `);
  });
  test("an integer where a float is needed", () => {
    expect(messageOf(() => input("i", [2], "int32").exp())).toMatchInlineSnapshot(`
      "exp: a float32 tensor was expected
        where:    shape.test.ts
        got:      i32[2]
        try:      convert it first: x.cast("float32")"
    `);
  });
  test("matrix products", () => {
    expect(messageOf(() => a.matmul(b))).toMatchInlineSnapshot(`
      "matmul: the inner dimensions differ: 3 and 4
        where:    shape.test.ts
        got:      f32[2,3] and f32[4,3]"
    `);
    expect(messageOf(() => a.matmul(input("v", [3])))).toMatchInlineSnapshot(`
      "matmul: both operands need at least two axes
        where:    shape.test.ts
        got:      f32[2,3] and f32[3]
        try:      reshape a vector to [1, n] or [n, 1]"
    `);
    expect(messageOf(() => linear(a, input("w", [5, 4])))).toMatchInlineSnapshot(`
      "linear: the input's last axis must be 4, the weight's input size
        where:    shape.test.ts
        got:      f32[2,3] and f32[5,4]"
    `);
  });
  test("convolutions", () => {
    const x = input("x", [1, 3, 8, 8]);
    const w = input("w", [4, 2, 3, 3]);
    expect(messageOf(() => conv(x, w))).toMatchInlineSnapshot(`
      "conv: the input has 3 channels (axis 1), the filter reads 2
        where:    shape.test.ts
        got:      f32[1,3,8,8] and f32[4,2,3,3]"
    `);
    expect(messageOf(() => conv(x, input("w", [4, 3, 9, 9])))).toMatchInlineSnapshot(`
      "conv: the filter is larger than the padded input
        where:    shape.test.ts
        got:      f32[1,3,8,8] and f32[4,3,9,9]"
    `);
    expect(messageOf(() => conv(x, input("w", [4, 3, 3, 3]), { stride: 0 }))).toMatchInlineSnapshot(`
      "conv: stride must be one whole number of at least 1, or 2 of them; got 0
        where:    shape.test.ts
        got:      f32[1,3,8,8] and f32[4,3,3,3]"
    `);
    expect(messageOf(() => convTranspose(x, input("w", [3, 2, 3, 3]), { outputPadding: 1 }))).toMatchInlineSnapshot(`
      "convTranspose: outputPadding 1 must be below the stride 1
        where:    shape.test.ts
        got:      f32[1,3,8,8] and f32[3,2,3,3]"
    `);
  });
  test("movement", () => {
    expect(messageOf(() => a.reshape([4, -1]))).toMatchInlineSnapshot(`
      "reshape: 6 elements do not fit [4,-1]
        where:    shape.test.ts
        got:      f32[2,3]"
    `);
    expect(messageOf(() => a.reshape([-1, -1]))).toMatchInlineSnapshot(`
      "reshape: 6 elements do not fit [-1,-1]
        where:    shape.test.ts
        got:      f32[2,3]"
    `);
    expect(messageOf(() => a.transpose([0, 0]))).toMatchInlineSnapshot(`
      "transpose: [0,0] is not an order of its 2 axes
        where:    shape.test.ts
        got:      f32[2,3]"
    `);
    expect(messageOf(() => a.expand([2, 4]))).toMatchInlineSnapshot(`
      "expand: it does not stretch to [2,4]
        where:    shape.test.ts
        got:      f32[2,3]"
    `);
    expect(messageOf(() => a.slice(1, 2, 1))).toMatchInlineSnapshot(`
      "slice: there is no range 2..1 by 1 on axis 1
        where:    shape.test.ts
        got:      f32[2,3]"
    `);
    expect(messageOf(() => concat([a, input("c", [2, 2, 2])], 1))).toMatchInlineSnapshot(`
      "concat: the tensors differ in more than axis 1
        where:    shape.test.ts
        got:      f32[2,3] and f32[2,2,2]"
    `);
    expect(messageOf(() => pad(a, [1], [1]))).toMatchInlineSnapshot(`
      "pad: pads [1] and [1] do not fit: one whole number of at least 0 per axis
        where:    shape.test.ts
        got:      f32[2,3]"
    `);
  });
  test("axes", () => {
    expect(messageOf(() => a.sum(2))).toMatchInlineSnapshot(`
      "sum: axis 2 does not exist.
        where:    shape.test.ts
        got:      a tensor of rank 2
        expected: an axis from -2 to 1"
    `);
    expect(messageOf(() => constant(1).sum(0))).toMatchInlineSnapshot(`
      "sum: axis 0 does not exist.
        where:    shape.test.ts
        got:      a tensor of rank 0
        expected: no axis: the tensor is a scalar"
    `);
  });
  test("indices, conditions, bounds, constants, inputs", () => {
    expect(messageOf(() => gather(a, b))).toMatchInlineSnapshot(`
      "gather: indices must be int32 or int64
        where:    shape.test.ts
        got:      f32[2,3] and f32[4,3]
        try:      convert them first: indices.cast("int32")"
    `);
    expect(messageOf(() => where(a, a, a))).toMatchInlineSnapshot(`
      "where: the condition must be boolean
        where:    shape.test.ts
        got:      f32[2,3] and f32[2,3] and f32[2,3]"
    `);
    expect(messageOf(() => a.clip(1, 0))).toMatchInlineSnapshot(`
      "clip: the lower bound 1 must not be above the upper bound 0
        where:    shape.test.ts
        got:      f32[2,3]"
    `);
    expect(messageOf(() => constant([1, 2, 3], "float32", [2]))).toMatchInlineSnapshot(`
      "constant: 3 values do not fill this shape
        where:    shape.test.ts
        got:      f32[2]"
    `);
    expect(messageOf(() => input("x", [2, -1]))).toMatchInlineSnapshot(`
      "input: a dimension must be a whole number of at least 0, got -1
        where:    shape.test.ts
        got:      f32[2,-1]"
    `);
  });
  test("dims with another rank", () => {
    expect(messageOf(() => a.dims("B C H W"))).toMatchInlineSnapshot(`
      "dims: a tensor of rank 4 was expected: [B, C, H, W]
        where:    shape.test.ts
        got:      f32[2,3]"
    `);
  });
});

test("dims unpacks the shape", () => {
  const [rows, columns] = a.dims("rows columns");
  expect([rows, columns]).toEqual([2, 3]);
});

test("reshape works out one dimension, and is nothing where the shape stays", () => {
  expect(a.reshape([-1]).shape).toEqual([6]);
  expect(a.reshape([3, -1]).shape).toEqual([3, 2]);
  expect(a.reshape([1, -1, 2]).shape).toEqual([1, 3, 2]);
  expect(a.reshape([2, -1])).toBe(a);
  expect(input("empty", [0, 3]).reshape([3, -1]).shape).toEqual([3, 0]);
  expect(input("x", [2, 3, 4]).flatten().shape).toEqual([2, 12]);
});

test("broadcasting aligns from the right and stretches 1", () => {
  expect(broadcastShapes([2, 3], [3])).toEqual([2, 3]);
  expect(broadcastShapes([3, 1], [1, 4])).toEqual([3, 4]);
  expect(broadcastShapes([], [5])).toEqual([5]);
  expect(broadcastShapes([1], [0])).toEqual([0]);
  expect(broadcastShapes([2], [3])).toBeUndefined();
  expect(a.add(input("row", [3])).shape).toEqual([2, 3]);
  expect(a.sum(-1, { keepDims: true }).mul(b.sum(0)).shape).toEqual([2, 3]);
});
