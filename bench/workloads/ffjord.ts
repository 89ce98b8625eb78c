import type { FfjordConfig } from "../../src/models/flows/ffjord.ts";
import type { Batch } from "../../src/models/index.ts";
import { ffjord } from "../../src/models/index.ts";
import { pictures, STREAMS } from "../harness/values.ts";
import { trainingWorkload } from "./training.ts";

const config: FfjordConfig = { ...(ffjord.presets.small.config as FfjordConfig), method: "rk4", equalSteps: 8 };

/** A continuous flow with equal steps: both sides evaluate the field as often, whatever it has learned. */
export const ffjordWorkload = trainingWorkload({
  name: "ffjord",
  summary: "FFJORD on points, a field of 64-64-64 with Hutchinson's trace, 32 evaluations by rk4 and back through them, batch 256, Adam",
  build: (rng) => ffjord.build(config, rng),
  objective: (network, { points }, rng) => ffjord.objective!(network, { points } as Batch, rng),
  inputs: { points: { shape: [256, 2] } },
  batches: () => ({ points: pictures([256, 2], -1) }),
  learningRate: 1e-3,
  draws: STREAMS.draws,
});
