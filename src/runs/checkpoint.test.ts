import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { FileError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import type { FileTensor } from "../pretrained/safetensors.ts";
import { configHash, type LoadRequest, listCheckpoints, loadBest, loadLatest, saveCheckpoint } from "./checkpoint.ts";
import { createRun, type Run } from "./registry.ts";
import { newRun, temporaryHome } from "./testing/make.ts";

const home = temporaryHome();

function tensorsAt(step: number): Record<string, FileTensor> {
  return {
    "encoder.weight": { dtype: "float32", shape: [2, 3], data: new Float32Array(6).fill(step) },
    step: { dtype: "int64", shape: [], data: new BigInt64Array([BigInt(step)]) },
  };
}

const state = (step: number) => ({ loader: { epoch: 0, index: step * 8 }, random: { noise: [1, 2, 3, step] }, best: null });

async function runWith(steps: readonly number[], best?: number): Promise<Run> {
  const run = await createRun(newRun(), home());
  for (const step of steps) await saveCheckpoint(run, { tensors: tensorsAt(step), state: state(step), step, best: step === best });
  return run;
}

function request(run: Run, changes: Partial<LoadRequest> = {}): LoadRequest {
  return { model: "vae", configHash: configHash(run.record.config), ...changes };
}

function fileAt(run: Run, step: number): string {
  return path.join(run.checkpointsFolder, `step-${String(step).padStart(8, "0")}.safetensors`);
}

async function failure(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => "no error",
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FileError);
  return (error as Error).message.replaceAll(home(), "HOME").replaceAll(/[0-9a-f]{64}/g, "HASH");
}

describe("saving", () => {
  it("gives back exactly what was saved", async () => {
    const run = await runWith([7]);
    const loaded = await loadLatest(run, request(run, { tensors: tensorsAt(0) }));
    expect(loaded.step).toBe(7);
    expect(loaded.state).toEqual(state(7));
    expect(Object.fromEntries(loaded.tensors)).toEqual(tensorsAt(7));
  });

  it("hashes the tensors alone", async () => {
    const run = await createRun(newRun(), home());
    const first = await saveCheckpoint(run, { tensors: tensorsAt(1), state: state(1), step: 1 });
    const again = await saveCheckpoint(run, { tensors: tensorsAt(1), state: "other", step: 2 });
    const other = await saveCheckpoint(run, { tensors: tensorsAt(2), state: state(1), step: 3 });
    expect(again.hash).toBe(first.hash);
    expect(other.hash).not.toBe(first.hash);
    expect((await loadLatest(run, request(run))).hash).toBe(other.hash);
  });

  it("keeps the newest two and the best, and clears what killed processes left", async () => {
    const run = await runWith([1, 2, 3, 4, 5], 2);
    expect(await listCheckpoints(run)).toEqual([2, 4, 5]);
    expect((await loadBest(run, request(run))).step).toBe(2);
    writeFileSync(path.join(run.checkpointsFolder, ".step-00000006.safetensors.1234.partial"), "half");
    await saveCheckpoint(run, { tensors: tensorsAt(6), state: null, step: 6, best: true });
    expect(readdirSync(run.checkpointsFolder).sort()).toEqual(["best.json", path.basename(fileAt(run, 5)), path.basename(fileAt(run, 6))]);
    expect((await loadBest(run, request(run))).step).toBe(6);
  });

  it("removes later steps when a run goes on from an earlier one", async () => {
    const run = await runWith([10, 20]);
    await saveCheckpoint(run, { tensors: tensorsAt(15), state: null, step: 15 });
    expect(await listCheckpoints(run)).toEqual([10, 15]);
  });

  it("loads the newest where no best was marked or the mark is broken", async () => {
    const run = await runWith([1, 2]);
    expect((await loadBest(run, request(run))).step).toBe(2);
    writeFileSync(path.join(run.checkpointsFolder, "best.json"), "{");
    expect((await loadBest(run, request(run))).step).toBe(2);
  });

  it("keeps what there is when the new one cannot be written", async () => {
    const run = await runWith([1]);
    const before = readdirSync(run.checkpointsFolder);
    const wrong = { x: { dtype: "float32", shape: [2], data: new Float32Array(3) } } as Record<string, FileTensor>;
    await expect(saveCheckpoint(run, { tensors: wrong, state: null, step: 2 })).rejects.toThrow('Tensor "x" cannot be stored.');
    expect(readdirSync(run.checkpointsFolder)).toEqual(before);
  });
});

