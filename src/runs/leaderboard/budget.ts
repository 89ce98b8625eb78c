/** How many steps a time budget is: measured before a run begins, so that its schedule can end with the budget. */
import { isPlayed } from "../../train/phase.ts";
import { plannedSteps, type SessionOptions, TrainingSession } from "../../train/session.ts";

/** Steps for a time. */
export interface Budget {
  /** Of training steps. */
  seconds: number;
  /** A step's time, measured. */
  stepSeconds: number;
  steps: number;
  /** Steps that the preset asks for. */
  presetSteps: number;
}

/** Steps of a trial: enough for each phase of a model to show its pace. */
const TRIAL_STEPS = 40;
/** A short trial is done again with as many steps as take about so long. */
const TRIAL_SECONDS = 2;
const MOST_TRIAL_STEPS = 1000;
/** A slow model's trial ends early, where one step is like the other. */
const MOST_TRIAL_SECONDS = 15;
const LEAST_TRIAL_STEPS = 8;
/** The first steps of a phase make its memory. */
const WARM_UP = 2;

/**
 * Measure a step of a training that is not kept, and tell how many fill `seconds`. Phases that are played in a part of the training only count by their part.
 * @param options as the run's session will have them
 */
export async function stepsWithin(options: Omit<SessionOptions, "steps">, seconds: number): Promise<Budget> {
  const first = await trial(options, TRIAL_STEPS);
  const more = Math.min(MOST_TRIAL_STEPS, Math.floor((TRIAL_STEPS * Math.min(TRIAL_SECONDS, seconds)) / first.seconds));
  const { stepSeconds } = more > 2 * TRIAL_STEPS ? await trial(options, more) : first;
  const { record, config, training, set } = options;
  return {
    seconds,
    stepSeconds,
    steps: Math.max(1, Math.round(seconds / stepSeconds)),
    presetSteps: plannedSteps(record, config, training, set.count),
  };
}

async function trial(options: Omit<SessionOptions, "steps">, steps: number): Promise<{ stepSeconds: number; seconds: number }> {
  const phases = options.record.players?.(options.config).phases ?? [];
  const whole = phases.every(({ span }) => span === undefined);
  // Steps that play the same phases take the same time.
  const times = new Map<string, number[]>();
  const kindOf = (step: number) => phases.map((phase) => isPlayed(phase, step, steps)).join();
  const session = await TrainingSession.create({ ...options, steps });
  const started = performance.now();
  const spent = () => (performance.now() - started) / 1000;
  try {
    for (let step = 0; step < steps && !(whole && step >= LEAST_TRIAL_STEPS && spent() > MOST_TRIAL_SECONDS); step++) {
      const before = performance.now();
      await session.advance();
      const kind = kindOf(step);
      if (!times.has(kind)) times.set(kind, []);
      times.get(kind)!.push((performance.now() - before) / 1000);
    }
  } finally {
    await session.dispose();
  }
  let stepSeconds = 0;
  const taken = [...times.values()].reduce((sum, each) => sum + each.length, 0);
  for (const each of times.values()) stepSeconds += (each.length / taken) * pace(each);
  return { stepSeconds, seconds: spent() };
}

/** The mean without the first steps, and without what took three times the median: another program's work. */
function pace(times: readonly number[]): number {
  const warm = times.length > 2 * WARM_UP ? times.slice(WARM_UP) : times;
  const median = [...warm].sort((a, b) => a - b)[warm.length >> 1];
  const usual = warm.filter((time) => time <= 3 * median);
  return usual.reduce((sum, time) => sum + time, 0) / usual.length;
}
