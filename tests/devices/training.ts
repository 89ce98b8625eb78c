import type { ImageSet } from "../../src/data/dataset.ts";
import { defaultTraining, findModel } from "../../src/models/index.ts";
import type { Backend } from "../../src/runtime/backend.ts";
import { type SessionOptions, TrainingSession } from "../../src/train/session.ts";
import { squares } from "./squares.ts";

export interface TaskOptions {
  /** A few synthetic pictures unless told. */
  set?: ImageSet | undefined;
  /** Default `smoke`. */
  preset?: "smoke" | "small" | undefined;
  /** The preset's own training settings; else small batches with everything that has state on a device: clipping, averages, decay. */
  plain?: boolean | undefined;
}

/** The same training for every backend, in Node and in a page. */
export function sessionOptions(
  model: string,
  backend: Backend,
  { set, preset = "smoke", plain = false }: TaskOptions = {},
): SessionOptions {
  const record = findModel(model);
  const { config, training } = record.presets[preset];
  const extras = plain ? {} : { batch: 8, epochs: 100, clipNorm: 5, ema: 0.9, weightDecay: 0.01 };
  const settings = { ...defaultTraining, ...training, ...extras };
  return { record, config, training: settings, set: set ?? squares(record, config, 32), seed: 3, backend };
}

export function smokeSession(model: string, backend: Backend): Promise<TrainingSession> {
  return TrainingSession.create(sessionOptions(model, backend));
}

/** Losses of so many steps. */
export async function advance(session: TrainingSession, steps: number): Promise<number[]> {
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) losses.push((await session.advance()).terms.loss);
  return losses;
}

/** The same from the start, and nothing kept. */
export async function lossesOf(options: SessionOptions, steps: number): Promise<number[]> {
  const session = await TrainingSession.create(options);
  const losses = await advance(session, steps);
  await session.dispose();
  return losses;
}
