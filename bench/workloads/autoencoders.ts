import { type BatchPart, defineModel, findModel } from "../../src/models/index.ts";
import { batchInputs } from "../../src/train/batch.ts";
import { noText } from "../harness/no-text.ts";
import { pictures, STREAMS, tokens } from "../harness/values.ts";
import type { Workload } from "../harness/workload.ts";
import { trainingWorkload } from "./training.ts";

/** A training step of a preset, its batch and its network as they are. */
function preset(name: string, summary: string, model: string, chosen: string): Workload {
  const record = defineModel(findModel(model));
  const { config, training } = record.presets[chosen];
  const { batch = 64, learningRate = 1e-3 } = training;
  const inputs = batchInputs(record, config, batch);
  const [, known] = inputs.conditions.shape;
  const labels = tokens(STREAMS.labels, [batch], known);
  return trainingWorkload<ReturnType<typeof record.build>, BatchPart>({
    name,
    summary,
    build: (rng) => record.build(config, rng),
    objective: (network, inputs, rng) => record.objective!(network, inputs, rng),
    inputs,
    batches: () => ({
      images: pictures(inputs.images.shape),
      points: [new Float32Array(batch)],
      ...noText(batch),
      labels,
      conditions: labels.map((row) =>
        Float32Array.from({ length: batch * known }, (_, i) => (row[Math.floor(i / known)] === i % known ? 1 : 0)),
      ),
    }),
    learningRate,
  });
}

export const autoencoderWorkloads: readonly Workload[] = [
  preset("vae-mlp", "training step of 784-500-20-500-784 on dots, batch 128, Adam", "vae", "mlp"),
  preset("vae-faces", "training step, 3x64x64, code of 200, batch norm, batch 32, Adam", "vae", "faces"),
  preset("denoising", "training step, 1x28x28, half of the pixels masked, batch 128, Adam", "denoising-autoencoder", "small"),
  preset("conditional-vae", "training step, 1x28x28 and a class, code of 16, batch 128, Adam", "conditional-vae", "small"),
];
