import { AtelierError } from "../core/errors.ts";
import { RandomStreams, type StreamsState } from "../core/streams.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Rng } from "../graph/trace.ts";
import type { Terms } from "../nn/losses.ts";
import { type Module, namedStates } from "../nn/module.ts";
import { adam } from "../optim/adam.ts";
import { FlatUpdate } from "../optim/apply.ts";
import { clipFactor, GradientNorm } from "../optim/clip.ts";
import { averaging, ExponentialAverage } from "../optim/ema.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { constant, type Schedule } from "../optim/schedule.ts";
import type { Backend, DeviceMemory } from "../runtime/backend.ts";
import { debugLevel, say } from "../runtime/debug.ts";
import { profileTable } from "../runtime/profile.ts";
import { type CompileOptions, compile, type InputSpec, type Program } from "../runtime/program.ts";
import { FlatParameters } from "./flat.ts";
import { gradientOutputs, NotFiniteError, nonFiniteError, traceNonFinite } from "./non-finite.ts";

export { NotFiniteError } from "./non-finite.ts";

/** What is minimised: a scalar, or named terms (see `terms` of nn/losses.ts). It is traced once, in training mode. */
export type Objective<I extends string = string> = (inputs: Record<I, Tensor>, rng: Rng) => Terms | Tensor;

export interface TrainerOptions<I extends string = string> {
  backend: Backend;
  /** What is trained: a layer or a model of your own. Its parameters move into one flat vector. */
  module: Module;
  objective: Objective<I>;
  /** One batch: inputs of the objective by name, with the batch axis in their shapes. */
  inputs: Readonly<Record<I, InputSpec>>;
  /** Default Adam with PyTorch's settings. */
  optimizer?: Optimizer;
  /** Default 1e-3. */
  learningRate?: number;
  /** Factor on the learning rate by step. Default constant. */
  schedule?: Schedule;
  weightDecay?: number;
  /** Limit on the gradient's norm; 0 (default) for none. */
  clipNorm?: number;
  /** Decay of averaged weights, in [0, 1); 0 (default) for none. */
  ema?: number;
  /** Of the objective's own draws. Default 0. */
  seed?: number | string;
  /** Shown in errors and profiles. */
  name?: string;
}

/** What one step reports. */
export interface TrainerReport {
  /** Steps done, this one included. */
  step: number;
  learningRate: number;
  /** The objective's named terms on this batch, unweighted, and their weighted sum `loss`. */
  terms: Record<string, number>;
  /** The gradient's norm, where it is clipped. */
  gradientNorm?: number;
}

/** A live array of a checkpoint. */
export interface NamedArray {
  shape: readonly number[];
  data: Float32Array;
}

/**
 * Trains one module: gradients by one program into a flat vector, then the optimizer in place. Same seed, same kind of machine, same batches: same bits.
 *
 *     const trainer = await Trainer.create({ backend, module, objective, inputs: { x: { shape: [64, 2] } } });
 *     const { terms } = await trainer.advance({ x: batch });
 */
export class Trainer<I extends string = string> {
  readonly module: Module;
  readonly parameters: FlatParameters;
  /** Averaged weights, where asked for. */
  readonly average: ExponentialAverage | undefined;
  /** The gradient program, for its graph's text and its profile. */
  readonly program: Program<I, string>;
  /** Steps done. */
  step = 0;
  readonly #options: TrainerOptions<I>;
  readonly #streams: RandomStreams;
  readonly #learningRate: number;
  readonly #schedule: Schedule;
  readonly #clipNorm: number;
  readonly #update: FlatUpdate;
  readonly #norm: GradientNorm | undefined;
  readonly #memory: DeviceMemory | undefined;
  /** The averages' update, where they live on a device. */
  readonly #averaging: FlatUpdate | undefined;
  /** What the device keeps between steps. */
  readonly #kept: readonly Float32Array[];
  /** Whether the host's arrays were changed and the device's must follow before they are used. */
  #hostIsNewer = false;

  private constructor(options: TrainerOptions<I>, parts: TrainerParts<I>) {
    const { module, learningRate = 1e-3, schedule = constant(), clipNorm = 0 } = options;
    this.#options = options;
    this.module = module;
    this.parameters = parts.parameters;
    this.program = parts.program;
    this.#streams = parts.streams;
    this.#update = parts.update;
    this.#norm = parts.norm;
    this.#learningRate = learningRate;
    this.#schedule = schedule;
    this.#clipNorm = clipNorm;
    this.average = parts.average;
    this.#averaging = parts.averaging;
    this.#memory = options.backend.memory;
    this.#kept = parts.kept;
  }

