import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FileError } from "../../core/errors.ts";
import type { readPackage } from "../../core/node/npm-package.ts";
import { installRuntime } from "./install.ts";
import { libraryFolder, platformBuild } from "./locate.ts";

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(path.join(os.tmpdir(), "atelier-install-"));
  vi.stubEnv("ATELIER_CACHE", cache);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});

/** Stands for a package that holds this platform's files and some more; each file's content is its path. */
const read: typeof readPackage = async (_spec, wanted, onEntry) => {
  const { folder, files } = platformBuild();
  for (const name of ["package/package.json", ...files.map((file) => `package/${folder}/${file}`)]) {
    if (wanted(name)) await onEntry(name, Buffer.from(name));
  }
};

test("puts the library into the cache, once", async () => {
  const reader = vi.fn(read);
  const library = await installRuntime({ read: reader });
  expect(library).toBe(path.join(libraryFolder(), platformBuild().library));
  expect(readFileSync(library, "utf8")).toBe(`package/${platformBuild().folder}/${platformBuild().library}`);
  expect(readdirSync(libraryFolder()).sort()).toEqual([...platformBuild().files].sort());
  expect(await installRuntime({ read: reader })).toBe(library);
  expect(reader).toHaveBeenCalledTimes(1);
  expect(reader.mock.calls[0][0]).toMatchObject({ name: "onnxruntime-node", version: "1.30.0" });
});

test("two installs at once both end well", async () => {
  const both = await Promise.all([installRuntime({ read }), installRuntime({ read })]);
  expect(new Set(both).size).toBe(1);
  expect(existsSync(both[0])).toBe(true);
  expect(readdirSync(path.join(cache, "tmp"))).toEqual([]);
});

test("a failed fetch, or a package without the library, leaves nothing behind", async () => {
  const damaged: typeof readPackage = async (...args) => {
    await read(...args);
    throw new FileError("The package is damaged.");
  };
  await expect(installRuntime({ read: damaged })).rejects.toThrow("The package is damaged.");
  await expect(installRuntime({ read: async () => {} })).rejects.toThrow(/lacks files.*onnxruntime/s);
  expect(existsSync(libraryFolder())).toBe(false);
  expect(readdirSync(path.join(cache, "tmp"))).toEqual([]);
});

test("a cache that cannot be written, or holds something else there, is told", async () => {
  mkdirSync(libraryFolder(), { recursive: true });
  writeFileSync(path.join(libraryFolder(), "something"), "");
  await expect(installRuntime({ read })).rejects.toThrow("in the way");
  writeFileSync(path.join(cache, "file"), "");
  vi.stubEnv("ATELIER_CACHE", path.join(cache, "file"));
  await expect(installRuntime({ read })).rejects.toThrow(FileError);
});