describe("damage", () => {
  const spoilers: [string, (bytes: Buffer) => Uint8Array][] = [
    ["an empty file", () => new Uint8Array(0)],
    ["half a file", (bytes) => bytes.subarray(0, bytes.length >> 1)],
    ["a file without its last byte", (bytes) => bytes.subarray(0, -1)],
    ["a changed weight", (bytes) => flip(bytes, bytes.length - 1)],
    ["a changed state", (bytes) => replace(bytes, "loader", "louder")],
    ["a changed step", (bytes) => replace(bytes, '"step":"2"', '"step":"3"')],
    ["changed shapes", (bytes) => replace(bytes, "[2,3]", "[3,2]")],
    ["another file", () => Buffer.from("this is not a checkpoint at all, it is a text")],
  ];
  it.each(spoilers)("falls back with a warning from %s", async (_, spoil) => {
    const run = await runWith([1, 2]);
    writeFileSync(fileAt(run, 2), spoil(readFileSync(fileAt(run, 2))));
    const warnings: string[] = [];
    const loaded = await loadLatest(run, request(run, { onWarning: (text) => warnings.push(text) }));
    expect(loaded.step).toBe(1);
    expect(loaded.state).toEqual(state(1));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(fileAt(run, 2));
  });

  it("goes on after a fall back, and the damaged file goes", async () => {
    const run = await runWith([1, 2]);
    writeFileSync(fileAt(run, 2), "damaged");
    expect((await loadLatest(run, request(run))).step).toBe(1);
    await saveCheckpoint(run, { tensors: tensorsAt(2), state: state(2), step: 2 });
    expect((await loadLatest(run, request(run))).step).toBe(2);
  });

  it("never gives anything but the whole checkpoint, whatever bits flip", async () => {
    const run = await runWith([1]);
    const good = readFileSync(fileAt(run, 1));
    const random = new RandomStream(1, "bits");
    for (let round = 0; round < 300; round++) {
      writeFileSync(fileAt(run, 1), flip(Buffer.from(good), random.below(good.length), 1 << random.below(8)));
      const error: unknown = await loadLatest(run, request(run)).then(
        (loaded) => expect(loaded).toMatchObject({ step: 1, state: state(1) }),
        (reason: unknown) => reason,
      );
      if (error !== undefined) expect(error).toBeInstanceOf(FileError);
    }
  });

  it("says when none is whole or there is none", async () => {
    const run = await runWith([1, 2]);
    for (const step of [1, 2]) writeFileSync(fileAt(run, step), readFileSync(fileAt(run, step)).subarray(0, 100));
    expect(await failure(loadLatest(run, request(run)))).toMatchInlineSnapshot(`
      "None of the checkpoints of run vae-001 is whole.
        where:    HOME/vae-001/checkpoints
        got:      The file ends inside its header.
        try:      copy the run's folder again from where it is whole, or train anew"
    `);
    rmSync(run.checkpointsFolder, { recursive: true });
    expect(await failure(loadLatest(run, request(run)))).toMatchInlineSnapshot(`
      "The run vae-001 has no checkpoint yet.
        where:    HOME/vae-001/checkpoints
        try:      train it first: "atelier train vae --run NAME""
    `);
    await run.update({ status: "failed" });
    expect(await failure(loadLatest(run, request(run)))).toContain("The run vae-001 failed before its first checkpoint.");
  });
});

describe("checkpoints that do not fit", () => {
  it("refuses another model's", async () => {
    const run = await runWith([1]);
    expect(await failure(loadLatest(run, request(run, { model: "mlp" })))).toMatchInlineSnapshot(`
      "The checkpoint is for another model.
        where:    HOME/vae-001/checkpoints/step-00000001.safetensors
        got:      vae
        expected: mlp
        try:      use it with "vae""
    `);
  });

  it("refuses other shapes, missing and additional tensors", async () => {
    const run = await runWith([1]);
    const { step, ...rest } = tensorsAt(1);
    const wider = { step, "encoder.weight": { dtype: "float32", shape: [2, 4] } };
    expect(await failure(loadLatest(run, request(run, { tensors: wider })))).toMatchInlineSnapshot(`
      "The checkpoint does not fit the model.
        where:    HOME/vae-001/checkpoints/step-00000001.safetensors, tensor "encoder.weight"
        got:      float32 [2, 3]
        expected: float32 [2, 4]
        try:      build the model with the settings of the run"
    `);
    expect(
      await failure(loadLatest(run, request(run, { tensors: { ...tensorsAt(1), bias: { dtype: "float32", shape: [2] } } }))),
    ).toContain("no such tensor");
    expect(await failure(loadLatest(run, request(run, { tensors: rest })))).toContain('a tensor "step"');
  });

  it("refuses other settings, and does not mind their order", async () => {
    const run = await runWith([1]);
    const { image, codeSize, klWeight } = run.record.config;
    expect(configHash({ klWeight, codeSize, image })).toBe(configHash(run.record.config));
    expect(
      await failure(loadLatest(run, request(run, { configHash: configHash({ image, codeSize: 2, klWeight }) }))),
    ).toMatchInlineSnapshot(`
      "The checkpoint was made with other settings of the model.
        where:    HOME/vae-001/checkpoints/step-00000001.safetensors
        got:      configuration 2c31e8c28b90
        expected: configuration e6bc1982baf9
        try:      leave out --set and --preset to go on with the run's own settings"
    `);
  });

  it("does not fall back to an older one that happens to fit", async () => {
    const run = await runWith([1, 2]);
    const other = await createRun(newRun({ model: "autoencoder" }), home());
    await saveCheckpoint(other, { tensors: tensorsAt(2), state: null, step: 2 });
    copyFileSync(fileAt(other, 2), fileAt(run, 2));
    expect(await failure(loadLatest(run, request(run)))).toContain("another model");
  });
});

function flip(bytes: Buffer, at: number, mask = 1): Buffer {
  bytes[at] ^= mask;
  return bytes;
}

function replace(bytes: Buffer, from: string, to: string): Buffer {
  const text = bytes.toString("latin1");
  expect(text).toContain(from);
  return Buffer.from(text.replace(from, to), "latin1");
}
