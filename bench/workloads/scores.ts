import { objective, ScoreSde, scoreSde } from "../../src/models/diffusion/score-sde.ts";
import type { Batch } from "../../src/models/model.ts";
import { pictures, STREAMS } from "../harness/values.ts";
import type { Workload } from "../harness/workload.ts";
import { trainingWorkload } from "./training.ts";

// The score model of the presets toy, on points, and small, on pictures.

const points = [512, 2];
const images = [64, 1, 32, 32];

export const scoreWorkloads: readonly Workload[] = [
  trainingWorkload({
    name: "score-sde",
    summary: "Score SDE on points in the plane, the toy preset (155,522 parameters), batch 512, Adam",
    build: (rng) => new ScoreSde(scoreSde.presets.toy.config, rng),
    objective: (model, { points: x }, rng) => objective(model, { points: x, images: x, labels: x, conditions: x } as Batch, rng),
    inputs: { points: { shape: points } },
    batches: () => ({ points: pictures(points, -1) }),
    learningRate: 1e-3,
    draws: STREAMS.draws,
  }),
  trainingWorkload({
    name: "score-sde-unet",
    summary: "Score SDE, the small preset (243,457 parameters), on 1x32x32, batch 64, Adam",
    build: (rng) => new ScoreSde(scoreSde.presets.small.config, rng),
    objective: (model, { images: x }, rng) => objective(model, { points: x, images: x, labels: x, conditions: x } as Batch, rng),
    inputs: { images: { shape: images } },
    batches: () => ({ images: pictures(images) }),
    learningRate: 1e-3,
    draws: STREAMS.draws,
  }),
];
