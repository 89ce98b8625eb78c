import { featureNet } from "../../src/models/classifiers/feature-net.ts";
import type { Batch } from "../../src/models/model.ts";
import { pictures, STREAMS, tokens } from "../harness/values.ts";
import type { Workload } from "../harness/workload.ts";
import { trainingWorkload } from "./training.ts";

const batch = 64;
/** The pictures stay where they are: moving them is no part of the network. */
const config = { ...featureNet.presets.small.config, shift: 0, scale: 0, mirror: false };

export const featureNetWorkload: Workload = trainingWorkload({
  name: "feature-net",
  summary: "feature network on grey 32x32 pictures (144,954 parameters), batch 64, Adam",
  build: (rng) => featureNet.build(config, rng),
  objective: (network, { images, conditions }, rng) =>
    featureNet.objective!(network, { images, points: images, conditions, labels: conditions } as Batch, rng),
  inputs: { images: { shape: [batch, ...config.image] }, conditions: { shape: [batch, config.outputs] } },
  batches: () => ({
    images: pictures([batch, ...config.image]),
    conditions: tokens(STREAMS.labels, [batch], config.outputs).map((labels) => {
      const rows = new Float32Array(batch * config.outputs);
      for (const [i, label] of labels.entries()) rows[i * config.outputs + label] = 1;
      return rows;
    }),
  }),
  learningRate: 1e-3,
});
