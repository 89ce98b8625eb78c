import os from "node:os";
import { expect, test } from "vitest";
import { UsageError } from "../../core/errors.ts";
import { threadOptions } from "./threads.ts";

test("one thread per core that the process may use, spinning", () => {
  const { threads, spin } = threadOptions({});
  expect(threads).toBeLessThanOrEqual(os.availableParallelism());
  expect(threads).toBeGreaterThanOrEqual(process.platform === "win32" ? 0 : 1);
  expect(spin).toBe(true);
});

test("the variables decide", () => {
  expect(threadOptions({ ATELIER_THREADS: "7", ATELIER_SPIN: "0" })).toEqual({ threads: 7, spin: false });
});

test.each(["0", "-1", "1.5", "two", "2000"])("ATELIER_THREADS=%s is refused", (text) => {
  expect(() => threadOptions({ ATELIER_THREADS: text })).toThrow(UsageError);
});

test("ATELIER_SPIN takes 0 or 1", () => {
  expect(() => threadOptions({ ATELIER_SPIN: "no" })).toThrowErrorMatchingInlineSnapshot(`
    [UsageError: The environment variable ATELIER_SPIN is not understood.
      got:      "no"
      expected: "0" or "1"]
  `);
});
