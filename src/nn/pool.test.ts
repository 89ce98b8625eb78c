import { expect, test } from "vitest";
import { collect } from "../graph/graph.ts";
import { input } from "../graph/ops/source.ts";
import type { Tensor } from "../graph/tensor.ts";
import { interpret } from "../runtime/interpreter.ts";
import * as nn from "./index.ts";

type Layer = nn.Module & { call(x: Tensor): Tensor };

test.each<[Layer, number[], number[]]>([
  [new nn.MaxPool1d({ kernel: 2 }), [1, 2, 6], [1, 2, 3]],
  [new nn.MaxPool2d({ kernel: 3, stride: 2, padding: 1 }), [1, 2, 7, 8], [1, 2, 4, 4]],
  [new nn.MaxPool2d({ kernel: 2, ceilMode: true }), [1, 2, 5, 4], [1, 2, 3, 2]],
  [new nn.MaxPool3d({ kernel: [1, 2, 2] }), [1, 2, 3, 4, 4], [1, 2, 3, 2, 2]],
  [new nn.AvgPool1d({ kernel: 2 }), [1, 2, 6], [1, 2, 3]],
  [new nn.AvgPool2d({ kernel: 2, countIncludePad: false, padding: 1 }), [1, 2, 4, 4], [1, 2, 3, 3]],
  [new nn.AvgPool3d({ kernel: 2 }), [1, 2, 4, 4, 4], [1, 2, 2, 2, 2]],
  [new nn.AdaptiveAvgPool1d({ size: 3 }), [1, 2, 7], [1, 2, 3]],
  [new nn.AdaptiveAvgPool2d({ size: [2, null] }), [1, 2, 5, 4], [1, 2, 2, 4]],
  [new nn.AdaptiveAvgPool3d({ size: 1 }), [1, 2, 3, 4, 5], [1, 2, 1, 1, 1]],
  [new nn.AdaptiveMaxPool2d({ size: 2 }), [1, 2, 4, 4], [1, 2, 2, 2]],
  [new nn.Upsample({ scaleFactor: 2 }), [1, 2, 3, 4], [1, 2, 6, 8]],
  [new nn.Upsample({ scaleFactor: [1.5, 2], mode: "bilinear" }), [1, 2, 3, 4], [1, 2, 4, 8]],
  [new nn.Upsample({ size: 9, mode: "linear", alignCorners: true }), [1, 2, 3], [1, 2, 9]],
  [new nn.PixelShuffle({ factor: 2 }), [1, 8, 3, 4], [1, 2, 6, 8]],
  [new nn.PixelUnshuffle({ factor: 2 }), [1, 2, 6, 8], [1, 8, 3, 4]],
  [new nn.ZeroPad2d({ padding: 1 }), [1, 2, 3, 4], [1, 2, 5, 6]],
])("%o", (layer, shape, expected) => {
  const y = layer.call(input("x", shape));
  expect(y.shape).toEqual(expected);
  expect(nn.namedParameters(layer).size).toBe(0);
});

test("borders are left, right, top, bottom", () => {
  const x = input("x", [1, 1, 2, 3]);
  const show = (layer: Layer) => [...interpret(collect([{ name: "y", tensor: layer.call(x) }]), { x: [1, 2, 3, 4, 5, 6] }).y.data];
  const padding = [2, 0, 1, 0] as const;
  expect(show(new nn.ReflectionPad2d({ padding }))).toEqual([6, 5, 4, 5, 6, 3, 2, 1, 2, 3, 6, 5, 4, 5, 6]);
  expect(show(new nn.ReplicationPad2d({ padding }))).toEqual([1, 1, 1, 2, 3, 1, 1, 1, 2, 3, 4, 4, 4, 5, 6]);
  expect(show(new nn.CircularPad2d({ padding }))).toEqual([5, 6, 4, 5, 6, 2, 3, 1, 2, 3, 5, 6, 4, 5, 6]);
  expect(show(new nn.ZeroPad2d({ padding }))).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 4, 5, 6]);
});

test("a tensor of another rank is refused by name", () => {
  expect(() => new nn.MaxPool2d({ kernel: 2 }).call(input("x", [2, 3, 4]))).toThrow(/MaxPool2d: a tensor \[N, C, H, W\] was expected/);
  expect(() => new nn.Upsample({})).toThrow(/give either size or scaleFactor/);
});
