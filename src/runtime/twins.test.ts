import { expect, test } from "vitest";
import { Turns } from "./turns.ts";
import { TwinMap } from "./twins.ts";

test("an array's twin is found by where its numbers lie, and parts of kept arrays are refused", () => {
  const flat = new Float32Array(8);
  const twins = new TwinMap<{ array: Float32Array }>();
  const twin = { array: flat.subarray(2, 5) };
  expect(twins.find(flat)).toBeUndefined();
  twins.add(twin);
  expect(twins.find(flat.subarray(2, 5))).toBe(twin);
  expect(twins.find(flat.subarray(5, 8))).toBeUndefined();
  expect(() => twins.find(flat)).toThrowErrorMatchingInlineSnapshot(`
    [RuntimeError: An array overlaps one that is kept on the device, but is not the same.
      got:      bytes 0 to 32 of a buffer
      expected: bytes 8 to 20, as they are kept
      try:      bind the kept array itself]
  `);
  expect(() => twins.find(flat.subarray(2, 4))).toThrow(/overlaps/);
  expect(twins.remove(flat.subarray(2, 5))).toBe(twin);
  expect(twins.remove(flat.subarray(2, 5))).toBeUndefined();
  expect(twins.find(flat)).toBeUndefined();
});

test("turns are taken in order, also after one that failed", async () => {
  const turns = new Turns();
  const done: string[] = [];
  const slow = turns.take(async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    done.push("slow");
  });
  const failing = turns.take(async () => {
    done.push("failing");
    throw new Error("no");
  });
  const last = turns.take(async () => done.push("last"));
  await expect(failing).rejects.toThrow("no");
  await Promise.all([slow, last]);
  expect(done).toEqual(["slow", "failing", "last"]);
});
