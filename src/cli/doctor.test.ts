import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { examine } from "./doctor.ts";
import { main } from "./main.ts";
import type { Probes } from "./probes.ts";
import { capturedIo } from "./testing/captured-io.ts";

const folder =
  (free: number, writable = true) =>
  async () => ({ folder: "/home/me/folder", writable, free });

const healthy: Probes = {
  atelier: "0.1.0",
  requiredNode: ">=20.19",
  node: "20.19.0",
  npm: async () => ({ value: "10.8.2" }),
  platform: "linux x64",
  cpu: { model: "A processor", cores: 1 },
  memory: { total: 16e9, available: 8e9 },
  cache: folder(5e10),
  runs: folder(5e10),
  library: async () => ({ value: "/cache/libonnxruntime.so.1 (from cache 1.30.0)" }),
  runtime: async () => ({ value: "onnxruntime 1.30.0 (C API)" }),
  devices: async () => ({ value: [{ device: "cpu" }, { device: "webgpu", problem: "no Vulkan driver" }] }),
  kernels: async () => ({ value: "yes" }),
  loadPackage: async (name) => ({ value: name === "onnxruntime-node" ? undefined : "1.0.0" }),
};

async function complaints(changes: Partial<Probes>) {
  const checks = await examine({ ...healthy, ...changes });
  return checks.filter(({ status }) => status !== "ok");
}

describe("doctor's judgement", () => {
  it("finds nothing on a healthy machine", async () => {
    expect(await complaints({})).toEqual([]);
    expect((await examine(healthy)).map(({ name }) => name)).toEqual([
      "atelier",
      "node",
      "npm",
      "platform",
      "processor",
      "memory",
      "cache folder",
      "runs folder",
      "runtime library",
      "runtime",
      "devices",
      "kernels made at run time",
      "koffi",
      "sharp",
      "onnxruntime-node",
    ]);
  });

  const ill: [string, Partial<Probes>][] = [
    ["old Node.js", { node: "20.18.3" }],
    ["very old Node.js", { node: "18.20.0" }],
    ["no npm", { npm: async () => ({ problem: "npm was not found.", hint: undefined }) }],
    ["little memory", { memory: { total: 2e9, available: 3e8 } }],
    ["a cache that cannot be written", { cache: folder(5e10, false) }],
    ["a full disk", { runs: folder(1e7) }],
    ["a nearly full disk", { cache: folder(1e9) }],
    ["no library yet", { library: async () => ({ value: undefined }) }],
    ["no library for the platform", { library: async () => ({ problem: "No library for musl.", hint: "use an image with glibc" }) }],
    ["a library that does not load", { runtime: async () => ({ problem: "cannot open shared object", hint: undefined }) }],
    [
      "a setting that is not understood",
      { kernels: async () => ({ problem: "The environment variable ATELIER_KERNELS is not understood.", hint: undefined }) },
    ],
    [
      "a package that does not load",
      { loadPackage: async (name) => (name === "sharp" ? { problem: "no binary\nlong story", hint: undefined } : { value: "1.0.0" }) },
    ],
  ];
  it.each(ill)("says what to do about %s", async (_, changes) => {
    expect(await complaints(changes)).toMatchSnapshot();
  });

  it("tells devices and what the others lack, without complaint", async () => {
    const devices = async () => ({
      value: [
        { device: "cpu" },
        { device: "webgpu", problem: "no driver" },
        { device: "dml", problem: "not built in" },
        { device: "coreml", problem: "not built in" },
      ],
    });
    const told = async (changes: Partial<Probes>) => (await examine({ ...healthy, ...changes })).find(({ name }) => name === "devices");
    expect(await told({ devices })).toEqual({
      name: "devices",
      value: "cpu; not webgpu: no driver; not dml, coreml: not built in",
      status: "ok",
    });
    expect(await told({ devices: async () => ({ value: [] }) })).toMatchObject({ value: "known once the library is there", status: "ok" });
    expect(await told({ devices: async () => ({ problem: "It does not load.", hint: "reinstall" }) })).toMatchObject({
      status: "note",
      hint: "reinstall",
    });
  });

  it("takes newer Node.js and does not mind what a system does not tell", async () => {
    expect(await complaints({ node: "24.1.0" })).toEqual([]);
    expect(await complaints({ cache: async () => ({ folder: "/x", writable: true, free: undefined }) })).toEqual([]);
  });
});

describe("atelier doctor", () => {
  it("passes here, as a table and as JSON", async () => {
    const io = capturedIo();
    expect(await main(["doctor"], io)).toBe(0);
    expect(io.out()).toContain("This machine can train.");
    const json = capturedIo();
    expect(await main(["doctor", "--json"], json)).toBe(0);
    expect(JSON.parse(json.out())).toMatchObject({
      ok: true,
      checks: expect.arrayContaining([expect.objectContaining({ name: "node", status: "ok" })]),
    });
  });

  it.skipIf(process.getuid?.() === 0 || process.platform === "win32")("exits with 1 where runs cannot be written", async () => {
    const home = mkdtempSync(path.join(tmpdir(), "atelier-doctor-"));
    chmodSync(home, 0o500);
    const io = capturedIo({ env: { ATELIER_HOME: path.join(home, "runs") } });
    expect(await main(["doctor"], io)).toBe(1);
    expect(io.out()).toContain("Training cannot work yet: see runs folder.");
    rmSync(home, { recursive: true });
  });

  it("exits with 1 where the library named by the environment is missing", async () => {
    const before = process.env.ATELIER_ORT_LIBRARY;
    process.env.ATELIER_ORT_LIBRARY = "/nowhere/lib.so";
    const io = capturedIo();
    expect(await main(["doctor"], io)).toBe(1);
    if (before === undefined) delete process.env.ATELIER_ORT_LIBRARY;
    else process.env.ATELIER_ORT_LIBRARY = before;
    expect(io.out()).toContain("does not name a library");
  });
});
