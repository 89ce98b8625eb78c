/** What a training will need, worked out without its data and without a run: for people who choose settings. */
import { freemem } from "node:os";
import { conditionNames, type ExampleSet, type ImageSet } from "../data/dataset.ts";
import type { PointSet } from "../data/points.ts";
import { datasetNamed } from "../data/sets/index.ts";
import type { ModelRecord, TrainingSettings } from "../models/index.ts";
import { numericShape } from "../models/index.ts";
import type { Backend } from "../runtime/backend.ts";
import { predictStep } from "../train/prediction.ts";
import { makeTrainer, plannedSteps } from "../train/session.ts";

export interface Foreseen {
  /** Numbers that are trained. */
  parameters: number;
  /** Null where they follow from a text that has not been cut into tokens yet. */
  totalSteps: number | null;
  stepSeconds: number;
  /** Steps alone: preparing, drawing samples, checkpoints and evaluations come on top. */
  totalSeconds: number | null;
  /** What the process will hold: programs, a step, and the data where their size is known. */
  memoryBytes: number;
  /** What the machine has free now. */
  freeBytes: number;
}

export interface ForeseeOptions {
  record: ModelRecord;
  config: unknown;
  training: TrainingSettings;
  /** The training split's examples; undefined where that is not known yet. */
  count: number | undefined;
  /** Bytes of all examples in memory, where known. */
  dataBytes: number;
  backend: Backend;
}

/** Trace and load the programs of a training and predict its step. @throws whatever making the trainer does */
export async function foreseeTraining({ record, config, training, count, dataBytes, backend }: ForeseeOptions): Promise<Foreseen> {
  const totalSteps = training.steps || (count === undefined ? null : plannedSteps(record, config, training, count));
  const trainer = await makeTrainer({ record, config, training, seed: 0, backend, totalSteps: totalSteps ?? 1000 });
  try {
    const parameters = trainer.module.parameterCount;
    const { stepBytes, seconds } = await predictStep(trainer.stages, backend, parameters);
    return {
      parameters,
      totalSteps,
      stepSeconds: seconds,
      totalSeconds: totalSteps === null ? null : totalSteps * seconds,
      memoryBytes: process.memoryUsage.rss() + stepBytes + dataBytes,
      freeBytes: freemem(),
    };
  } finally {
    await trainer.dispose();
  }
}

/**
 * A named set as its card describes it, with no example in memory: enough to fit settings to it and to count steps.
 * @returns undefined for text and for a user's own folder
 */
export function describedSet(name: string): ImageSet | PointSet | undefined {
  const card = datasetNamed(name)?.card;
  if (card === undefined) return undefined;
  const common = { split: "train", count: card.splits.train, classes: card.classes.length === 0 ? undefined : card.classes } as const;
  if (card.range === "real numbers") return { kind: "points", card, shape: card.shape, points: new Float32Array(0), ...common };
  const attributes = card.attributes === undefined ? undefined : { names: card.attributes, values: new Uint8Array(0) };
  return { kind: "images", card, shape: card.shape, images: new Uint8Array(0), attributes, ...common };
}

/** Bytes that both splits of a set take at a model's shape; 0 where its card does not say how many there are. */
export function dataBytes(record: ModelRecord, config: unknown, set: ExampleSet): number {
  if (set.kind === "tokens" || set.kind === "pairs") return 0;
  const { train, test } = set.card.splits;
  const values = numericShape(record, config).reduce((product, size) => product * size, 1);
  return (train + test) * (values * (set.kind === "points" ? 4 : 1) + conditionNames(set).length);
}
