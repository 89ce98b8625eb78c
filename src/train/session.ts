import { RandomStream } from "../core/random.ts";
import type { StreamsState } from "../core/streams.ts";
import type { ExampleSet } from "../data/dataset.ts";
import { type BatchTarget, Loader, type LoaderPosition } from "../data/loader.ts";
import type { Prefetcher } from "../data/prefetch.ts";
import type { Rng } from "../graph/trace.ts";
import type { Batch, BatchPart, ModelRecord, TrainingSettings } from "../models/model.ts";
import type { Module } from "../nn/module.ts";
import { adam, adamw } from "../optim/adam.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { rmsprop } from "../optim/rmsprop.ts";
import { constant, cosine, inverseRoot, linear, type Schedule, warmup } from "../optim/schedule.ts";
import { sgd } from "../optim/sgd.ts";
import type { Backend } from "../runtime/backend.ts";
import type { Program } from "../runtime/program.ts";
import { batchInputs, prefetcherFor } from "./batch.ts";
import { batchesPerStep } from "./phase.ts";
import { type Game, Trainer, type TrainerReport } from "./trainer.ts";

export interface SessionOptions {
  record: ModelRecord;
  config: unknown;
  training: TrainingSettings;
  /** The training split, at the model's shape. */
  set: ExampleSet;
  seed: number | string;
  backend: Backend;
  /** Stop after this many steps, whatever the training settings say. */
  steps?: number | undefined;
  /** The steps that phases have their spans of. Default all of them; a run that is made longer keeps those it began with. */
  phaseSteps?: number | undefined;
}

/** What one step reports. */
export interface StepReport extends TrainerReport {
  /** Passes over the data done, as a fraction. */
  epoch: number;
}

/** Everything that decides what the next step does, apart from the data and the settings: plain JSON and named arrays. */
export interface SessionState {
  step: number;
  position: LoaderPosition;
  streams: StreamsState;
  /** Updates done, by player. */
  updates?: Record<string, number>;
}

/** One model of the garden in training: its trainer and its place in the data. Same seed, same kind of machine: same bits. */
export class TrainingSession {
  readonly options: SessionOptions;
  readonly trainer: Trainer<BatchPart>;
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  readonly #prefetcher: Prefetcher;

  private constructor(
    options: SessionOptions,
    trainer: Trainer<BatchPart>,
    prefetcher: Prefetcher,
    { totalSteps, stepsPerEpoch }: { totalSteps: number; stepsPerEpoch: number },
  ) {
    this.options = options;
    this.trainer = trainer;
    this.totalSteps = totalSteps;
    this.stepsPerEpoch = Math.max(1, Math.round(stepsPerEpoch));
    this.#prefetcher = prefetcher;
  }

  /** Build the network from the seed, trace its gradient, load the programs. */
  static async create(options: SessionOptions): Promise<TrainingSession> {
    const { record, config, training, set, seed, backend } = options;
    const loader = new Loader(set, { batch: training.batch, seed, augment: training, windows: training.windows });
    const stepsPerEpoch = loader.stepsPerEpoch / batchesPerStep(record.players?.(config).phases ?? [{}]);
    const totalSteps = options.steps || plannedSteps(record, config, training, set.count);
    const trainer = await makeTrainer({ record, config, training, seed, backend, totalSteps, phaseSteps: options.phaseSteps });
    return new TrainingSession(options, trainer, prefetcherFor(record, loader), { totalSteps, stepsPerEpoch });
  }

  get network(): Module {
    return this.trainer.module;
  }

  /** Steps done. */
  get step(): number {
    return this.trainer.step;
  }

  /** The programs of a step: one, or one a phase where players take turns. */
  get programs(): Program[] {
    return this.trainer.stages.map(({ program }) => program);
  }

  /** One step on the next batch. @throws NotFiniteError when the loss is not finite: parameters are then as before the step */
  async advance(): Promise<StepReport> {
    const report = await this.trainer.advance(async () => {
      const { valid: _, ...batch } = await this.#prefetcher.next();
      return feedsOf(batch);
    });
    const { loader, position } = this.#prefetcher;
    return { ...report, epoch: position.epoch + position.index / (loader.stepsPerEpoch * loader.batch) };
  }

