import { RandomStream } from "../../src/core/random.ts";
import { Ebm, ebm } from "../../src/models/energy/ebm.ts";
import { Rbm, rbm } from "../../src/models/energy/rbm.ts";
import type { Batch, Players } from "../../src/models/model.ts";
import type { Module } from "../../src/nn/module.ts";
import { adam } from "../../src/optim/adam.ts";
import { pictures, uniform } from "../harness/values.ts";
import type { Workload } from "../harness/workload.ts";
import { playersWorkload } from "./players.ts";

/** Stream of the first ends of walks. */
const KEPT = 1004;

/** The step of a model whose one player meets its own samples. */
function machine<N extends Module>(options: {
  name: string;
  summary: string;
  network: () => N;
  players: Players<N>;
  part: (network: N) => Module;
  shape: readonly number[];
  learningRate: number;
}): Workload {
  const { name, summary, shape, learningRate } = options;
  const [{ losses }] = options.players.phases;
  return playersWorkload<"part", "images">({
    name,
    summary,
    build: () => {
      const network = options.network();
      const total = (batch: Pick<Batch, "images">, rng: Parameters<typeof losses>[2]) => {
        const [terms] = Object.values(losses(network, batch as Batch, rng));
        return { part: terms.total };
      };
      return { players: { part: options.part(network) }, phases: [{ moves: ["part"], losses: total, drawn: 0 }] };
    },
    inputs: { images: { shape } },
    batches: () => ({ images: pictures(shape) }),
    optimizer: adam(),
    learningRate,
  });
}

/** The book's network with walks half as long. */
const walks = { ...ebm.presets.paper.config, walkSteps: 30, buffer: 1024 };
const draws = { ...rbm.presets.small.config, gibbsSteps: 10, chains: 0 };

export const energyWorkloads: readonly Workload[] = [
  machine({
    name: "ebm",
    summary: "deep EBM at 1x32x32 (0.08 million parameters): 30 steps of 64 walks from the buffer, then both energies, Adam",
    network: () => {
      const network = new Ebm(walks, new RandomStream(0, "ebm"));
      network.buffer.data.set(uniform(KEPT, network.buffer.data.length));
      return network;
    },
    players: ebm.players!(walks),
    part: ({ net }) => net,
    shape: [64, 1, 32, 32],
    learningRate: 1e-4,
  }),
  machine({
    name: "rbm",
    summary: "RBM of 784 and 500 units: ten draws of both sides from the data, batch 100, Adam",
    network: () => new Rbm(draws, new RandomStream(0, "rbm")),
    players: rbm.players!(draws),
    part: ({ units }) => units,
    shape: [100, 1, 28, 28],
    learningRate: 1e-3,
  }),
];
