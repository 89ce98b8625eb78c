import type { Peer } from "./peer.ts";
import { median } from "./stats.ts";
import type { Prepared, Workload } from "./workload.ts";

/** One side of a comparison: runs n steps and tells the milliseconds of each. */
export interface Side {
  /** "ours", or the peer and its mode. */
  label: string;
  steps(n: number): Promise<number[]>;
}

/** Times of one side, one list per round. */
export type Rounds = number[][];

export interface RoundOptions {
  rounds: number;
  /** Milliseconds one side's round should take; it decides the number of steps. */
  budget: number;
  /** Milliseconds between two sides, so that one's waiting threads have gone to sleep. */
  pause: number;
}

/** Most steps in a round, however short they are. */
const MOST_STEPS = 200;

export function ourSide(prepared: Prepared): Side {
  const steps = async (n: number): Promise<number[]> => {
    const times: number[] = [];
    for (let i = 0; i < n; i++) {
      const started = performance.now();
      await prepared.step();
      times.push(performance.now() - started);
    }
    return times;
  };
  return { label: "ours", steps };
}

export function peerSide(peer: Peer, workload: Workload, mode: string): Side {
  return { label: `${peer.greeting.peer} ${mode}`, steps: (n) => peer.steps(workload.name, mode, n) };
}

/** Steps that fill the budget: at least 1, at most 200. */
export function stepsFor(stepMs: number, budget: number): number {
  return Math.max(1, Math.min(MOST_STEPS, Math.round(budget / Math.max(stepMs, 1e-3))));
}

/**
 * Rounds of all sides in turn: A B C, C B A, A B C, ... so that a drift of the machine, and who runs after whom, fall on all alike.
 * Two steps of each side before the first round set its number of steps and are not counted.
 */
export async function interleave(sides: readonly Side[], options: RoundOptions): Promise<Map<Side, Rounds>> {
  const counts = new Map<Side, number>();
  for (const side of sides) counts.set(side, stepsFor(median((await side.steps(2)).slice(1)), options.budget));
  const rounds = new Map<Side, Rounds>(sides.map((side) => [side, []]));
  for (let round = 0; round < options.rounds; round++) {
    const order = round % 2 === 0 ? sides : [...sides].reverse();
    for (const side of order) {
      await new Promise((resolve) => setTimeout(resolve, options.pause));
      rounds.get(side)!.push(await side.steps(counts.get(side)!));
    }
  }
  return rounds;
}
