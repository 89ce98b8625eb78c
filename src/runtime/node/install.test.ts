import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FileError } from "../../core/errors.ts";
import { installRuntime, type PinnedPackage, type Wanted } from "./install.ts";
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

async function write(_spec: PinnedPackage, wanted: Wanted): Promise<void> {
  for (const [inside, file] of Object.entries(wanted)) writeFileSync(file, inside);
}

test("puts the library into the cache, once", async () => {
  const extract = vi.fn(write);
  const lines: string[] = [];
  const library = await installRuntime({ extract, onProgress: (line) => lines.push(line) });
  expect(library).toBe(path.join(libraryFolder(), platformBuild().library));
  expect(readFileSync(library, "utf8")).toBe(`package/${platformBuild().folder}/${platformBuild().library}`);
  expect(await installRuntime({ extract })).toBe(library);
  expect(extract).toHaveBeenCalledTimes(1);
  expect(extract.mock.calls[0][0]).toMatchObject({ name: "onnxruntime-node", version: "1.30.0" });
  expect(lines).toEqual(["fetching ONNX Runtime 1.30.0 (113 MB, once)"]);
});

test("two installs at once both end well", async () => {
  const both = await Promise.all([installRuntime({ extract: write }), installRuntime({ extract: write })]);
  expect(new Set(both).size).toBe(1);
  expect(readdirSync(path.dirname(libraryFolder()))).toEqual([path.basename(libraryFolder())]);
});

test("a failed fetch leaves nothing behind", async () => {
  const extract = async (spec: PinnedPackage, wanted: Wanted) => {
    await write(spec, wanted);
    throw new FileError("The package is damaged.");
  };
  await expect(installRuntime({ extract })).rejects.toThrow("The package is damaged.");
  expect(existsSync(libraryFolder())).toBe(false);
  expect(readdirSync(path.dirname(libraryFolder()))).toEqual([]);
});

test("a cache that cannot be written is told", async () => {
  writeFileSync(path.join(cache, "file"), "");
  vi.stubEnv("ATELIER_CACHE", path.join(cache, "file"));
  await expect(installRuntime({ extract: write })).rejects.toThrow(/cannot be written.*ATELIER_CACHE/s);
});
