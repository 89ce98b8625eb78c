import { expect, test } from "vitest";
import { twoOutputs } from "../testing/models.ts";
import { FfiBackend } from "./ffi-backend.ts";
import { locateLibrary, locatePackage } from "./locate.ts";
import { NpmBackend } from "./npm-backend.ts";

/** In a process of its own: the first to make ONNX Runtime's environment decides whether sessions can share threads. */
test("the C API works after the package has made the environment", async () => {
  const npm = new NpmBackend(locatePackage()?.folder ?? "");
  const first = await npm.load(twoOutputs(), { name: "first", optimize: "none" });
  const ffi = new FfiBackend(locateLibrary()?.path ?? "");
  const programs = await Promise.all([1, 2].map(() => ffi.load(twoOutputs(), { name: "second", optimize: "none" })));
  expect(ffi.environment.sharedPool).toBe(false);
  for (const program of [first, ...programs]) {
    const total = new Float32Array(1);
    await program.bind({ a: Float32Array.of(1, 2, 3, 4) }, { total }).run();
    expect(total[0]).toBe(10);
    await program.dispose();
  }
});
