import { fromBinary } from "@bufbuild/protobuf";
import { beforeAll, describe, expect, test } from "vitest";
import { allocate, sizeOf, type TypedArray } from "../../src/core/dtype.ts";
import { RandomStream } from "../../src/core/random.ts";
import { isPoint } from "../../src/data/dataset.ts";
import { isText } from "../../src/data/token-set.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { ModelProtoSchema } from "../../src/lower/onnx_pb.ts";
import { type BatchPart, type ModelRecord, models } from "../../src/models/index.ts";
import { type Module, namedParameters } from "../../src/nn/module.ts";
import { adam } from "../../src/optim/adam.ts";
import { exportedSize } from "../../src/pretrained/onnx-export.ts";
import type { Backend } from "../../src/runtime/backend.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { compile, type InputSpec } from "../../src/runtime/program.ts";
import { batchInputs } from "../../src/train/batch.ts";
import { exportModel } from "../../src/train/portable-model.ts";
import { portableStep } from "../../src/train/portable-step.ts";
import { Trainer } from "../../src/train/trainer.ts";

// What is exported gives the numbers of the live model, on both ways to the runtime, and needs standard operators only.

const ways = ["ffi", "npm"] as const;
const backends = {} as Record<(typeof ways)[number], Backend>;
beforeAll(async () => {
  for (const way of ways) {
    process.env.ATELIER_BACKEND = way;
    backends[way] = await openBackend();
  }
  delete process.env.ATELIER_BACKEND;
});

function uniform(length: number, salt: string): Float32Array {
  const stream = new RandomStream(0, salt);
  return Float32Array.from({ length }, () => stream.uniform());
}

/** Whatever float weights there are get away from their initial zeros and ones. */
function build(record: ModelRecord, config: unknown) {
  const network = record.build(config, new RandomStream(0, "init"));
  for (const [name, { data }] of namedParameters(network)) {
    uniform(data.length, name).forEach((v, i) => {
      data[i] += 0.2 * (v - 0.5);
    });
  }
  return network;
}

function domains(model: Uint8Array): string[] {
  return [...new Set(fromBinary(ModelProtoSchema, model).graph!.node.map(({ domain }) => domain))];
}

const largest = (values: ArrayLike<number>) => Array.from(values).reduce((most, v) => Math.max(most, Math.abs(v)), 1e-12);

function worst(a: ArrayLike<number>, b: ArrayLike<number>, scale = largest(b)): number {
  return Array.from(a).reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]) / scale), 0);
}

/** Ids from 0 to 3, which every vocabulary has. */
function idsOf({ shape }: InputSpec, step: number): Int32Array {
  return Int32Array.from({ length: sizeOf(shape) }, (_, i) => (i * 7 + step + (i >> 3)) % 4);
}

/** What a model of text can do: scores of the next tokens, where it has them. */
async function logitsOf(record: ModelRecord, network: Module, files: Awaited<ReturnType<typeof exportModel>>): Promise<void> {
  expect([...files.keys()]).toEqual(record.logits === undefined ? [] : ["logits"]);
  for (const [name, { model, inputs, outputs, batch }] of files) {
    expect([batch, domains(model)]).toEqual([{ free: true }, [""]]);
    const [, length] = inputs[0].shape as [string, number];
    for (const way of ways) {
      const executable = await backends[way].load(model, { name, optimize: "all" });
      for (const size of [1, 5]) {
        const tokens = { shape: [size, length], dtype: "int32" as const };
        const got = new Float32Array(exportedSize(outputs[0], size));
        await executable.bind({ tokens: idsOf(tokens, size) }, { [outputs[0].name]: got }).run();
        const build = (given: Record<string, Tensor>) => ({ y: record.logits!(network, given.tokens) });
        const program = await compile<string, "y">(backends.ffi, build, { inputs: { tokens } });
        expect(worst(got, (await program.run({ tokens: idsOf(tokens, size) })).y as Float32Array)).toBeLessThan(1e-5);
        await program.dispose();
      }
      await executable.dispose();
    }
  }
}

/** The small pictures of every model, and the points of those that take points. */
const cases = models.flatMap((record) =>
  ["smoke", "toy"].filter((preset) => record.presets[preset] !== undefined).map((preset) => [record.name, preset, record] as const),
);

