import { gradients } from "../autodiff/gradient.ts";
import { AtelierError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import { RandomStreams, type StreamsState } from "../core/streams.ts";
import type { ImageSet } from "../data/dataset.ts";
import { Loader, type LoaderPosition } from "../data/loader.ts";
import { Prefetcher } from "../data/prefetch.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ModelRecord, TrainingSettings } from "../models/model.ts";
import { type Module, namedStates } from "../nn/module.ts";
import { adam, adamw } from "../optim/adam.ts";
import { FlatUpdate } from "../optim/apply.ts";
import { clipFactor, GradientNorm } from "../optim/clip.ts";
import { ExponentialAverage } from "../optim/ema.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { rmsprop } from "../optim/rmsprop.ts";
import { constant, cosine, linear, type Schedule, warmup } from "../optim/schedule.ts";
import { sgd } from "../optim/sgd.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile, type Program } from "../runtime/program.ts";
import { FlatParameters } from "./flat.ts";

export interface SessionOptions {
  record: ModelRecord;
  config: unknown;
  training: TrainingSettings;
  /** The training split, at the model's picture shape. */
  set: ImageSet;
  seed: number | string;
  backend: Backend;
  /** Stop after this many steps instead of `epochs`. */
  steps?: number | undefined;
}

/** What one step reports. */
export interface StepReport {
  /** Steps done, this one included. */
  step: number;
  /** Passes over the data done, as a fraction. */
  epoch: number;
  learningRate: number;
  /** The objective's named terms on this batch, unweighted, and their weighted sum `loss`. */
  terms: Record<string, number>;
  /** The gradient's norm, where it is clipped. */
  gradientNorm?: number;
}

/** Everything that decides what the next step does, apart from the data and the settings: plain JSON and named arrays. */
export interface SessionState {
  step: number;
  position: LoaderPosition;
  streams: StreamsState;
}

/** One model in training: its network, gradient program, optimizer and data position. Same seed, same kind of machine: same bits. */
export class TrainingSession {
  readonly options: SessionOptions;
  readonly network: Module;
  readonly parameters: FlatParameters;
  readonly average: ExponentialAverage | undefined;
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  step = 0;
  readonly #streams: RandomStreams;
  readonly #prefetcher: Prefetcher;
  readonly #schedule: Schedule;
  readonly #program: Program;
  readonly #update: FlatUpdate;
  readonly #norm: GradientNorm | undefined;

  private constructor(parts: SessionParts) {
    const { options, prefetcher } = parts;
    this.options = options;
    this.network = parts.network;
    this.parameters = parts.parameters;
    this.#streams = parts.streams;
    this.#prefetcher = prefetcher;
    this.#program = parts.program;
    this.#update = parts.update;
    this.#norm = parts.norm;
    this.stepsPerEpoch = prefetcher.loader.stepsPerEpoch;
    this.totalSteps = options.steps ?? Math.max(1, Math.round(options.training.epochs * this.stepsPerEpoch));
    this.#schedule = makeSchedule(options.training, this.totalSteps);
    this.average = options.training.ema > 0 ? new ExponentialAverage(parts.parameters.values, options.training.ema) : undefined;
  }

  /** Build the network from the seed, trace its gradient, load the programs. */
  static async create(options: SessionOptions): Promise<TrainingSession> {
    const { record, config, training, set, seed, backend } = options;
    const network = record.build(config, new RandomStream(seed, "initialisation"));
    const parameters = new FlatParameters(network);
    const streams = new RandomStreams(seed);
    const program = await gradientProgram(options, network, parameters, streams);
    const scaled = training.clipNorm > 0;
    const update = await FlatUpdate.create({
      backend,
      optimizer: makeOptimizer(training),
      parameters: parameters.values,
      gradients: parameters.gradients,
      groups: [{ start: 0, end: parameters.values.length, weightDecay: training.weightDecay }],
      scaled,
    });
    const norm = scaled ? await GradientNorm.create(backend, parameters.gradients) : undefined;
    const loader = new Loader(set, { batch: training.batch, seed });
    const prefetcher = new Prefetcher(loader, { images: true, labels: record.data.labels });
    return new TrainingSession({ options, network, parameters, streams, program, update, norm, prefetcher });
  }

  /** One step on the next batch. @throws AtelierError when the loss is not finite: parameters are then as before the step */
  async advance(): Promise<StepReport> {
    const batch = await this.#prefetcher.next();
    const { inputs } = this.#program;
    (inputs.images as Float32Array).set(batch.images!);
    if (batch.labels !== undefined) (inputs.labels as Int32Array).set(batch.labels);
    const outputs = await this.#program.run();
    const terms = this.#readTerms(outputs as Record<string, Float32Array>);
    const learningRate = this.options.training.learningRate * this.#schedule(this.step);
    const gradientNorm = await this.#norm?.norm();
    const scale = gradientNorm === undefined ? 1 : clipFactor(gradientNorm, this.options.training.clipNorm);
    await this.#update.step(this.step + 1, learningRate, scale);
    this.average?.update(this.parameters.values);
    this.step++;
    return {
      step: this.step,
      epoch: this.step / this.stepsPerEpoch,
      learningRate,
      terms,
      ...(gradientNorm === undefined ? {} : { gradientNorm }),
    };
  }

  #readTerms(outputs: Record<string, Float32Array>): Record<string, number> {
    const terms: Record<string, number> = {};
    for (const [name, value] of Object.entries(outputs)) if (name.startsWith("term:")) terms[name.slice(5)] = value[0];
    const bad = Object.entries(terms).find(([, value]) => !Number.isFinite(value));
    if (bad !== undefined) {
      throw new AtelierError({
        what: `The loss is not finite at step ${this.step + 1}.`,
        where: `term "${bad[0]}"`,
        got: String(bad[1]),
        hint: "lower the learning rate, or set clipNorm; the last checkpoint is still good",
      });
    }
    return terms;
  }

  /** Named arrays that a checkpoint holds: weights, state, moments and averages. They are the live arrays, not copies. */
  tensors(): Map<string, { shape: readonly number[]; data: Float32Array }> {
    const { parameters } = this;
    const result = new Map<string, { shape: readonly number[]; data: Float32Array }>();
    const addFlat = (prefix: string, vector: Float32Array) => {
      parameters.names.forEach((name, i) => {
        result.set(`${prefix}.${name}`, { shape: parameters.parameters[i].shape, data: parameters.view(vector, i) });
      });
    };
    addFlat("model", parameters.values);
    for (const [name, state] of namedStates(this.network))
      result.set(`model.${name}`, { shape: state.shape, data: state.data as Float32Array });
    for (const [slot, vector] of Object.entries(this.#update.slots)) addFlat(`optimizer.${slot}`, vector);
    if (this.average !== undefined) addFlat("ema", this.average.values);
    return result;
  }

  /** The rest of what a checkpoint holds. */
  get state(): SessionState {
    return { step: this.step, position: this.#prefetcher.position, streams: this.#streams.state };
  }

  /** Go on exactly from a saved state. @throws AtelierError naming a missing array or one of another size */
  restore(state: SessionState, saved: ReadonlyMap<string, ArrayLike<number>>): void {
    for (const [name, { data }] of this.tensors()) copySaved(name, data, saved.get(name));
    this.step = state.step;
    this.#streams.restore(state.streams);
    this.#prefetcher.seek(state.position);
  }

  /** The graph of the gradient program, for its text and its profile. */
  get program(): Program {
    return this.#program;
  }

  async dispose(): Promise<void> {
    await Promise.all([this.#program.dispose(), this.#update.dispose(), this.#norm?.dispose()]);
  }
}

interface SessionParts {
  options: SessionOptions;
  network: Module;
  parameters: FlatParameters;
  streams: RandomStreams;
  program: Program;
  update: FlatUpdate;
  norm: GradientNorm | undefined;
  prefetcher: Prefetcher;
}

/** Copy a saved array over a live one. @throws AtelierError when it is missing or of another size */
export function copySaved(name: string, target: Float32Array, source: ArrayLike<number> | undefined): void {
  if (source?.length === target.length) {
    target.set(source);
    return;
  }
  throw new AtelierError({
    what: `The checkpoint does not fit this model: ${source === undefined ? "an array is missing" : "an array has another size"}.`,
    where: name,
    got: source === undefined ? undefined : `${source.length} values`,
    expected: `${target.length} values`,
    hint: "use the run's own model, preset and settings",
  });
}

/** Terms of the loss, and the gradient of every parameter written straight into the flat vector. */
function gradientProgram(options: SessionOptions, network: Module, parameters: FlatParameters, streams: RandomStreams): Promise<Program> {
  const { record, config, training, backend } = options;
  const shape = [training.batch, ...record.data.shape(config)];
  const names = parameters.names.map((name) => `gradient:${name}`);
  const views = parameters.names.map((_, i) => parameters.view(parameters.gradients, i));
  return compile<string, string>(
    backend,
    ({ images, labels }, rng) => {
      const { total, terms } = record.objective(network, { images, labels }, rng);
      const derived = gradients(total, parameters.parameters);
      const outputs: Record<string, Tensor> = { "term:loss": total };
      for (const [name, value] of Object.entries(terms)) outputs[`term:${name}`] = value;
      names.forEach((name, i) => {
        outputs[name] = derived[i];
      });
      return outputs;
    },
    {
      name: `${record.name} training step`,
      inputs: { images: { shape }, labels: { shape: [training.batch], dtype: "int32" } },
      training: true,
      streams,
      outputs: Object.fromEntries(names.map((name, i) => [name, views[i]])),
    },
  );
}

function makeOptimizer({ optimizer, epsilon, momentum }: TrainingSettings): Optimizer {
  switch (optimizer) {
    case "sgd":
      return sgd({ momentum });
    case "rmsprop":
      return rmsprop({ epsilon, momentum });
    case "adam":
      return adam({ epsilon });
    case "adamw":
      return adamw({ epsilon });
  }
}

function makeSchedule(training: TrainingSettings, totalSteps: number): Schedule {
  const rest = Math.max(1, totalSteps - training.warmup);
  const after = training.schedule === "cosine" ? cosine(rest) : training.schedule === "linear" ? linear(rest) : constant();
  return training.warmup > 0 ? warmup(training.warmup, after) : after;
}
