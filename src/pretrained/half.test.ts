import { expect, test } from "vitest";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";

/** Written in half precision and read back. */
function rounded(values: readonly number[]): number[] {
  const data = Float32Array.from(values);
  const bytes = encodeSafetensors({ x: { dtype: "float32", shape: [data.length], data } }, { kind: "half" }, "F16");
  const { tensors, stored } = decodeSafetensors(bytes, { file: "half" });
  expect(stored.get("x")).toBe("F16");
  return Array.from(tensors.get("x")!.data as Float32Array);
}

test("what a half can hold comes back, subnormals, zeros and the largest too", () => {
  const exact = [0, -0, 1, -1, 0.5, 1.5, 65504, -65504, 2 ** -14, 2 ** -24, 3 * 2 ** -24, 1023 * 2 ** -24, 1 + 2 ** -10, 2048];
  expect(rounded(exact)).toEqual(exact);
});

test("the rest is rounded to the nearest, ties to even, and carries into the exponent", () => {
  expect(rounded([1 + 2 ** -11, 1 + 3 * 2 ** -11, 2 - 2 ** -12, 2 ** -25, 1.5 * 2 ** -24, 2 ** -14 - 2 ** -26, 65519])).toEqual([
    1,
    1 + 2 ** -9,
    2,
    0,
    2 ** -23,
    2 ** -14,
    65504,
  ]);
});

test("numbers that a half cannot hold are refused", () => {
  for (const value of [65520, -1e6, Number.POSITIVE_INFINITY, Number.NaN])
    expect(() => rounded([value])).toThrow("no half-precision value");
});
