import { expect, test } from "vitest";
import { requirePrecision } from "./precision.ts";

test("half precision is refused with the reason", () => {
  requirePrecision(undefined, "cpu");
  requirePrecision("float32", "webgpu");
  expect(() => requirePrecision("float16", "webgpu")).toThrowErrorMatchingInlineSnapshot(`
    [UsageError: The precision "float16" is not available on the device "webgpu".
      expected: "float32": all programs compute in it
      try:      leave precision out; docs/engine-facts.md, section 15, says what half precision needs]
  `);
});
