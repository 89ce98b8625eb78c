import { describe, expect, test } from "vitest";
import { allocate, type TypedArray } from "../../core/dtype.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { Backend } from "../backend.ts";
import { dense, everyType, gather, heavy, twoOutputs, update } from "../testing/models.ts";
import { tinyModel, value } from "../testing/tiny-model.ts";
import { FfiBackend } from "./ffi-backend.ts";
import { locateLibrary, locatePackage } from "./locate.ts";
import { NpmBackend } from "./npm-backend.ts";

// The C API comes first: its shared thread pool must be there before the package makes an environment.
const library = locateLibrary();
const found = locatePackage();
if (library === undefined || found === undefined) throw new Error("these tests need onnxruntime-node");
const ffi = new FfiBackend(library.path);
const npm = new NpmBackend(found.folder);

/** Seeded numbers in [-1, 1), so that both backends see the same. */
function numbers(length: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

async function message(action: () => unknown): Promise<string> {
  try {
    await action();
  } catch (error) {
    expect(error).toBeInstanceOf(RuntimeError);
    return (error as Error).message;
  }
  throw new Error("no error was thrown");
}

describe.each<[string, Backend]>([
  ["C API", ffi],
  ["onnxruntime-node", npm],
])("%s", (_, backend) => {
  const load = (model: Uint8Array, name = "tiny") => backend.load(model, { name, optimize: "none" });

  test("describes inputs and outputs, free dimensions as -1", async () => {
    const program = await load(dense());
    expect(program.inputs).toEqual([value("x", [-1, 4]), value("w", [4, 3]), value("b", [3])]);
    expect(program.outputs).toEqual([value("y", [-1, 3])]);
    await program.dispose();
  });

  test("reads and writes the bound arrays at every run, for each size of the free dimension", async () => {
    const program = await load(dense());
    const w = Float32Array.from({ length: 12 }, (_, i) => i);
    const b = Float32Array.of(100, 200, 300);
    for (const rows of [1, 2]) {
      const x = new Float32Array(rows * 4);
      const y = new Float32Array(rows * 3);
      const binding = program.bind({ x, w, b }, { y });
      x[(rows - 1) * 4] = 1;
      await binding.run();
      expect([...y.slice(-3)]).toEqual([100, 201, 302]);
      x[(rows - 1) * 4 + 1] = 1;
      b[0] = 0;
      await binding.run();
      expect([...y.slice(-3)]).toEqual([3, 205, 307]);
      b[0] = 100;
      binding.dispose();
    }
    await program.dispose();
  });

  test("carries every element type, scalars and values without elements", async () => {
    const program = await load(everyType());
    const inputs: Record<string, TypedArray> = {
      f: Float32Array.of(1.5, -2),
      i: Int32Array.of(7, -8),
      l: BigInt64Array.of(9n, -(2n ** 60n)),
      b: Uint8Array.of(1, 0),
      u: Uint8Array.of(255, 3),
      s: Float32Array.of(42),
      e: new Float32Array(0),
    };
    const outputs = Object.fromEntries(program.inputs.map(({ name, dtype }) => [`${name}_out`, allocate(dtype, inputs[name].length)]));
    await program.bind(inputs, outputs).run();
    for (const [name, array] of Object.entries(inputs)) expect(outputs[`${name}_out`]).toEqual(array);
    await program.dispose();
  });

  test("leaves unbound outputs out, and works on views of one buffer", async () => {
    const program = await load(twoOutputs());
    const flat = Float32Array.of(0, 1, 2, 3, 4, 0, 0, 0, 0);
    await program.bind({ a: flat.subarray(1, 5) }, { twice: flat.subarray(5, 9) }).run();
    expect([...flat]).toEqual([0, 1, 2, 3, 4, 2, 4, 6, 8]);
    const total = new Float32Array(1);
    await program.bind({ a: flat.subarray(1, 5) }, { total }).run();
    expect(total[0]).toBe(10);
    await program.dispose();
  });

  test("updates elementwise state in place", async () => {
    const n = 300_000;
    const program = await load(update(n));
    const scalars = { rate: Float32Array.of(0.9), step: Float32Array.of(0.01) };
    const [p, m, g] = [numbers(n, 1), new Float32Array(n), numbers(n, 2)];
    const apart = { p: p.slice(), m: m.slice(), pNew: new Float32Array(n), mNew: new Float32Array(n) };
    const inPlace = program.bind({ p, m, g, ...scalars }, { p_new: p, m_new: m });
    const outOfPlace = program.bind({ p: apart.p, m: apart.m, g, ...scalars }, { p_new: apart.pNew, m_new: apart.mNew });
    for (let step = 0; step < 3; step++) {
      await inPlace.run();
      await outOfPlace.run();
      apart.p.set(apart.pNew);
      apart.m.set(apart.mNew);
    }
    expect(Buffer.compare(Buffer.from(p.buffer), Buffer.from(apart.p.buffer))).toBe(0);
    expect(Buffer.compare(Buffer.from(m.buffer), Buffer.from(apart.m.buffer))).toBe(0);
    await program.dispose();
  });

  test("refuses wrong names, types and lengths before any native call", async () => {
    const program = await load(dense(), "dense");
    const [x, w, b, y] = [8, 12, 3, 6].map((length) => new Float32Array(length));
    expect(await message(() => program.bind({ x, w, b, q: b }, { y }))).toMatchInlineSnapshot(`
      "The program "dense" has no input named "q".
        expected: one of: x: float32 [?, 4]; w: float32 [4, 3]; b: float32 [3]
        try:      did you mean "x"?"
    `);
    expect(await message(() => program.bind({ x, w }, { y }))).toMatchInlineSnapshot(`
      "The input "b" of the program "dense" is not bound.
        expected: b: float32 [3]"
    `);
    expect(await message(() => program.bind({ x, w, b }, { z: y }))).toMatchInlineSnapshot(`
      "The program "dense" has no output named "z".
        expected: one of: y: float32 [?, 3]
        try:      did you mean "y"?"
    `);
    expect(await message(() => program.bind({ x, w, b }, {}))).toMatchInlineSnapshot(`
      "No output of the program "dense" is bound.
        expected: at least one of: y: float32 [?, 3]"
    `);
    expect(await message(() => program.bind({ x, w: new Int32Array(12), b }, { y }))).toMatchInlineSnapshot(`
      "A bound array has the wrong type.
        where:    input "w" of the program "dense"
        got:      Int32Array
        expected: Float32Array for w: float32 [4, 3]"
    `);
    expect(await message(() => program.bind({ x, w: [1, 2] as never, b }, { y }))).toMatchInlineSnapshot(`
      "A bound array has the wrong type.
        where:    input "w" of the program "dense"
        got:      a plain array
        expected: Float32Array for w: float32 [4, 3]"
    `);
    expect(await message(() => program.bind({ x, w, b: new Float32Array(4) }, { y }))).toMatchInlineSnapshot(`
      "A bound array has the wrong length.
        where:    input "b" of the program "dense"
        got:      4 elements
        expected: 3 elements for b: float32 [3]"
    `);
    expect(await message(() => program.bind({ x: new Float32Array(7), w, b }, { y }))).toMatchInlineSnapshot(`
      "A bound array has the wrong length.
        where:    input "x" of the program "dense"
        got:      7 elements
        expected: a positive multiple of 4 elements for x: float32 [?, 4]"
    `);
    expect(await message(() => program.bind({ x: new Float32Array(0), w, b }, { y }))).toMatchInlineSnapshot(`
      "A bound array has the wrong length.
        where:    input "x" of the program "dense"
        got:      0 elements
        expected: a positive multiple of 4 elements for x: float32 [?, 4]"
    `);
    await program.dispose();
  });

  test("refuses an output of another free size when it runs, whether larger or smaller", async () => {
    const program = await load(dense(), "dense");
    const [x, w, b] = [8, 12, 3].map((length) => new Float32Array(length));
    for (const length of [3, 9, 3000]) {
      expect(await message(() => program.bind({ x, w, b }, { y: new Float32Array(length) }).run())).toMatch(
        /run of a program failed.*dense/s,
      );
    }
    await program.dispose();
  });

  test("refuses buffers that were transferred away, and resizable ones", async () => {
    const program = await load(twoOutputs(), "two");
    const a = new Float32Array(4);
    const binding = program.bind({ a }, { twice: new Float32Array(4) });
    const kept = structuredClone(a, { transfer: [a.buffer] });
    expect(await message(() => binding.run())).toMatchInlineSnapshot(`
      "An array bound to the program "two" was transferred away or resized.
        got:      a buffer of 0 bytes
        expected: 16 bytes, as when it was bound
        try:      bind the new array"
    `);
    expect(kept.length).toBe(4);
    const Resizable = ArrayBuffer as unknown as new (bytes: number, options: { maxByteLength: number }) => ArrayBuffer;
    const resizable = new Float32Array(new Resizable(16, { maxByteLength: 64 }));
    expect(await message(() => program.bind({ a: resizable }, { twice: new Float32Array(4) }))).toMatchInlineSnapshot(`
      "A resizable buffer cannot be bound: its memory may move.
        where:    input "a" of the program "two"
        try:      bind an array over a buffer of fixed size"
    `);
    await program.dispose();
  });

  test("refuses bytes that are no model, or a model it cannot run", async () => {
    expect(await message(() => load(new Uint8Array(0)))).toMatchInlineSnapshot(`
      "There is no model to load.
        where:    program "tiny"
        got:      0 bytes
        expected: a Uint8Array with a serialized ONNX model"
    `);
    expect(await message(() => load("x" as never))).toContain("string");
    expect(await message(() => load(Uint8Array.of(1, 2, 3, 4)))).toMatch(/refused a model.*program "tiny"/s);
    expect(await message(() => load(dense().slice(0, -20)))).toContain("refused a model");
    const unknown = tinyModel({
      nodes: [{ op: "Nonsense", inputs: ["a"], outputs: ["b"] }],
      inputs: [value("a", [1])],
      outputs: [value("b", [1])],
    });
    expect(await message(() => load(unknown))).toContain("Nonsense");
  });

  test("a kernel's error is a RuntimeError and the program still works", async () => {
    const program = await load(gather(), "embedding");
    const table = Float32Array.from({ length: 15 }, (_, i) => i);
    const index = BigInt64Array.of(4n, 99n);
    const picked = new Float32Array(6);
    const binding = program.bind({ table, index }, { picked });
    expect(await message(() => binding.run())).toMatch(/run of a program failed.*embedding.*out of/s);
    index[1] = 0n;
    await binding.run();
    expect([...picked]).toEqual([12, 13, 14, 0, 1, 2]);
    await program.dispose();
  });

  test("refuses to run or bind after dispose, and two runs of one binding at once", async () => {
    const program = await load(heavy(128, 4), "heavy");
    const [a, y] = [numbers(128 * 128), new Float32Array(128 * 128)];
    const binding = program.bind({ a }, { y });
    const first = binding.run();
    expect(await message(() => binding.run())).toMatchInlineSnapshot(`
      "A binding of the program "heavy" is already running.
        try:      await the first run, or bind other arrays for a second one"
    `);
    await first;
    binding.dispose();
    binding.dispose();
    expect(await message(() => binding.run())).toMatchInlineSnapshot(`"A binding was run after it was disposed: program "heavy"."`);
    const other = program.bind({ a }, { y });
    await program.dispose();
    await program.dispose();
    expect(await message(() => other.run())).toMatchInlineSnapshot(`"A program was run after it was disposed: program "heavy"."`);
    expect(await message(() => program.bind({ a }, { y }))).toMatchInlineSnapshot(
      `"A program was bound after it was disposed: program "heavy"."`,
    );
    other.dispose();
  });

  test("dispose waits for runs in flight", async () => {
    const program = await load(heavy(256, 30));
    const [a, y] = [numbers(256 * 256).map((v) => v / 16), new Float32Array(256 * 256)];
    const [one, two] = [program.bind({ a }, { y }), program.bind({ a }, { y: new Float32Array(256 * 256) })];
    let done = 0;
    const runs = [one.run(), two.run()].map((run) => run.then(() => done++));
    one.dispose();
    await program.dispose();
    expect(done).toBe(2);
    await Promise.all(runs);
    expect(y.some((v) => v !== 0)).toBe(true);
  });

  test("two programs take turns", async () => {
    const [sum, rows] = [await load(twoOutputs()), await load(gather())];
    const a = Float32Array.of(1, 2, 3, 4);
    const [total, picked] = [new Float32Array(1), new Float32Array(6)];
    const table = Float32Array.from({ length: 15 }, (_, i) => i);
    const [first, second] = [sum.bind({ a }, { total }), rows.bind({ table, index: BigInt64Array.of(1n, 2n) }, { picked })];
    for (let turn = 0; turn < 50; turn++) {
      a[0] = turn;
      table[3] = turn;
      await first.run();
      await second.run();
      expect([total[0], picked[0]]).toEqual([turn + 9, turn]);
    }
    await Promise.all([sum.dispose(), rows.dispose()]);
  });
});

test.each(["none", "all"] as const)("both backends give equal bits, optimize %s", async (optimize) => {
  const results = await Promise.all(
    [ffi, npm].map(async (backend) => {
      const program = await backend.load(heavy(200, 5), { name: "heavy", optimize });
      const y = new Float32Array(200 * 200);
      await program.bind({ a: numbers(200 * 200).map((v) => v / 8) }, { y }).run();
      await program.dispose();
      return Buffer.from(y.buffer);
    }),
  );
  expect(Buffer.compare(results[0], results[1])).toBe(0);
  expect(results[0].some((byte) => byte !== 0)).toBe(true);
});
