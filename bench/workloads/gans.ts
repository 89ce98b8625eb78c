import { RandomStream } from "../../src/core/random.ts";
import { conditionalGan } from "../../src/models/gans/conditional-gan.ts";
import { dcgan } from "../../src/models/gans/dcgan.ts";
import { wganGp } from "../../src/models/gans/wgan-gp.ts";
import { type Batch, type ModelRecord, numericShape } from "../../src/models/model.ts";
import type { Module } from "../../src/nn/module.ts";
import { adam } from "../../src/optim/adam.ts";
import { noText } from "../harness/no-text.ts";
import { POOL, pictures, STREAMS, tokens } from "../harness/values.ts";
import type { Workload } from "../harness/workload.ts";
import { type Phase, playersWorkload } from "./players.ts";

/** One step of a GAN: its presets' networks and losses; each of its phases once. */
function game<C extends object, N extends Module>(options: {
  name: string;
  summary: string;
  record: ModelRecord<C, N>;
  config: C;
  batch: number;
  /** The players, in the order of their parameters in the peers. */
  players: (network: N) => Record<string, Module>;
  /** Draws before each phase. */
  drawn: readonly number[];
  conditions?: number;
}): Workload {
  const { name, summary, record, config, batch, conditions = 1 } = options;
  const shape = [batch, ...numericShape(record, config)];
  return playersWorkload<string, keyof Batch>({
    name,
    summary,
    build: () => {
      const network = record.build(config, new RandomStream(0, name));
      const phases = record.players!(config).phases.map(({ moves, losses }, i): Phase<string, keyof Batch> => {
        const totals: Phase<string, keyof Batch>["losses"] = (inputs, rng) =>
          Object.fromEntries(Object.entries(losses(network, inputs, rng)).map(([player, { total }]) => [player, total]));
        return { moves, losses: totals, drawn: options.drawn[i] };
      });
      return { players: options.players(network), phases };
    },
    inputs: {
      images: { shape },
      points: { shape: [batch, 1] },
      labels: { shape: [batch], dtype: "int32" },
      conditions: { shape: [batch, conditions] },
      tokens: { shape: [batch, 1], dtype: "int32" },
      source: { shape: [batch, 1], dtype: "int32" },
      target: { shape: [batch, 1], dtype: "int32" },
    },
    batches: () => ({
      images: pictures(shape),
      points: [new Float32Array(batch)],
      ...noText(batch),
      labels: tokens(STREAMS.labels, [batch], 10),
      conditions: inTurn(batch, conditions),
    }),
    optimizer: adam({ beta1: 0.5, beta2: 0.999 }),
    learningRate: 2e-4,
  });
}

/** One-hot classes, each in turn: [B, K] for each batch of the pool. */
function inTurn(batch: number, classes: number): Float32Array[] {
  return Array.from({ length: POOL }, () =>
    Float32Array.from({ length: batch * classes }, (_, i) => (Math.floor(i / classes) % classes === i % classes ? 1 : 0)),
  );
}

export const ganWorkloads: readonly Workload[] = [
  game({
    name: "dcgan",
    summary: "both players of the 64x64 grey DCGAN (6.3 million parameters), batch 32, Adam",
    record: dcgan,
    config: { ...dcgan.presets.paper.config, labelNoise: 0, dropout: 0 },
    batch: 32,
    players: ({ generator, discriminator }) => ({ generator, discriminator }),
    drawn: [0],
  }),
  game({
    name: "wgan-gp",
    summary: "critic step with gradient penalty and generator step of the 64x64 WGAN-GP (6.6 million parameters), batch 16, Adam",
    record: wganGp,
    config: { ...wganGp.presets.paper.config, image: [3, 64, 64], criticSteps: 1 },
    batch: 16,
    players: ({ generator, critic }) => ({ generator, critic }),
    drawn: [0, 2],
  }),
  game({
    name: "conditional-gan",
    summary: "both players of the 32x32 conditional GAN (0.4 million parameters), batch 64, Adam",
    record: conditionalGan,
    config: conditionalGan.presets.small.config,
    batch: 64,
    players: ({ generator, discriminator }) => ({ generator, discriminator }),
    drawn: [0],
    conditions: 10,
  }),
];
