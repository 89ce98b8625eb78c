import { expect, it } from "vitest";
import { collect } from "../graph/graph.ts";
import { input } from "../graph/ops/source.ts";
import type { Tensor } from "../graph/tensor.ts";
import { interpret } from "../runtime/interpreter.ts";
import { channelStatistics, fromRange, type RangeName, toRange, valueRange, valuesFromRange, valuesToRange } from "./ranges.ts";
import { testSet } from "./testing/sets.ts";

// Two pictures of three channels of two pixels; the third channel never changes.
const set = testSet(2, [3, 1, 2], { images: Uint8Array.of(0, 255, 51, 51, 9, 9, 0, 255, 153, 153, 9, 9) });
const values = Float32Array.from(set.images, (byte) => byte / 255);
const statistics = channelStatistics(set);
const names: RangeName[] = ["unit", "symmetric", "bytes", "standard"];

const traced = (convert: (x: Tensor) => Tensor, feed: Float32Array) => {
  const graph = collect([{ name: "y", tensor: convert(input("x", [2, 3, 1, 2])) }]);
  return [...interpret(graph, { x: feed }).y.data].map(Number);
};

it("has the ranges its names say", () => {
  const ends = (name: RangeName) => [...valuesToRange([0, 1], valueRange(name), 2)];
  expect([ends("unit"), ends("symmetric"), ends("bytes")]).toEqual([
    [0, 1],
    [-1, 1],
    [0, 255],
  ]);
});

it("gives each channel mean 0 and variance 1 in the standard range, and constants stay finite", () => {
  const standard = valuesToRange(values, valueRange("standard", statistics), 2);
  const channel = (c: number) => [0, 1].flatMap((n) => [...standard.subarray((n * 3 + c) * 2, (n * 3 + c) * 2 + 2)]);
  expect(channel(0).map((v) => Math.round(v * 1e5) / 1e5)).toEqual([-1, 1, -1, 1]);
  expect(channel(1).map((v) => Math.round(v * 1e5) / 1e5)).toEqual([-1, -1, 1, 1]);
  expect(channel(2).every((v) => Math.abs(v) < 1e-6)).toBe(true);
});

it.each(names)("converts to %s and back, tensors as arrays", (name) => {
  const range = valueRange(name, statistics);
  const there = valuesToRange(values, range, 2);
  for (const [i, value] of traced((x) => toRange(x, range), values).entries()) expect(value).toBeCloseTo(there[i], 4);
  for (const back of [valuesFromRange(there, range, 2), traced((x) => fromRange(x, range), there)]) {
    for (const [i, value] of back.entries()) expect(value).toBeCloseTo(values[i], 5);
  }
});

it("refuses other names, missing statistics and other channels", () => {
  expect(() => valueRange("centred" as RangeName)).toThrow('There is no range named "centred".');
  expect(() => valueRange("standard")).toThrow("needs the statistics");
  expect(() => toRange(input("x", [2, 1, 4, 4]), valueRange("standard", statistics))).toThrowErrorMatchingInlineSnapshot(`
    [ShapeError: The standard range is of pictures with other channels.
      got:      [2, 1, 4, 4]
      expected: [B, 3, H, W]]
  `);
});