  /** The part of what a checkpoint holds that is not arrays; the arrays are the trainer's `tensors`. */
  get state(): SessionState {
    return { step: this.step, position: this.#prefetcher.position, streams: this.trainer.streams, updates: this.trainer.updates };
  }

  /** Go on exactly from a saved state. @throws AtelierError naming a missing array or one of another size */
  restore(state: SessionState, saved: ReadonlyMap<string, ArrayLike<number>>): void {
    this.trainer.restore(state.step, state.streams, saved, state.updates);
    this.#prefetcher.seek(state.position);
  }

  /** Free the native sessions. The network keeps its weights. */
  async dispose(): Promise<void> {
    await this.trainer.dispose();
  }
}

/**
 * The trainer of a model with its first weights: its network built from the seed, its gradients traced, its programs loaded.
 * @param options `totalSteps` is what schedules end with; `phaseSteps` what phases have their spans of, default the same
 */
export async function makeTrainer({
  record,
  config,
  training,
  seed,
  backend,
  totalSteps,
  phaseSteps = totalSteps,
}: Pick<SessionOptions, "record" | "config" | "training" | "seed" | "backend" | "phaseSteps"> & { totalSteps: number }): Promise<
  Trainer<BatchPart>
> {
  const network = record.build(config, new RandomStream(seed, "initialisation"));
  const players = playersOf(record, config, network);
  const { objective } = record;
  const { learningRate, weightDecay, clipNorm, ema } = training;
  return Trainer.create({
    backend,
    module: network,
    ...(players === undefined ? { objective: (batch: Batch, rng: Rng) => objective!(network, batch, rng) } : { players }),
    totalSteps: phaseSteps,
    inputs: batchInputs(record, config, training.batch),
    optimizer: makeOptimizer(training),
    schedule: makeSchedule(training, totalSteps),
    ...{ learningRate, weightDecay, clipNorm, ema, seed },
    name: `${record.name} training step`,
  });
}

/** All steps of a training: as many as its settings say, or by its epochs one for each batch, or where players take turns for as many as a round of them takes. */
export function plannedSteps(
  record: ModelRecord,
  config: unknown,
  training: Pick<TrainingSettings, "epochs" | "batch"> & Partial<Pick<TrainingSettings, "steps">>,
  count: number,
): number {
  if (training.steps) return training.steps;
  const perStep = batchesPerStep(record.players?.(config).phases ?? [{}]);
  return Math.max(1, Math.round((training.epochs * Math.floor(count / training.batch)) / perStep));
}

/** A model's players, over batches; undefined for a model with one objective. */
function playersOf(record: ModelRecord, config: unknown, network: Module): Game<BatchPart> | undefined {
  const players = record.players?.(config);
  if (players === undefined) return undefined;
  const phases = players.phases.map((phase) => ({ ...phase, losses: (batch: Batch, rng: Rng) => phase.losses(network, batch, rng) }));
  return { ...players, parts: players.parts(network), phases };
}

/** The parts that are there. */
function feedsOf(batch: BatchTarget): Partial<Record<BatchPart, Float32Array | Int32Array>> {
  return Object.fromEntries(Object.entries(batch).filter(([, values]) => values !== undefined));
}

/** The update rule that a run's settings ask for. */
export function makeOptimizer({ optimizer, epsilon, momentum, beta1, beta2 }: TrainingSettings): Optimizer {
  switch (optimizer) {
    case "sgd":
      return sgd({ momentum });
    case "rmsprop":
      return rmsprop({ epsilon, momentum });
    case "adam":
      return adam({ epsilon, beta1, beta2 });
    case "adamw":
      return adamw({ epsilon, beta1, beta2 });
  }
}

function makeSchedule(training: TrainingSettings, totalSteps: number): Schedule {
  const rest = Math.max(1, totalSteps - training.warmup);
  // Runs from before this setting existed end at 0.
  const { finalRate: end = 0 } = training;
  const curves = {
    constant,
    cosine: () => cosine(rest, end),
    linear: () => linear(rest, end),
    "inverse-root": () => inverseRoot(Math.max(1, training.warmup)),
  };
  const after = curves[training.schedule]();
  return training.warmup > 0 ? warmup(training.warmup, after) : after;
}