  /**
   * Trace the objective and its gradient, load the programs.
   * @throws AtelierError for a module without parameters; ShapeError from the objective's ops; RuntimeError from the backend
   */
  static async create<I extends string>(options: TrainerOptions<I>): Promise<Trainer<I>> {
    const { backend, module, optimizer = adam(), weightDecay = 0, clipNorm = 0, ema = 0, seed = 0 } = options;
    const parameters = new FlatParameters(module);
    if (parameters.names.length === 0) {
      throw new AtelierError({
        what: "The module has no parameters to train.",
        hint: "keep layers in fields of the module (or in lists in fields)",
      });
    }
    for (const [path, state] of namedStates(module)) state.path = path;
    const { ranges } = parameters;
    const average = ema > 0 ? new ExponentialAverage(parameters.values, ema) : undefined;
    const vectors = [parameters.values, parameters.gradients, ...(average === undefined ? [] : [average.values])];
    const kept = backend.memory === undefined ? [] : vectors.flatMap((vector) => ranges.map((_, i) => parameters.view(vector, i)));
    backend.memory?.keep(kept);
    const streams = new RandomStreams(seed);
    const program = await gradientProgram(options, parameters, streams);
    const scaled = clipNorm > 0;
    const update = await FlatUpdate.create({
      backend,
      optimizer,
      parameters: parameters.values,
      gradients: parameters.gradients,
      groups: [{ start: 0, end: parameters.values.length, weightDecay }],
      scaled,
      pieces: ranges,
    });
    const norm = scaled || debugLevel() >= 1 ? await GradientNorm.create(backend, parameters.gradients, ranges) : undefined;
    const averaging = await averagingOnDevice(backend, parameters, average);
    return new Trainer(options, { parameters, streams, program, update, norm, average, averaging, kept });
  }

