import { RandomStream } from "../../src/core/random.ts";
import { graphFlops } from "../../src/graph/flops.ts";
import { constant } from "../../src/graph/ops/source.ts";
import { type BatchPart, ddpm, defineModel, findModel } from "../../src/models/index.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { compile } from "../../src/runtime/program.ts";
import { batchInputs } from "../../src/train/batch.ts";
import { noText } from "../harness/no-text.ts";
import { pictures, uniform } from "../harness/values.ts";
import type { Prepared, Workload } from "../harness/workload.ts";
import { trainingWorkload } from "./training.ts";

// The diffusion models of the library as their presets have them (peers/pytorch/diffusion.py), and a step of sampling. The book's own network at 3 x 32 x 32 is
// in diffusion.ts.

/** A training step of the small preset, batch 64. */
function training(model: string, summary: string): Workload {
  const record = defineModel(findModel(model));
  const { config } = record.presets.small;
  const inputs = batchInputs(record, config, 64);
  return trainingWorkload<ReturnType<typeof record.build>, BatchPart>({
    ...{ name: model, summary, inputs, learningRate: 1e-3 },
    build: (rng) => record.build(config, rng),
    objective: (network, inputs, rng) => record.objective!(network, inputs, rng),
    batches: () => ({
      images: pictures(inputs.images.shape),
      points: [new Float32Array(64)],
      ...noText(64),
      labels: [new Int32Array(64)],
      conditions: [new Float32Array(inputs.conditions.shape.reduce((a, b) => a * b))],
    }),
  });
}

/** The network at one level on 64 pictures, the picture it means, the next x, as the ddim sampler goes. */
const sampling: Workload = {
  name: "ddpm-sample",
  summary: "a step of sampling 64 pictures of 1x32x32: the U-Net and the way to the next level",
  async prepare(): Promise<Prepared> {
    const { config } = ddpm.presets.small;
    const model = ddpm.build(config, new RandomStream(0, "bench"));
    const shape = [64, ...config.image];
    const level = constant(uniform(0, config.embedding));
    const program = await compile(
      await openBackend({ device: "cpu" }),
      ({ x }) => ({ velocity: model.predict(x, level.expand([64, config.embedding])) }),
      { name: "ddpm-sample", inputs: { x: { shape } } },
    );
    const [alpha, sigma, nextAlpha, nextSigma] = [0.8, 0.6, 0.9, Math.sqrt(0.19)];
    const pool = pictures(shape, -1);
    let count = 0;
    return {
      step: async () => {
        const x = pool[count++ % pool.length];
        const { velocity } = await program.run({ x });
        const next = new Float32Array(x.length);
        for (let i = 0; i < x.length; i++) {
          const picture = Math.min(1, Math.max(-1, alpha * x[i] - sigma * Number(velocity[i])));
          next[i] = nextAlpha * picture + (nextSigma * (x[i] - alpha * picture)) / sigma;
        }
      },
      close: () => program.dispose(),
      flops: graphFlops(program.graph),
    };
  },
};

export const diffusionModelWorkloads: readonly Workload[] = [
  training("ddpm", "training step of the U-Net 32-64-96-128 with one block a size, 1x32x32, batch 64, Adam"),
  training("flow-matching", "the same network on straight paths, batch 64, Adam"),
  sampling,
];
