import { spawnSync } from "node:child_process";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { kernelSupport } from "../../src/runtime/node/kernels.ts";

const root = path.join(import.meta.dirname, "..", "..");

describe.skipIf(!kernelSupport().available)("kernels between pages that may not be touched", () => {
  test("hundreds of convolutions, chains and recurrences touch only what is theirs and give the same bits again", () => {
    const main = path.join(import.meta.dirname, "guarded-main.ts");
    const { signal, stdout, stderr } = spawnSync(process.execPath, [path.join(root, "bin", "ts.js"), main], { encoding: "utf8" });
    const last = stdout.trimEnd().split("\n").at(-1);
    expect({ signal, stderr, last }).toEqual({
      signal: null,
      stderr: "",
      last: expect.stringMatching(/^\d{3,} kernels kept to their tensors$/),
    });
  });
});
