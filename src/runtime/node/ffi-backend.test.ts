import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { beforeAll, expect, test, vi } from "vitest";
import { RuntimeError } from "../../core/errors.ts";
import { gather, heavy, twoOutputs } from "../testing/models.ts";
import { FfiBackend } from "./ffi-backend.ts";
import { locateLibrary } from "./locate.ts";

const library = locateLibrary();
if (library === undefined) throw new Error("these tests need onnxruntime-node");
const backend = new FfiBackend(library.path);
const load = (model: Uint8Array, name = "tiny") => backend.load(model, { name, optimize: "none" });

let collectGarbage: () => void;
beforeAll(() => {
  setFlagsFromString("--expose-gc");
  collectGarbage = runInNewContext("gc");
});

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

test("says what it is", () => {
  expect(backend.description).toMatch(/^onnxruntime \d+\.\d+\.\d+ \(C API\)$/);
  expect(backend.environment.providers).toContain("CPUExecutionProvider");
  expect(backend.environment.threading.threads).toBeGreaterThan(0);
});

test("runs at once on this thread", async () => {
  const program = await load(twoOutputs());
  const a = Float32Array.of(1, 2, 3, 4);
  const total = new Float32Array(1);
  const binding = program.bind({ a }, { total });
  binding.runSync?.();
  expect(total[0]).toBe(10);
  const inFlight = binding.run();
  expect(() => binding.runSync?.()).toThrow("already running");
  await inFlight;
  binding.dispose();
  expect(() => binding.runSync?.()).toThrow("after it was disposed");
  await program.dispose();
});

test("a kernel's error in a synchronous run is a RuntimeError that names the program", async () => {
  const program = await load(gather(), "embedding");
  const binding = program.bind({ table: new Float32Array(15), index: BigInt64Array.of(-9n, 0n) }, { picked: new Float32Array(6) });
  expect(() => binding.runSync?.()).toThrow(RuntimeError);
  expect(() => binding.runSync?.()).toThrow(/program "embedding".*\[INVALID_ARGUMENT\]/s);
  await program.dispose();
});

test("the event loop turns while a run is in flight", async () => {
  const size = 512;
  const program = await load(heavy(size, 60));
  const binding = program.bind({ a: new Float32Array(size * size) }, { y: new Float32Array(size * size) });
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  await binding.run();
  clearInterval(timer);
  expect(ticks).toBeGreaterThan(3);
  await program.dispose();
});

test("ten thousand runs, bindings and a hundred sessions leave no memory behind", async () => {
  const rounds = async (count: number) => {
    const program = await load(twoOutputs());
    const a = new Float32Array(4);
    const binding = program.bind({ a }, { twice: new Float32Array(4), total: new Float32Array(1) });
    for (let i = 0; i < count; i++) {
      binding.runSync?.();
      program.bind({ a }, { total: new Float32Array(1) }).dispose();
      if (i % 100 === 0) await (await load(twoOutputs())).dispose();
      if (i % 10 === 0) await binding.run();
    }
    await program.dispose();
  };
  await rounds(1000);
  collectGarbage();
  const before = process.memoryUsage().rss;
  await rounds(10_000);
  collectGarbage();
  expect(process.memoryUsage().rss - before).toBeLessThan(40e6);
});

test("forgotten programs and bindings are released, bindings first", async () => {
  const { api } = backend.environment.library;
  const released: string[] = [];
  vi.spyOn(api, "releaseBinding").mockImplementation(() => void released.push("binding"));
  vi.spyOn(api, "releaseSession").mockImplementation(() => void released.push("session"));
  const forget = async () => {
    const program = await load(twoOutputs());
    await program.bind({ a: new Float32Array(4) }, { total: new Float32Array(1) }).run();
  };
  await forget();
  for (let i = 0; i < 100 && released.length < 2; i++) {
    collectGarbage();
    await pause(5);
  }
  vi.restoreAllMocks();
  expect(released).toEqual(["binding", "session"]);
});

test("arrays stay alive as long as a binding that alone knows them", async () => {
  const program = await load(heavy(256, 20));
  const bind = () => program.bind({ a: new Float32Array(256 * 256) }, { y: new Float32Array(256 * 256) });
  const bindings = [bind(), bind(), bind()];
  for (let i = 0; i < 5; i++) {
    const runs = bindings.map((binding) => binding.run());
    collectGarbage();
    await pause(1);
    await Promise.all(runs);
  }
  await program.dispose();
});

test("works in another thread of the process at the same time", async () => {
  const compiled = (file: string) => new URL(`../../../dist/runtime/${file}`, import.meta.url).href;
  const source = `
    const { parentPort, workerData } = require("node:worker_threads");
    import(workerData.backend).then(async ({ FfiBackend }) => {
      const program = await new FfiBackend(workerData.library).load(workerData.model, { name: "threaded", optimize: "none" });
      const total = new Float32Array(1);
      const binding = program.bind({ a: Float32Array.of(1, 2, 3, 4) }, { total });
      for (let i = 0; i < 200; i++) i % 2 === 0 ? binding.runSync() : await binding.run();
      await program.dispose();
      parentPort.postMessage(total[0]);
    });
  `;
  const workerData = { backend: compiled("node/ffi-backend.js"), library: library.path, model: twoOutputs() };
  const answer = new Promise((resolve, reject) =>
    new Worker(source, { eval: true, workerData }).on("message", resolve).on("error", reject),
  );
  const program = await load(twoOutputs());
  const total = new Float32Array(1);
  const binding = program.bind({ a: Float32Array.of(1, 1, 1, 1) }, { total });
  for (let i = 0; i < 200; i++) await binding.run();
  expect([total[0], await answer]).toEqual([4, 10]);
  await program.dispose();
});

test("missing and released handles are refused instead of crashing", () => {
  const { api } = backend.environment.library;
  expect(() => api.releaseSession(0n as never)).toThrowErrorMatchingInlineSnapshot(`
    [RuntimeError: A native call was given a handle that is missing or already released.
      where:    releaseSession, argument session
      got:      0]
  `);
  expect(() => api.createBinding(undefined as never)).toThrow(RuntimeError);
  expect(() => api.runWithBinding(5 as never, null as never)).toThrow(RuntimeError);
});