describe.each(cases)("%s, %s", (_, preset, record) => {
  const { config } = record.presets[preset];

  test("its functions, at several batch sizes", async () => {
    const network = build(record, config);
    const files = await exportModel({ record, config, network });
    const functions = [
      "classify",
      "encode",
      "decode",
      "reconstruct",
      ...(isPoint(record.data.shape(config)) ? (["logDensity"] as const) : []),
      "sample",
    ] as const;
    if (isText(record.data.shape(config))) return await logitsOf(record, network, files);
    const able = functions.filter((name) => record[name] !== undefined);
    // What is drawn in several steps has several programs: sample-1 and so on.
    expect([...new Set([...files.keys()].map((name) => name.replace(/-\d+$/, "")))]).toEqual(able);
    for (const name of able.filter((name) => name !== "sample")) {
      const { model, inputs, outputs, batch } = files.get(name)!;
      expect([name, batch, domains(model)]).toEqual([name, { free: true }, [""]]);
      for (const way of ways) {
        const executable = await backends[way].load(model, { name, optimize: "all" });
        for (const size of [1, 5]) {
          const values = Object.fromEntries(
            inputs.map((input) => [input.name, uniform(exportedSize(input, size), `${name} ${input.name}`)]),
          );
          const got = new Float32Array(exportedSize(outputs[0], size));
          await executable.bind(values, { [outputs[0].name]: got }).run();
          const specs = Object.fromEntries(
            inputs.map((input) => [input.name, { shape: input.shape.map((dim) => (dim === "batch" ? size : dim)) }]),
          );
          const call = record[name]!.bind(record);
          const [{ name: first }] = inputs;
          const program = await compile<string, "y">(backends.ffi, (given) => ({ y: call(network, given[first], given.conditions) }), {
            inputs: specs,
          });
          expect(worst(got, (await program.run(values)).y as Float32Array)).toBeLessThan(1e-5);
          await program.dispose();
        }
        await executable.dispose();
      }
    }
  });

  test.runIf(record.objective)("its training step, three times", async () => {
    const batch = 4;
    const inputs = batchInputs(record, config, batch);
    // With the usual epsilon, a weight whose gradient is but rounding would move as far as any other.
    const settings = { learningRate: 2 ** -9, optimizer: adam({ epsilon: 1e-5 }), weightDecay: 0.01, clipNorm: 0.5, ema: 0.9 };
    const network = build(record, config);
    const objective: Parameters<typeof Trainer.create<BatchPart>>[0]["objective"] = (values, rng) =>
      record.objective!(network, values, rng);
    const { model, layout } = portableStep({ module: network, objective, inputs, ...settings });
    expect(domains(model)).toEqual([""]);
    const trainer = await Trainer.create({ backend: backends.ffi, module: network, objective, inputs, ...settings });
    const state = new Map<string, TypedArray>([...trainer.tensors()].map(([name, { data }]) => [name, data.slice()]));
    state.set("step", BigInt64Array.of(0n));
    expect(layout.inputs.state.map(({ name }) => name).sort()).toEqual([...state.keys()].sort());
    const executables = await Promise.all(ways.map((way) => backends[way].load(model, { name: "step", optimize: "all" })));
    const named = Object.values(layout.inputs).flatMap((list) => list.map(({ name }) => name));
    expect(executables[0].inputs.map(({ name }) => name).sort()).toEqual(named.sort());
    for (let step = 1; step <= 3; step++) {
      const images = uniform(sizeOf(inputs.images.shape), `images ${step}`);
      const points = uniform(sizeOf(inputs.points.shape), `points ${step}`);
      const labels = Int32Array.from({ length: batch }, (_, i) => (i + step) % 4);
      const conditions = uniform(sizeOf(inputs.conditions.shape), `conditions ${step}`);
      const text = { tokens: idsOf(inputs.tokens, step), source: idsOf(inputs.source, step), target: idsOf(inputs.target, step) };
      const { terms } = await trainer.advance({ images, points, labels, conditions, ...text });
      const random = Object.fromEntries(layout.inputs.random.map(({ name }) => [name, trainer.program.drawn(name)]));
      const values: Record<string, TypedArray> = { images, points, labels, conditions, ...text };
      const fed = Object.fromEntries(layout.inputs.batch.map(({ name }) => [name, values[name]]));
      const given = { ...fed, ...random, learningRate: Float32Array.of(settings.learningRate), ...Object.fromEntries(state) };
      for (const executable of executables) {
        const results: Record<string, TypedArray> = {};
        for (const { name } of layout.outputs) results[name] = new Float32Array(1);
        for (const { output, dtype, shape } of layout.inputs.state) results[output] = allocate(dtype, sizeOf(shape));
        await executable.bind(given, results).run();
        for (const [name, value] of Object.entries(terms)) {
          const difference = Math.abs((results[`term:${name}`] as Float32Array)[0] - value);
          expect([name, difference < 5e-5 + 1e-6 * Math.abs(value)]).toEqual([name, true]);
        }
        const tensors = [...trainer.tensors()];
        for (const [name, { data }] of tensors) {
          // A bias before a batch norm has no gradient but rounding: each kind of array is measured by the largest of its kind.
          const kind = name.startsWith("optimizer.") ? name.split(".", 2).join(".") : name.split(".")[0];
          const scale = Math.max(...tensors.filter(([other]) => other.startsWith(kind)).map(([, { data: values }]) => largest(values)));
          expect([name, worst(results[`${name}'`] as Float32Array, data, scale) < 5e-6]).toEqual([name, true]);
        }
        expect(results["step'"][0]).toBe(BigInt(step));
        if (executable === executables.at(-1)) for (const { name, output } of layout.inputs.state) state.set(name, results[output]);
      }
    }
  });
});
