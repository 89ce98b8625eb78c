/** A run that is made longer or shorter than it began. */
import type { ModelRecord, TrainingSettings } from "../models/index.ts";
import { isPlayed } from "../train/phase.ts";
import { plannedSteps } from "../train/session.ts";
import { listCheckpoints } from "./checkpoint.ts";
import type { Run } from "./registry.ts";

type Training = Omit<TrainingSettings, "steps"> & { steps?: number; phaseSteps?: number };

/**
 * A run's training settings with another end. Phases of a model are fractions of all steps, so another end moves their borders too; where that would bring
 * back a phase which is over, such as an autoencoder's while its prior is learned, the borders stay at the steps where they were (`phaseSteps`).
 * @param pictures of the training split
 * @returns the settings, and a note for the user where borders stay
 */
export async function otherLength(
  run: Run,
  record: ModelRecord,
  pictures: number,
  { epochs, steps }: { epochs?: number | undefined; steps?: number | undefined },
): Promise<{ training: Record<string, unknown>; note?: string }> {
  const { config } = run.record;
  const { steps: old, ...rest } = run.record.training as unknown as Training;
  const training = steps === undefined ? { ...rest, epochs: epochs ?? rest.epochs } : { ...rest, steps };
  const before = (rest.phaseSteps ?? old) || plannedSteps(record, config, rest, pictures);
  const after = steps ?? plannedSteps(record, config, training, pictures);
  const done = (await listCheckpoints(run)).at(-1) ?? 0;
  const phases = record.players?.(config).phases ?? [];
  const comesBack = phases.some((phase) => isOver(phase.span, done, before) && isPlayed(phase, done, after));
  if (!comesBack) return { training: { ...training, phaseSteps: rest.phaseSteps } };
  const spans = phases.filter(({ span }) => span !== undefined);
  const told = spans.map(({ moves, span }) => `${moves.join(" and ")} ${borders(span!, before)}`);
  return {
    training: { ...training, phaseSteps: before },
    note: `the phases of this training stay at the steps where they began, or one that is over would come back: ${told.join(", ")}`,
  };
}

type Span = readonly [from: number, to: number];

function isOver(span: Span | undefined, step: number, total: number): boolean {
  return span !== undefined && span[1] < 1 && step >= Math.round(span[1] * total);
}

function borders([from, to]: Span, total: number): string {
  const first = Math.round(from * total) + 1;
  return to === 1 ? `from step ${first} on` : `steps ${first} to ${Math.round(to * total)}`;
}
