import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { RandomStream } from "../core/random.ts";
import { defaultTraining, vae } from "../models/index.ts";
import { type Module, namedParameters, namedStates } from "../nn/module.ts";
import { decodeSafetensors, type FileTensors } from "../pretrained/safetensors.ts";
import { saveCheckpoint } from "../runs/checkpoint.ts";
import { createRun } from "../runs/registry.ts";
import { newRun, temporaryHome } from "../runs/testing/make.ts";
import { main } from "./main.ts";
import { capturedIo } from "./testing/captured-io.ts";

const home = temporaryHome();

async function atelier(...argv: string[]) {
  const io = capturedIo({ env: { ATELIER_HOME: home() } });
  const code = await main(argv, io);
  return { code, out: io.out().replaceAll(home(), "HOME"), err: io.err().replaceAll(home(), "HOME") };
}

/** A run of the tiny VAE with a checkpoint at its seventh step. */
async function trainedRun(): Promise<{ folder: string; network: Module }> {
  const { config, training } = vae.presets.smoke;
  const run = await createRun(
    { ...newRun({ config: { ...config }, training: { ...defaultTraining, ...training } }), name: "tiny" },
    home(),
  );
  const network = vae.build(config, new RandomStream(0, "init"));
  const parameters = [...namedParameters(network)];
  const array = (shape: readonly number[], data: Float32Array) => ({ dtype: "float32" as const, shape, data });
  const moments = (slot: string) =>
    parameters.map(([name, { shape, size }]) => [`optimizer.${slot}.${name}`, array(shape, new Float32Array(size))] as const);
  const weights = [...parameters, ...namedStates(network)].map(
    ([name, { shape, data }]) => [`model.${name}`, array(shape, data as Float32Array)] as const,
  );
  const tensors: FileTensors = Object.fromEntries([...weights, ...moments("mean"), ...moments("square")]);
  await saveCheckpoint(run, { tensors, state: null, step: 7 });
  return { folder: run.folder, network };
}

test("export writes inference graphs, the training step with its layout and state, and says what they are", async () => {
  const { folder } = await trainedRun();
  const out = path.join(home(), "out");
  const result = await atelier("export", folder, "--out", out);
  expect(result).toEqual({
    code: 0,
    out: [
      "encode.onnx",
      "decode.onnx",
      "reconstruct.onnx",
      "sample.onnx",
      "training-step.onnx",
      "training-step.json",
      "state.safetensors",
      "export.json",
    ]
      .map((name) => `HOME/out/${name}\n`)
      .join(""),
    err: "",
  });
  const described = JSON.parse(readFileSync(path.join(out, "export.json"), "utf8"));
  expect(described.functions.sample).toEqual({
    file: "sample.onnx",
    inputs: [{ name: "random:prior", dtype: "float32", shape: ["batch", 2] }],
    outputs: [{ name: "pictures", dtype: "float32", shape: ["batch", 1, 8, 8] }],
    batch: "free",
  });
  const layout = JSON.parse(readFileSync(path.join(out, "training-step.json"), "utf8"));
  const state = decodeSafetensors(readFileSync(path.join(out, "state.safetensors")), { file: "state.safetensors" });
  expect(layout.inputs.state.map(({ name }: { name: string }) => name).sort()).toEqual([...state.tensors.keys()].sort());
  expect(state.tensors.get("step")!.data[0]).toBe(7n);
});

test("export --format safetensors writes the weights by their paths, and the configuration", async () => {
  const { folder, network } = await trainedRun();
  const out = path.join(home(), "weights");
  const { code, out: said } = await atelier("export", folder, "--format", "safetensors", "--out", out, "--json");
  expect([code, JSON.parse(said).files]).toEqual([0, ["model.safetensors", "config.json"]]);
  const { tensors, metadata } = decodeSafetensors(readFileSync(path.join(out, "model.safetensors")), { file: "model.safetensors" });
  expect([...tensors.keys()].sort()).toEqual([...namedParameters(network).keys(), ...namedStates(network).keys()].sort());
  expect(metadata).toMatchObject({ model: "vae", run: "tiny", step: "7" });
  expect(readdirSync(out).sort()).toEqual(["config.json", "model.safetensors"]);
});

test("what cannot be written is told", async () => {
  const { folder } = await trainedRun();
  expect((await atelier("export", folder, "--format", "onx")).err).toMatchInlineSnapshot(`
    "There is no format named "onx".
      expected: one of: onnx, safetensors, html
      try:      did you mean "onnx"?
    "
  `);
  expect((await atelier("export", folder, "--opset", "12", "--out", path.join(home(), "old"))).err).toMatchInlineSnapshot(`
    "This operator set cannot be written.
      got:      12
      expected: one of: 18, 19, 20, 21
      try:      leave --opset out for the newest
    "
  `);
  expect((await atelier("export", "tinny")).code).toBe(2);
});
