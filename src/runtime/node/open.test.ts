import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { RuntimeError, UsageError } from "../../core/errors.ts";
import * as locate from "./locate.ts";
import { openBackend } from "./open.ts";

vi.mock("./locate.ts", { spy: true });

const folder = mkdtempSync(path.join(os.tmpdir(), "atelier-open-"));
const broken = path.join(folder, "broken.so");
writeFileSync(broken, "this is no library");

afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  vi.unstubAllEnvs();
  vi.mocked(locate.locateLibrary).mockReset();
});

test("a library that is none is an error where the user chose it or the way", async () => {
  vi.stubEnv("ATELIER_ORT_LIBRARY", broken);
  const refused = await openBackend().catch((error: Error) => error);
  expect(refused).toBeInstanceOf(RuntimeError);
  expect((refused as Error).message).toMatch(/library cannot be used.*broken\.so.*atelier setup/s);
  vi.unstubAllEnvs();
  vi.mocked(locate.locateLibrary).mockReturnValue({ path: broken, source: "cache" });
  vi.stubEnv("ATELIER_BACKEND", "ffi");
  await expect(openBackend()).rejects.toThrow(RuntimeError);
});

test("installs where nothing is found, and says what to do where that is not offered", async () => {
  vi.stubEnv("ATELIER_BACKEND", "ffi");
  vi.mocked(locate.locateLibrary).mockReturnValue(undefined);
  await expect(openBackend()).rejects.toThrow(/not installed.*atelier setup/s);
  const install = vi.fn(async () => {
    vi.mocked(locate.locateLibrary).mockReset();
  });
  expect((await openBackend({ install })).description).toContain("C API");
  expect(install).toHaveBeenCalledTimes(1);
});

test("opens once", async () => {
  vi.stubEnv("ATELIER_BACKEND", "ffi");
  const backend = await openBackend();
  expect(backend).toMatchObject({ device: "cpu", target: "cpu" });
  expect(backend.description).toContain("C API");
  expect(await openBackend({ device: "cpu" })).toBe(backend);
});

test("falls back to the package with a notice", async () => {
  vi.mocked(locate.locateLibrary).mockReturnValue({ path: broken, source: "onnxruntime-node" });
  const notices: string[] = [];
  const backend = await openBackend({ onNotice: (line) => notices.push(line) });
  expect(backend.description).toBe("onnxruntime-node 1.30.0");
  expect(notices).toHaveLength(1);
  expect(notices[0]).toContain("using the slower package onnxruntime-node instead");
});

test("the package can be forced", async () => {
  vi.stubEnv("ATELIER_BACKEND", "npm");
  expect((await openBackend()).description).toBe("onnxruntime-node 1.30.0");
  vi.stubEnv("ATELIER_BACKEND", "gpu");
  await expect(openBackend()).rejects.toThrow(UsageError);
});

test("other devices are refused by name", async () => {
  const device = process.platform === "darwin" ? "dml" : "coreml"; // never built in here
  const refused = await openBackend({ device }).catch((error: Error) => error);
  expect(refused).toBeInstanceOf(RuntimeError);
  expect((refused as Error).message).toMatch(/is not available.*ONNX Runtime built with .*CPUExecutionProvider.*use --device cpu/s);
  await expect(openBackend({ device: "gpuu" })).rejects.toThrow(/no device named "gpuu"/);
});
