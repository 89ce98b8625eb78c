import { Glow, glow } from "../../src/models/flows/glow.ts";
import { RealNvp, realnvp } from "../../src/models/flows/realnvp.ts";
import { type Flow, flowNats } from "../../src/nn/flow.ts";
import { InvertibleConv } from "../../src/nn/flow-layers.ts";
import { Module, namedParameters } from "../../src/nn/module.ts";
import { pictures } from "../harness/values.ts";
import type { Workload } from "../harness/workload.ts";
import { type TrainingSpec, trainingWorkload } from "./training.ts";

// The small presets of the flows over pictures, from numbers in (0, 1) on: the noise within a level is the data's.

const digits = [64, 1, 28, 28];

/** Every module of a kind inside of one. */
function* modulesOf<M extends Module>(value: unknown, kind: new (...options: never[]) => M): Generator<M> {
  if (value instanceof kind) yield value;
  if (value instanceof Module || Array.isArray(value)) for (const inner of Object.values(value)) yield* modulesOf(inner, kind);
}

/** Small weights, and channels mixed without exchange: logarithms near 1 would multiply up over the chain. */
function gentle(network: Module): void {
  for (const { data } of namedParameters(network).values()) for (let i = 0; i < data.length; i++) data[i] = Math.fround(data[i] * 0.1);
  for (const { permutation, signs } of modulesOf(network, InvertibleConv)) {
    permutation.data.fill(0);
    for (let i = 0; i < signs.size; i++) permutation.data[i * (signs.size + 1)] = 1;
    signs.data.fill(1);
  }
}

/** Nats a number. */
const common = {
  start: gentle,
  objective: ({ flow }, { images }) => flowNats(flow, images).mean().div(784),
  inputs: { images: { shape: digits } },
  batches: () => ({ images: pictures(digits) }),
  learningRate: 1e-3,
} satisfies Partial<TrainingSpec<Module & { flow: Flow }, "images">>;

export const flowPictureWorkloads: readonly Workload[] = [
  trainingWorkload<RealNvp, "images">({
    ...common,
    name: "realnvp-digits",
    summary: "RealNVP, the small preset: 10 couplings over two scales of 28x28, batch 64, Adam",
    build: (rng) => new RealNvp(realnvp.presets.small.config, rng),
  }),
  trainingWorkload<Glow, "images">({
    ...common,
    name: "glow",
    summary: "Glow, the small preset: two scales of 12 steps of flow on 28x28, batch 64, Adam",
    build: (rng) => new Glow(glow.presets.small.config, rng),
  }),
];