  /**
   * One step on one batch: what is not given in `feeds` is taken as it stands in `program.inputs`.
   * @throws NotFiniteError when a term of the loss is not finite, or the gradient where it is clipped (or with `ATELIER_DEBUG=1`), naming the first tensor
   *   that is not: parameters and state are then as before the step
   */
  async advance(feeds: Parameters<Program<I, string>["run"]>[0] = {}): Promise<TrainerReport> {
    await this.#settle();
    let terms: Record<string, number> = {};
    let bad: [string, number] | undefined;
    await this.program.run(feeds, (outputs) => {
      terms = readTerms(outputs as Record<string, Float32Array>);
      bad = Object.entries(terms).find(([, value]) => !Number.isFinite(value));
      return bad === undefined;
    });
    if (bad !== undefined) throw await this.#notFinite("loss", `${bad[1]} for the term "${bad[0]}"`);
    const learningRate = this.#learningRate * this.#schedule(this.step);
    const gradientNorm = await this.#norm?.norm();
    if (gradientNorm !== undefined && !Number.isFinite(gradientNorm) && this.parameters.gradients.some((g) => !Number.isFinite(g)))
      throw await this.#notFinite("gradient", `a gradient's norm of ${gradientNorm}`);
    const scale = gradientNorm === undefined || this.#clipNorm === 0 ? 1 : clipFactor(gradientNorm, this.#clipNorm);
    await this.#update.step(this.step + 1, learningRate, scale);
    if (this.#averaging === undefined) this.average?.update(this.parameters.values);
    else await this.#averaging.step(this.step + 1, 0);
    this.step++;
    return { step: this.step, learningRate, terms, ...(gradientNorm === undefined ? {} : { gradientNorm }) };
  }

  /** Find the tensor that made it so, by the same step with every tensor watched. */
  async #notFinite(kind: "loss" | "gradient", got: string): Promise<NotFiniteError> {
    await this.download();
    const found = await traceNonFinite(this.#options, this.parameters, this.program.bound).catch(() => undefined);
    return nonFiniteError(kind, this.step + 1, got, found);
  }

  /**
   * Bring the host's arrays (weights, gradients, moments, averages) up to date with what a device keeps. On the CPU they always are.
   * @throws RuntimeError from the backend
   */
  async download(): Promise<void> {
    await this.#settle();
    await this.#memory?.read([...this.#kept, ...this.#update.kept]);
  }

  /** The other direction, where the host's arrays were changed. */
  async #settle(): Promise<void> {
    if (!this.#hostIsNewer) return;
    this.#hostIsNewer = false;
    await this.#memory?.write([...this.#kept, ...this.#update.kept]);
  }

  /** Put the averaged weights into the module for good, where there are any. */
  async adoptAverage(): Promise<void> {
    if (this.average === undefined) return;
    await this.download();
    this.parameters.values.set(this.average.values);
    this.#hostIsNewer = true;
  }

  /**
   * Named arrays that a checkpoint holds: weights, state, moments and averages. They are the live arrays, not copies; with a device, as of the last
   * {@link download}.
   */
  tensors(): Map<string, NamedArray> {
    const { parameters } = this;
    const result = new Map<string, NamedArray>();
    const addFlat = (prefix: string, vector: Float32Array) => {
      parameters.names.forEach((name, i) => {
        result.set(`${prefix}.${name}`, { shape: parameters.parameters[i].shape, data: parameters.view(vector, i) });
      });
    };
    addFlat("model", parameters.values);
    for (const [name, state] of namedStates(this.module)) {
      result.set(`model.${name}`, { shape: state.shape, data: state.data as Float32Array });
    }
    for (const [slot, vector] of Object.entries(this.#update.slots)) addFlat(`optimizer.${slot}`, vector);
    if (this.average !== undefined) addFlat("ema", this.average.values);
    return result;
  }

  /** @throws NotFiniteError naming the first of {@link tensors} that holds an infinity or NaN: such weights must not be saved over good ones */
  requireFinite(): void {
    for (const [name, { data }] of this.tensors()) {
      const at = data.findIndex((value) => !Number.isFinite(value));
      if (at < 0) continue;
      throw new NotFiniteError({
        what: `The weights are not finite after step ${this.step}.`,
        where: `${name}, element ${at}`,
        got: String(data[at]),
        hint: "lower the learning rate, or set clipNorm",
      });
    }
  }

  /** Where the random streams stand. */
  get streams(): StreamsState {
    return this.#streams.state;
  }

  /** Go on exactly from saved arrays and streams. @throws AtelierError naming a missing array or one of another size */
  restore(step: number, streams: StreamsState, saved: ReadonlyMap<string, ArrayLike<number>>): void {
    for (const [name, { data }] of this.tensors()) copySaved(name, data, saved.get(name));
    this.#streams.restore(streams);
    this.step = step;
    this.#hostIsNewer = true;
  }

  /** Run `use` with the averaged weights in the module, where there are any; the trained ones are back afterwards. */
  async averaged<T>(use: () => Promise<T>): Promise<T> {
    await this.#settle();
    if (this.average === undefined) return use();
    await this.download();
    const { values } = this.parameters;
    const trained = values.slice();
    values.set(this.average.values);
    this.#hostIsNewer = true;
    await this.#settle();
    try {
      return await use();
    } finally {
      values.set(trained);
      this.#hostIsNewer = true;
      await this.#settle();
    }
  }

  async #printProfile(): Promise<void> {
    const profile = await this.program.profile().catch((error: Error) => say(error.message));
    if (profile) for (const by of ["op", "layer"] as const) say(profileTable(profile, by));
  }

  /** Free the native sessions. The module keeps its weights. With `ATELIER_DEBUG=4` the step's profile is printed first. */
  async dispose(): Promise<void> {
    if (debugLevel() >= 4 && this.step > 0) await this.#printProfile();
    await this.download();
    await Promise.all([this.program.dispose(), this.#norm?.dispose(), this.#averaging?.dispose(), this.#update.dispose()]);
    this.#memory?.release(this.#kept);
  }
}

interface TrainerParts<I extends string> {
  parameters: FlatParameters;
  streams: RandomStreams;
  program: Program<I, string>;
  update: FlatUpdate;
  norm: GradientNorm | undefined;
  average: ExponentialAverage | undefined;
  averaging: FlatUpdate | undefined;
  kept: readonly Float32Array[];
}

/** The program that moves the averages where they live on a device; the host's are moved by a plain loop. */
async function averagingOnDevice(
  backend: Backend,
  { values, ranges }: FlatParameters,
  average: ExponentialAverage | undefined,
): Promise<FlatUpdate | undefined> {
  if (backend.memory === undefined || average === undefined) return undefined;
  return FlatUpdate.create({ backend, optimizer: averaging(average.decay), parameters: average.values, gradients: values, pieces: ranges });
}

/** The loss and its named terms, from a run's outputs. */
function readTerms(outputs: Record<string, Float32Array>): Record<string, number> {
  const terms: Record<string, number> = {};
  for (const [name, value] of Object.entries(outputs)) if (name.startsWith("term:")) terms[name.slice(5)] = value[0];
  return terms;
}

/** Terms of the loss, and the gradient of every parameter written straight into the flat vector. */
function gradientProgram<I extends string>(
  { backend, objective, inputs, name = "training step" }: TrainerOptions<I>,
  parameters: FlatParameters,
  streams: RandomStreams,
): Promise<Program<I, string>> {
  const outputs = Object.fromEntries(parameters.names.map((path, i) => [`gradient:${path}`, parameters.view(parameters.gradients, i)]));
  const options: CompileOptions<I> = { name, inputs, training: true, streams, outputs };
  return compile<I, string>(backend, gradientOutputs(objective, parameters), options);
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
