import { AtelierError, UsageError, unknownName } from "../core/errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Rng } from "../graph/trace.ts";
import type { Terms } from "../nn/losses.ts";
import type { Module } from "../nn/module.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { Schedule } from "../optim/schedule.ts";
import type { Backend } from "../runtime/backend.ts";
import type { InputSpec } from "../runtime/program.ts";
import { onlyPlayer, type TrainerPhase } from "./phase.ts";

/** What is minimised: a scalar, or named terms (see `terms` of nn/losses.ts). It is traced once, in training mode. */
export type Objective<I extends string = string> = (inputs: Record<I, Tensor>, rng: Rng) => Terms | Tensor;

/** Parts of a module that are trained against each other, or one after the other: each has an optimizer of its own. */
export interface Game<I extends string = string> {
  /** The parts by player's name: together they hold every parameter of the module, and none twice. */
  parts: Readonly<Record<string, Module | readonly Module[]>>;
  /** The moves of one step, in order. */
  phases: readonly TrainerPhase<I>[];
  /** Factor on the learning rate, by player. Default 1. */
  learningRates?: Readonly<Record<string, number>> | undefined;
  /** Players whose weights are limited to [-c, c] after each move, by name. */
  clipWeights?: Readonly<Record<string, number>> | undefined;
}

export interface TrainerOptions<I extends string = string> {
  backend: Backend;
  /** What is trained: a layer or a model of your own. Its parameters move into one flat vector (one for each player). */
  module: Module;
  /** What is minimised; instead of it, `players`. */
  objective?: Objective<I>;
  players?: Game<I> | undefined;
  /** One batch: inputs of the objective by name, with the batch axis in their shapes. */
  inputs: Readonly<Record<I, InputSpec>>;
  /** Default Adam with PyTorch's settings. */
  optimizer?: Optimizer;
  /** Default 1e-3. */
  learningRate?: number;
  /** Factor on the learning rate by step. Default constant. */
  schedule?: Schedule;
  weightDecay?: number;
  /** Limit on the gradient's norm (each player's); 0 (default) for none. */
  clipNorm?: number;
  /** Decay of averaged weights, in [0, 1); 0 (default) for none. */
  ema?: number;
  /** Of the objective's own draws. Default 0. */
  seed?: number | string;
  /** Steps of the whole training, of which phases have their spans. Only needed for phases with a span. */
  totalSteps?: number;
  /** Shown in errors and profiles. */
  name?: string;
}

/** What one step reports. */
export interface TrainerReport {
  /** Steps done, this one included. */
  step: number;
  learningRate: number;
  /** The objective's named terms on this batch, unweighted, and their weighted sum `loss`; with players, the sum of each under its name. */
  terms: Record<string, number>;
  /** The gradient's norm, where it is clipped. */
  gradientNorm?: number;
  /** With players: the norm of each one's last gradient. */
  gradientNorms?: Record<string, number>;
}

/** The players and phases that are asked for; a module with an objective is one player in one phase. @throws UsageError */
export function gameOf<I extends string>({ module, objective, players }: TrainerOptions<I>): Game<I> {
  if (players !== undefined) return players;
  if (objective === undefined) {
    throw new UsageError({
      what: "There is nothing to train by.",
      expected: "an objective, or players",
      hint: "give Trainer.create an objective",
    });
  }
  const losses: TrainerPhase<I>["losses"] = (inputs, rng) => ({ [onlyPlayer]: objective(inputs, rng) });
  return { parts: { [onlyPlayer]: module }, phases: [{ moves: [onlyPlayer], losses }] };
}

/**
 * Refuse a game that would train less than it says.
 * @throws AtelierError for a name of no player, a player that no phase moves, a first phase that wants the batch of the one before it, and spans of a training
 *   whose steps are not given
 */
export function requireWholeGame<I extends string>(
  { parts, phases, learningRates, clipWeights }: Game<I>,
  totalSteps: number | undefined,
): void {
  const moved = phases.flatMap(({ moves }) => moves);
  const players = Object.keys(parts);
  for (const name of [...moved, ...Object.keys({ ...learningRates, ...clipWeights })])
    if (!players.includes(name)) throw unknownName("player", name, players);
  const idle = players.filter((name) => !moved.includes(name));
  if (idle.length > 0) throw new AtelierError({ what: "No phase moves these players: they would stay as they are.", got: idle.join(", ") });
  if (phases[0].batch === "same")
    throw new AtelierError({ what: "The first phase has no phase before it whose batch it could take.", hint: 'leave out batch: "same"' });
  if (totalSteps === undefined && phases.some(({ span }) => span !== undefined))
    throw new AtelierError({ what: "Phases with a span need the steps of the whole training.", hint: "give Trainer.create totalSteps" });
}
