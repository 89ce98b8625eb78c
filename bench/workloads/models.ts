import { sizeOf } from "../../src/core/dtype.ts";
import { RandomStream } from "../../src/core/random.ts";
import type { ImageSet } from "../../src/data/dataset.ts";
import { graphFlops } from "../../src/graph/flops.ts";
import { defaultTraining, findModel, type ModelRecord, numericShape, pictureShape } from "../../src/models/index.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { compile } from "../../src/runtime/program.ts";
import { batchInputs } from "../../src/train/batch.ts";
import { TrainingSession } from "../../src/train/session.ts";
import { noText } from "../harness/no-text.ts";
import { pictures, STREAMS, tokens } from "../harness/values.ts";
import type { Check, Prepared, Workload } from "../harness/workload.ts";
import { trainingWorkload } from "./training.ts";

/** Pictures of noise: kernels take the same time whatever is in them. */
function noiseSet(record: ModelRecord, config: unknown, count: number): ImageSet {
  const shape = pictureShape(record, config);
  const stream = new RandomStream(0, "bench pictures");
  const images = Uint8Array.from({ length: count * shape[0] * shape[1] * shape[2] }, () => stream.below(256));
  const labels = Uint8Array.from({ length: count }, () => stream.below(10));
  const card = { name: "noise" } as ImageSet["card"];
  return { kind: "images", card, split: "train", shape, images, labels, count };
}

/** A whole training step: batch, forward, backward, update, loss read. */
function training(
  name: string,
  summary: string,
  model: string,
  settings: { preset: "small" | "paper"; batch: number; config?: object },
): Workload {
  const record = findModel(model);
  const { config: base, training: preset } = record.presets[settings.preset];
  const config = { ...(base as object), ...settings.config };
  return {
    name,
    summary,
    training: true,
    check: (steps) => firstLosses(name, record, config, settings.batch, steps),
    async prepare(): Promise<Prepared> {
      const trainingSettings = { ...defaultTraining, ...preset, batch: settings.batch, epochs: 1e5 };
      const backend = await openBackend({ device: "cpu" });
      const set = noiseSet(record, config, settings.batch * 4);
      const session = await TrainingSession.create({ record, config, training: trainingSettings, set, seed: 0, backend });
      return {
        step: async () => {
          await session.advance();
        },
        close: () => session.dispose(),
        flops: session.trainer.stages.reduce((sum, { program, phase }) => sum + (phase.repeat ?? 1) * graphFlops(program.graph), 0),
      };
    },
  };
}

/** The same network with the start values and batches of the peers, and their Adam. */
function firstLosses(name: string, record: ModelRecord, config: object, batch: number, steps: number): Promise<Check> {
  const shape = [batch, ...numericShape(record, config)];
  const still = "dropout" in config ? { ...config, dropout: 0 } : config;
  const inputs = batchInputs(record, config, batch);
  const { check } = trainingWorkload({
    name,
    summary: name,
    build: (rng) => record.build(still, rng),
    objective: (network, inputs, rng) => record.objective!(network, inputs, rng),
    inputs,
    batches: () => ({
      images: pictures(shape),
      points: [new Float32Array(batch)],
      ...noText(batch),
      labels: tokens(STREAMS.labels, [batch], 10),
      conditions: [new Float32Array(sizeOf(inputs.conditions.shape))],
    }),
    learningRate: 5e-4,
    draws: STREAMS.noise,
  });
  return check!(steps);
}

/** The network in evaluation mode, with its weights baked in as a served model's are. */
function inference(name: string, summary: string, model: string, batch: number, changes: object = {}): Workload {
  return {
    name,
    summary,
    async prepare(): Promise<Prepared> {
      const record = findModel(model);
      const config = { ...(record.presets.paper.config as object), ...changes };
      const network = record.build(config, new RandomStream(0, "bench"));
      const backend = await openBackend({ device: "cpu" });
      const codes = record.decode !== undefined;
      const shape = codes ? [batch, (config as { codeSize: number }).codeSize] : [batch, ...numericShape(record, config)];
      const program = await compile(backend, ({ x }) => ({ y: codes ? record.decode!(network, x) : record.classify!(network, x) }), {
        name,
        inputs: { x: { shape } },
        frozen: true,
      });
      new RandomStream(0, "bench input").fillUniform(program.inputs.x as Float32Array);
      return {
        step: async () => {
          await program.run();
        },
        close: () => program.dispose(),
      };
    },
  };
}

/** From nothing to the first finished step: network, trace, gradients, passes, lowering, sessions, first run. No peer does the same work. */
const compileWorkload: Workload = {
  name: "cnn-compile",
  summary: "CNN: build, trace, differentiate, lower, load, first step",
  async prepare(): Promise<Prepared> {
    const record = findModel("cnn");
    const { config, training: preset } = record.presets.small;
    const backend = await openBackend({ device: "cpu" });
    const set = noiseSet(record, config, 128);
    const settings = { ...defaultTraining, ...preset, epochs: 1e5 };
    return {
      step: async () => {
        const session = await TrainingSession.create({ record, config, training: settings, set, seed: 0, backend });
        await session.advance();
        await session.dispose();
      },
      close: async () => undefined,
    };
  },
};

export const modelWorkloads: readonly Workload[] = [
  training("mlp", "training step of 3072-200-150-10, batch 32, Adam", "mlp", { preset: "small", batch: 32 }),
  training("cnn", "training step of the CIFAR-10 CNN (592,554 parameters), batch 32, Adam", "cnn", { preset: "small", batch: 32 }),
  training("autoencoder", "training step, 1x32x32, code of 2, batch 64, Adam", "autoencoder", { preset: "paper", batch: 64 }),
  training("vae", "training step, 1x32x32, code of 16, batch 64, Adam", "vae", {
    preset: "paper",
    batch: 64,
    config: { codeSize: 16, klWeight: 1 },
  }),
  inference("cnn-infer", "CNN classifies 32 pictures", "cnn", 32, { defaults: "torch", slope: 0.01 }),
  inference("cnn-infer-1", "CNN classifies one picture", "cnn", 1, { defaults: "torch", slope: 0.01 }),
  inference("vae-infer", "VAE decodes 64 codes", "vae", 64, { codeSize: 16 }),
  compileWorkload,
];
