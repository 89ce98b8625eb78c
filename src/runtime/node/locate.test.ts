import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FileError, RuntimeError } from "../../core/errors.ts";
import { libraryFolder, locateLibrary, locatePackage, missingLibrary, platformBuild } from "./locate.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "atelier-locate-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

test("finds the installed package", () => {
  const found = locateLibrary();
  expect(found).toMatchObject({ source: "onnxruntime-node", version: "1.30.0" });
  expect(path.isAbsolute(found?.path ?? "")).toBe(true);
});

test("the variable comes first, and must name a file", () => {
  const file = path.join(folder, "mine.so");
  vi.stubEnv("ATELIER_ORT_LIBRARY", file);
  expect(() => locateLibrary()).toThrow(FileError);
  expect(() => locateLibrary()).toThrow(/does not name a library.*mine\.so.*no such file/s);
  writeFileSync(file, "");
  expect(locateLibrary()).toEqual({ path: file, source: "ATELIER_ORT_LIBRARY" });
  vi.stubEnv("ATELIER_ORT_LIBRARY", folder);
  expect(() => locateLibrary()).toThrow("not a file");
});

test("a package of the project in the current folder wins unless it is too old", () => {
  const installed = path.join(folder, "node_modules", "onnxruntime-node");
  mkdirSync(installed, { recursive: true });
  vi.spyOn(process, "cwd").mockReturnValue(folder);
  writeFileSync(path.join(installed, "package.json"), '{"version":"1.22.9"}');
  expect(locatePackage()?.version).toBe("1.30.0");
  writeFileSync(path.join(installed, "package.json"), '{"version":"1.31.2"}');
  expect(locatePackage()?.version).toBe("1.31.2");
});

test("the cache is used where the package has no library", () => {
  const installed = path.join(folder, "node_modules", "onnxruntime-node");
  mkdirSync(installed, { recursive: true });
  writeFileSync(path.join(installed, "package.json"), '{"version":"1.30.0"}');
  vi.spyOn(process, "cwd").mockReturnValue(folder);
  vi.stubEnv("ATELIER_CACHE", path.join(folder, "cache"));
  expect(locateLibrary()).toBeUndefined();
  expect(missingLibrary().message).toMatch(/not installed.*atelier setup/s);
  const cached = path.join(libraryFolder(), platformBuild().library);
  mkdirSync(path.dirname(cached), { recursive: true });
  writeFileSync(cached, "");
  expect(locateLibrary()).toEqual({ path: cached, source: "cache", version: "1.30.0" });
});

test("platforms without a build are told so", () => {
  expect(platformBuild({ platform: "win32", arch: "arm64", musl: false }).files).toContain("DirectML.dll");
  expect(platformBuild({ platform: "darwin", arch: "arm64", musl: false })).toMatchObject({ library: "libonnxruntime.1.dylib" });
  expect(() => platformBuild({ platform: "darwin", arch: "x64", musl: false })).toThrow(RuntimeError);
  expect(() => platformBuild({ platform: "darwin", arch: "x64", musl: false })).toThrowErrorMatchingInlineSnapshot(`
    [RuntimeError: ONNX Runtime has no ready-made library for this platform.
      got:      darwin x64
      expected: one of: linux x64, linux arm64, darwin arm64, win32 x64, win32 arm64; Linux with glibc
      try:      npm install onnxruntime-web (WebAssembly, several times slower), or build ONNX Runtime from source and set ATELIER_ORT_LIBRARY to the library]
  `);
  expect(() => platformBuild({ platform: "linux", arch: "x64", musl: true })).toThrowErrorMatchingInlineSnapshot(`
    [RuntimeError: ONNX Runtime has no ready-made library for this platform.
      got:      linux x64 with musl (Alpine and the like)
      expected: one of: linux x64, linux arm64, darwin arm64, win32 x64, win32 arm64; Linux with glibc
      try:      use an image with glibc (for example node:22-slim), set ATELIER_ORT_LIBRARY to a library built for musl, or npm install onnxruntime-web (WebAssembly, several times slower)]
  `);
});
