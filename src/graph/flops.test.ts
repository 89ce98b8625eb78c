import { expect, test } from "vitest";
import { gradients } from "../autodiff/gradient.ts";
import { flops, graphFlops } from "./flops.ts";
import { collect } from "./graph.ts";
import { linear, matmul } from "./ops/linalg.ts";
import { softmax } from "./ops/softmax.ts";
import { input } from "./ops/source.ts";

test("products: 2 M N K each, whichever operand is turned", () => {
  expect(flops(matmul(input("a", [2, 3]), input("b", [3, 4])).node)).toBe(2 * 2 * 4 * 3);
  expect(flops(matmul(input("a", [5, 3, 2]), input("b", [5, 3, 4]), { transA: true }).node)).toBe(5 * 2 * 2 * 4 * 3);
  expect(flops(linear(input("x", [2, 3]), input("w", [4, 3]), input("b", [4])).node)).toBe(2 * 4 * (2 * 3 + 1));
});

test("a convolution and its two gradients do the same work", () => {
  const x = input("x", [2, 6, 8, 8]);
  const w = input("w", [4, 3, 3, 3]);
  const y = x.conv(w, { padding: 1, stride: 2, groups: 2 });
  const expected = 2 * (2 * 4 * 4 * 4) * (3 * 9);
  expect(flops(y.node)).toBe(expected);
  const [dx, dw] = gradients(y, [x, w]);
  expect([flops(dx.node), flops(dw.node)]).toEqual([expected, expected]);
});

test("other ops: elements of arithmetic, nothing for movement, the input of a reduction", () => {
  const x = input("x", [4, 5]);
  expect(flops(x.exp().node)).toBe(20);
  expect(flops(x.add(input("row", [5])).node)).toBe(20);
  expect(flops(x.transpose().node)).toBe(0);
  expect(flops(x.sum(0).node)).toBe(20);
  expect(flops(softmax(x).node)).toBe(100);
  expect(graphFlops(collect([{ name: "y", tensor: x.exp().transpose().sum() }]))).toBe(40);
});
