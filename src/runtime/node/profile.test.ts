import { readdirSync } from "node:fs";
import os from "node:os";
import { expect, test } from "vitest";
import { FileError } from "../../core/errors.ts";
import { dense, update } from "../testing/models.ts";
import { FfiBackend } from "./ffi-backend.ts";
import { locateLibrary } from "./locate.ts";
import { profile, readProfile, sumByOp } from "./profile.ts";

const backend = new FfiBackend(locateLibrary()?.path ?? "");

test("tells time, count and shapes of each node, and leaves the inputs alone", async () => {
  const n = 1000;
  const p = new Float32Array(n).fill(1);
  const inputs = { p, m: new Float32Array(n), g: new Float32Array(n).fill(1), rate: Float32Array.of(0.9), step: Float32Array.of(0.1) };
  const before = leftovers();
  const { runs, runMicroseconds, rows } = await profile(backend, update(n), { name: "update", optimize: "none", inputs, runs: 10 });
  expect(runs).toBe(10);
  expect(p[0]).toBe(1);
  expect(rows).toHaveLength(8);
  const divide = rows.find((row) => row.op === "Div");
  expect(divide).toMatchObject({ count: 1, shapes: "float[1000] float[1000] -> float[1000]" });
  expect(rows.reduce((sum, row) => sum + row.microseconds, 0)).toBeLessThanOrEqual(runMicroseconds);
  expect(sumByOp(rows).find((row) => row.op === "Add")).toMatchObject({ count: 2, shapes: "2 nodes" });
  expect(leftovers()).toEqual(before);
});

test("needs the length of an output with a free dimension", async () => {
  const inputs = { x: new Float32Array(8), w: new Float32Array(12), b: new Float32Array(3) };
  const options = { name: "dense", optimize: "none" as const, inputs };
  await expect(profile(backend, dense(), options)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [RuntimeError: An output has a free dimension, so its length is unknown.
      where:    output "y" of the program "dense"
      try:      pass an array of the right length in \`outputs\`]
  `);
  const { rows } = await profile(backend, dense(), { ...options, outputs: { y: new Float32Array(6) } });
  expect(rows.map((row) => row.op).sort()).toEqual(["Add", "MatMul"]);
});

test("refuses a damaged trace", () => {
  for (const text of ["", "{}", "[", "[]"]) expect(() => readProfile(text, 0)).toThrow(FileError);
});

function leftovers(): string[] {
  return readdirSync(os.tmpdir()).filter((name) => name.startsWith("atelier-profile-"));
}
