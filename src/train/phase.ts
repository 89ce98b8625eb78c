import { AtelierError } from "../core/errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import { presentTrace, type Rng } from "../graph/trace.ts";
import type { Terms } from "../nn/losses.ts";
import type { Build } from "../runtime/program.ts";
import type { FlatParameters } from "./flat.ts";
import { lossAndGradients } from "./loss-gradients.ts";

/** One move of a step, as `Phase` of models/model.ts, over inputs of any names. */
export interface TrainerPhase<I extends string = string> {
  /** Names of the players moved. */
  moves: readonly string[];
  /** What each moved player minimises. The names of all terms and players are different. */
  losses(inputs: Record<I, Tensor>, rng: Rng): Readonly<Record<string, Terms | Tensor>>;
  /** Times a step, each with a new batch. Default 1. */
  repeat?: number | undefined;
  /** Whether it takes a new batch (default) or the one of the phase before. */
  batch?: "new" | "same" | undefined;
  /** Fractions [from, to) of all steps in which it is played. Default [0, 1]. */
  span?: readonly [from: number, to: number] | undefined;
}

/** The player of a module that has an objective, and the name of its loss. */
export const onlyPlayer = "loss";

/**
 * What a phase computes: the loss of each moved player and its terms (`term:...`), and the gradient of every parameter of those players (`gradient:...`),
 * each player's of its own loss.
 */
export function phaseOutputs<I extends string>(
  { moves, losses }: TrainerPhase<I>,
  parametersOf: (player: string) => FlatParameters,
): Build<I, string> {
  return (batch, rng) => {
    const results = losses(batch, rng);
    const outputs: Record<string, Tensor> = {};
    for (const player of moves) {
      const { names, parameters } = parametersOf(player);
      if (results[player] === undefined) {
        throw new AtelierError({
          what: `A phase moves the player "${player}" without a loss for it.`,
          got: `losses of ${Object.keys(results).join(", ")}`,
          expected: `losses of ${moves.join(", ")}`,
        });
      }
      const { terms, derived } = lossAndGradients(results[player], parameters, player);
      for (const [name, value] of Object.entries(terms)) addOutput(outputs, name, value);
      names.forEach((path, i) => {
        outputs[`gradient:${path}`] = derived[i];
      });
    }
    for (const [name, value] of presentTrace()?.notes ?? []) addOutput(outputs, `term:${name}`, value);
    return outputs;
  };
}

function addOutput(outputs: Record<string, Tensor>, name: string, value: Tensor): void {
  if (outputs[name] !== undefined) {
    throw new AtelierError({
      what: "Two terms of a phase have the same name.",
      got: name.replace(/^term:/, ""),
      expected: "names that differ from each other and from the players' names",
    });
  }
  outputs[name] = value;
}

/** Whether a phase is played in the step that comes after `step` steps out of `total`. */
export function isPlayed({ span }: Pick<TrainerPhase, "span">, step: number, total: number): boolean {
  if (span === undefined) return true;
  const [from, to] = span;
  return step >= Math.round(from * total) && (to === 1 || step < Math.round(to * total));
}

/** New batches that a step takes on average over the whole training. */
export function batchesPerStep(phases: readonly Pick<TrainerPhase, "repeat" | "batch" | "span">[]): number {
  let sum = 0;
  for (const { repeat = 1, batch = "new", span: [from, to] = [0, 1] } of phases) if (batch === "new") sum += repeat * (to - from);
  return sum;
}
