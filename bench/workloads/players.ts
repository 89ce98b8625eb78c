import { gradients } from "../../src/autodiff/gradient.ts";
import type { TypedArray } from "../../src/core/dtype.ts";
import { graphFlops } from "../../src/graph/flops.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import type { Rng } from "../../src/graph/trace.ts";
import type { Module } from "../../src/nn/module.ts";
import { FlatUpdate } from "../../src/optim/apply.ts";
import type { Optimizer } from "../../src/optim/optimizer.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { compile, type InputSpec, type Program } from "../../src/runtime/program.ts";
import { FlatParameters } from "../../src/train/flat.ts";
import { fill, fixedRng, STREAMS } from "../harness/values.ts";
import type { Check, Prepared, Workload } from "../harness/workload.ts";

/** One program of a step: the loss of each player that it moves. Players of one phase are moved from one forward pass. */
export interface Phase<P extends string, I extends string> {
  moves: readonly P[];
  losses(batch: Record<I, Tensor>, rng: Rng): Partial<Record<P, Tensor>>;
  /** Draws of the phases before, so that fixed draws go on counting. */
  drawn: number;
}

/** Several networks that are trained against each other, each with an optimizer of its own. */
export interface PlayersSpec<P extends string, I extends string> {
  name: string;
  summary: string;
  /** The players, in the order of their parameters in the peers, and the phases of a step. */
  build(): { players: Record<P, Module>; phases: readonly Phase<P, I>[] };
  inputs: Readonly<Record<I, InputSpec>>;
  batches(): Record<I, readonly TypedArray[]>;
  optimizer: Optimizer;
  learningRate: number;
}

interface Game {
  step(): Promise<number[]>;
  close(): Promise<void>;
  flops: number;
  parameters: number;
}

interface Stage {
  program: Program<string, string>;
  moves: readonly string[];
}

async function gameOf<P extends string, I extends string>(spec: PlayersSpec<P, I>, check: boolean): Promise<Game> {
  const backend = await openBackend({ device: "cpu" });
  const { players, phases } = spec.build();
  const names = Object.keys(players) as P[];
  fill(...names.map((name) => players[name]));
  // All parameters move before the first program binds any of them.
  const flats = new Map(names.map((name) => [name, new FlatParameters(players[name])]));
  const updates = new Map<string, FlatUpdate>();
  for (const [name, { values, gradients: derived }] of flats) {
    updates.set(name, await FlatUpdate.create({ backend, optimizer: spec.optimizer, parameters: values, gradients: derived }));
  }
  const stages: Stage[] = [];
  for (const phase of phases) stages.push({ program: await stageProgram(backend, spec, phase, flats, check), moves: phase.moves });
  const pools = Object.entries(spec.batches()) as [I, readonly TypedArray[]][];
  let count = 0;
  const step = async (): Promise<number[]> => {
    const at = count++;
    const losses: number[] = [];
    for (const { program, moves } of stages) {
      const outputs = await program.run(Object.fromEntries(pools.map(([name, pool]) => [name, pool[at % pool.length]])));
      losses.push(...moves.map((name) => (outputs[`loss:${name}`] as Float32Array)[0]));
      for (const name of moves) await updates.get(name)!.step(at + 1, spec.learningRate);
    }
    return losses;
  };
  const close = async (): Promise<void> => {
    await Promise.all([...stages.map(({ program }) => program.dispose()), ...[...updates.values()].map((update) => update.dispose())]);
  };
  const parameters = names.reduce((sum, name) => sum + players[name].parameterCount, 0);
  return { step, close, flops: stages.reduce((sum, { program }) => sum + graphFlops(program.graph), 0), parameters };
}

/** Losses of one phase, and each moved player's gradient of its own loss. */
function stageProgram<P extends string, I extends string>(
  backend: Awaited<ReturnType<typeof openBackend>>,
  spec: PlayersSpec<P, I>,
  phase: Phase<P, I>,
  flats: ReadonlyMap<P, FlatParameters>,
  check: boolean,
): Promise<Program<string, string>> {
  const bound: Record<string, TypedArray> = {};
  for (const player of phase.moves) {
    const flat = flats.get(player)!;
    for (const [name, view] of Object.entries(flat.views(flat.gradients))) bound[`${player}:${name}`] = view;
  }
  return compile<string, string>(
    backend,
    (batch, rng) => {
      const losses = phase.losses(batch as Record<I, Tensor>, check ? fixedRng(STREAMS.draws + phase.drawn) : rng);
      const outputs: Record<string, Tensor> = {};
      for (const player of phase.moves) {
        const { names, parameters } = flats.get(player)!;
        const loss = losses[player]!;
        outputs[`loss:${player}`] = loss;
        gradients(loss, parameters).forEach((derived, i) => {
          outputs[`${player}:${names[i]}`] = derived;
        });
      }
      return outputs;
    },
    { name: `${spec.name} ${phase.moves.join(" and ")}`, inputs: spec.inputs, training: true, outputs: bound },
  );
}

/** Batch copied, every phase's forward, backward and optimizer, losses read. */
export function playersWorkload<P extends string, I extends string>(spec: PlayersSpec<P, I>): Workload {
  return {
    name: spec.name,
    summary: spec.summary,
    training: true,
    async prepare(): Promise<Prepared> {
      const { step, close, flops } = await gameOf(spec, false);
      return {
        step: async () => {
          await step();
        },
        close,
        flops,
      };
    },
    async check(steps: number): Promise<Check> {
      const { step, close, parameters } = await gameOf(spec, true);
      const losses: number[] = [];
      for (let i = 0; i < steps; i++) losses.push(...(await step()));
      await close();
      return { losses, parameters };
    },
  };
}
