import type { TypedArray } from "../../src/core/dtype.ts";
import { RandomStream } from "../../src/core/random.ts";
import { graphFlops } from "../../src/graph/flops.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import type { Rng } from "../../src/graph/trace.ts";
import type { Terms } from "../../src/nn/losses.ts";
import type { Module } from "../../src/nn/module.ts";
import type { Optimizer } from "../../src/optim/optimizer.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import type { InputSpec } from "../../src/runtime/program.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { fill, fixedRng, STREAMS } from "../harness/values.ts";
import type { Check, Prepared, Workload } from "../harness/workload.ts";

/** One network, what it minimises, and its batches: all that a bare training step needs. */
export interface TrainingSpec<M extends Module, I extends string> {
  name: string;
  summary: string;
  build(rng: RandomStream): M;
  /** Changes the start values that all peers share, as theirs do. */
  start?(network: M): void;
  objective(network: M, batch: Record<I, Tensor>, rng: Rng): Tensor | Terms;
  inputs: Readonly<Record<I, InputSpec>>;
  /** Batches made once and cycled through, by input name. */
  batches(): Record<I, readonly TypedArray[]>;
  optimizer?: Optimizer;
  learningRate: number;
  weightDecay?: number;
  clipNorm?: number;
  /** Stream of the first draw of a checked step. */
  draws?: number;
}

interface Ready<I extends string> {
  trainer: Trainer<I>;
  /** The batch of a step, counted from 0. */
  feeds(step: number): Partial<Record<I, TypedArray>>;
}

/** A trainer of the network with the start values that all peers share. */
async function trainerOf<M extends Module, I extends string>(spec: TrainingSpec<M, I>, check: boolean): Promise<Ready<I>> {
  const network = spec.build(new RandomStream(0, "bench"));
  fill(network);
  spec.start?.(network);
  const { inputs, learningRate, optimizer, weightDecay = 0, clipNorm = 0 } = spec;
  const trainer = await Trainer.create<I>({
    backend: await openBackend({ device: "cpu" }),
    module: network,
    objective: (batch, rng) => spec.objective(network, batch, check ? fixedRng(spec.draws ?? STREAMS.draws) : rng),
    ...{ inputs, learningRate, weightDecay, clipNorm, name: spec.name },
    ...(optimizer === undefined ? {} : { optimizer }),
  });
  const batches = Object.entries(spec.batches()) as [I, readonly TypedArray[]][];
  const feeds = (step: number) => {
    return Object.fromEntries(batches.map(([name, pool]) => [name, pool[step % pool.length]])) as Partial<Record<I, TypedArray>>;
  };
  return { trainer, feeds };
}

/** Batch copied, forward, backward, optimizer, loss read. */
export function trainingWorkload<M extends Module, I extends string>(spec: TrainingSpec<M, I>): Workload {
  return {
    name: spec.name,
    summary: spec.summary,
    training: true,
    async prepare(): Promise<Prepared> {
      const { trainer, feeds } = await trainerOf(spec, false);
      return {
        step: async () => {
          await trainer.advance(feeds(trainer.step));
        },
        close: () => trainer.dispose(),
        flops: graphFlops(trainer.program.graph),
      };
    },
    async check(steps: number): Promise<Check> {
      const { trainer, feeds } = await trainerOf(spec, true);
      const losses: number[] = [];
      for (let i = 0; i < steps; i++) losses.push((await trainer.advance(feeds(i))).terms.loss);
      const { parameterCount: parameters } = trainer.module;
      await trainer.dispose();
      return { losses, parameters };
    },
  };
}
