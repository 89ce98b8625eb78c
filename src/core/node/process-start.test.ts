import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { processStart } from "./process-start.ts";

it("tells when a living process started, always the same, and nothing of one that is gone", () => {
  const own = processStart(process.pid);
  expect(own).toBeTypeOf("string");
  expect(processStart(process.pid)).toBe(own);
  expect(processStart(spawnSync(process.execPath, ["--version"]).pid)).toBeUndefined();
});
