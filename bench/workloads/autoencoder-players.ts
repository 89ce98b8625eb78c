import { RandomStream } from "../../src/core/random.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import type { Rng } from "../../src/graph/trace.ts";
import { type Batch, findModel, numericShape } from "../../src/models/index.ts";
import { Module } from "../../src/nn/module.ts";
import { adam } from "../../src/optim/adam.ts";
import { pictures } from "../harness/values.ts";
import type { Workload } from "../harness/workload.ts";
import { playersWorkload } from "./players.ts";

// Models of the garden whose parts take turns, every phase of theirs in each step.

/** Several parts of one player. */
class Parts extends Module {
  readonly parts: readonly Module[];

  constructor(parts: readonly Module[]) {
    super();
    this.parts = parts;
  }
}

interface Settings {
  preset: string;
  changes?: object;
  /** Pictures a step, and draws of each phase. */
  batch: number;
  draws: readonly number[];
  learningRate: number;
  beta1: number;
}

function gardenPlayers(model: string, summary: string, { preset, changes, batch, draws, learningRate, beta1 }: Settings): Workload {
  const record = findModel(model);
  const config = { ...(record.presets[preset].config as object), ...changes };
  const shape = [batch, ...numericShape(record, config)];
  return playersWorkload<string, "images">({
    name: model,
    summary,
    build: () => {
      const network = record.build(config, new RandomStream(0, model));
      const { parts, phases } = record.players!(config);
      const players = Object.entries(parts(network)).map(([name, part]) => [name, part instanceof Module ? part : new Parts(part)]);
      return {
        players: Object.fromEntries(players) as Record<string, Module>,
        phases: phases.map(({ moves, losses }, i) => ({
          moves,
          losses: (inputs: { images: Tensor }, rng: Rng) => {
            const totals = Object.entries(losses(network, inputs as Batch, rng)).map(([name, { total }]) => [name, total]);
            return Object.fromEntries(totals) as Record<string, Tensor>;
          },
          drawn: draws.slice(0, i).reduce((a, b) => a + b, 0),
        })),
      };
    },
    inputs: { images: { shape } },
    batches: () => ({ images: pictures(shape) }),
    optimizer: adam({ beta1 }),
    learningRate,
  });
}

export const autoencoderPlayerWorkloads: readonly Workload[] = [
  gardenPlayers("vq-vae", "autoencoder and prior of the 28x28 VQ-VAE (256 codes learned by gradient), batch 64, Adam", {
    preset: "gradient",
    changes: { revival: 0 },
    ...{ batch: 64, draws: [0, 0], learningRate: 1e-3, beta1: 0.9 },
  }),
  gardenPlayers("vae-gan", "all three players of the 32x32 grey VAE-GAN, batch 32, Adam", {
    preset: "fashion",
    ...{ batch: 32, draws: [2], learningRate: 5e-4, beta1: 0.5 },
  }),
];
