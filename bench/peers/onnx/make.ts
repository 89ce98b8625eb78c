// Exports each model of the garden and writes what the live model computes, for check.py to repeat with Python's onnxruntime.
//
//     node bin/ts.js bench/peers/onnx/make.ts FOLDER [PRESET]
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { RandomStream } from "../../../src/core/random.ts";
import { defaultTraining, type ModelRecord, models, numericShape } from "../../../src/models/index.ts";
import { exportedSize } from "../../../src/pretrained/onnx-export.ts";
import { encodeSafetensors, type FileTensor } from "../../../src/pretrained/safetensors.ts";
import { exportStep } from "../../../src/runs/export.ts";
import type { Backend } from "../../../src/runtime/backend.ts";
import { openBackend } from "../../../src/runtime/node/open.ts";
import { compile } from "../../../src/runtime/program.ts";
import { exportModel } from "../../../src/train/portable-model.ts";
import { makeOptimizer } from "../../../src/train/session.ts";
import { Trainer } from "../../../src/train/trainer.ts";

const stream = new RandomStream(0, "numbers");
const uniform = (length: number) => Float32Array.from({ length }, () => stream.uniform());
const float = (shape: readonly number[], data: Float32Array): FileTensor => ({ dtype: "float32", shape, data: data.slice() });

/** Each function on batches of 1 and 7. */
async function writeFunctions(backend: Backend, record: ModelRecord, config: unknown, folder: string): Promise<void> {
  const network = record.build(config, new RandomStream(0, "init"));
  for (const [name, { model, inputs, outputs }] of await exportModel({ record, config, network })) {
    await writeFile(path.join(folder, `${name}.onnx`), model);
    if (name === "sample") continue;
    const apply = record[name as "encode"]!;
    for (const batch of [1, 7]) {
      const shape = inputs[0].shape.map((dim) => (dim === "batch" ? batch : dim));
      const program = await compile<"x", "y">(backend, ({ x }) => ({ y: apply(network, x) }), { inputs: { x: { shape } } });
      const x = uniform(exportedSize(inputs[0], batch));
      const { y } = await program.run({ x });
      const outShape = outputs[0].shape.map((dim) => (dim === "batch" ? batch : dim));
      const numbers = { [inputs[0].name]: float(shape, x), [`expected ${outputs[0].name}`]: float(outShape, y as Float32Array) };
      await writeFile(path.join(folder, `${name}.${batch}.safetensors`), encodeSafetensors(numbers));
      await program.dispose();
    }
  }
}

/** Three training steps: what goes into each, and the terms and arrays that come out. */
async function writeStep(backend: Backend, record: ModelRecord, preset: "smoke" | "small", folder: string): Promise<void> {
  const { config, training: changes } = record.presets[preset];
  // Adam's first steps are the signs of gradients. With its usual epsilon an element whose gradient is rounding noise moves by the learning rate in either
  // direction, on any two machines; with this one rounding stays rounding.
  const training = { ...defaultTraining, ...changes, epsilon: 1e-3 };
  const network = record.build(config, new RandomStream(0, "init"));
  const { model, layout } = exportStep(record, config, network, training);
  await writeFile(path.join(folder, "training-step.onnx"), model);
  await writeFile(path.join(folder, "training-step.json"), JSON.stringify({ ...layout, learningRate: training.learningRate }));
  const shape = [training.batch, ...numericShape(record, config)];
  const inputs = { images: { shape }, labels: { shape: [training.batch], dtype: "int32" as const } };
  const { learningRate, weightDecay, clipNorm, ema } = training;
  const trainer = await Trainer.create<"images" | "labels">({
    ...{ backend, module: network, objective: (batch, rng) => record.objective(network, batch, rng), inputs },
    ...{ optimizer: makeOptimizer(training), learningRate, weightDecay, clipNorm, ema },
  });
  const state = (): Record<string, FileTensor> =>
    Object.fromEntries([...trainer.tensors()].map(([name, { shape, data }]) => [name, float(shape, data)]));
  await writeFile(path.join(folder, "state.0.safetensors"), encodeSafetensors(state()));
  for (let step = 1; step <= 3; step++) {
    const images = uniform(shape.reduce((a, b) => a * b));
    const labels = Int32Array.from({ length: training.batch }, () => stream.below(10));
    const { terms } = await trainer.advance({ images, labels });
    const numbers: Record<string, FileTensor> = {
      images: float(shape, images),
      labels: { dtype: "int32", shape: [training.batch], data: labels },
    };
    for (const { name, shape: drawn } of layout.inputs.random) numbers[name] = float(drawn, trainer.program.drawn(name));
    for (const [name, value] of Object.entries(terms)) numbers[`expected term:${name}`] = float([], Float32Array.of(value));
    await writeFile(path.join(folder, `step.${step}.safetensors`), encodeSafetensors(numbers));
    await writeFile(path.join(folder, `state.${step}.safetensors`), encodeSafetensors(state()));
  }
  await trainer.dispose();
}

const [target, preset = "smoke"] = process.argv.slice(2);
const backend = await openBackend();
for (const record of models) {
  const folder = path.join(target, record.name);
  await mkdir(folder, { recursive: true });
  await writeFunctions(backend, record, record.presets[preset as "small"].config, folder);
  await writeStep(backend, record, preset as "small", folder);
  process.stdout.write(`${folder}\n`);
}
