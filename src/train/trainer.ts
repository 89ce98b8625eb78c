import { AtelierError } from "../core/errors.ts";
import { RandomStreams, type StreamsState } from "../core/streams.ts";
import { type Module, namedParameters, namedStates } from "../nn/module.ts";
import { adam } from "../optim/adam.ts";
import { clippedWeights } from "../optim/clip-weights.ts";
import type { ExponentialAverage } from "../optim/ema.ts";
import { constant } from "../optim/schedule.ts";
import type { DeviceMemory } from "../runtime/backend.ts";
import { debugLevel, say } from "../runtime/debug.ts";
import { profileTable } from "../runtime/profile.ts";
import { type Build, compile, type Program } from "../runtime/program.ts";
import { FlatParameters } from "./flat.ts";
import { NotFiniteError, nonFiniteError, traceNonFinite } from "./non-finite.ts";
import { type Game, gameOf, requireWholeGame, type TrainerOptions, type TrainerReport } from "./options.ts";
import { isPlayed, onlyPlayer, phaseOutputs, type TrainerPhase } from "./phase.ts";
import { Player, type PlayerOptions } from "./player.ts";
import { shareParameters } from "./shares.ts";

export { NotFiniteError } from "./non-finite.ts";
export type { Game, Objective, TrainerOptions, TrainerReport } from "./options.ts";

/** A live array of a checkpoint. */
export interface NamedArray {
  shape: readonly number[];
  data: Float32Array;
}

/** One batch by input: what is not given is taken as it stands in the program's inputs. */
export type Feeds<I extends string> = Parameters<Program<I, string>["run"]>[0];

/** A phase and its program. */
export interface Stage<I extends string = string> {
  readonly phase: TrainerPhase<I>;
  readonly program: Program<I, string>;
  /** What the program was traced from. */
  readonly build: Build<I, string>;
}

/**
 * Trains one module: gradients by one program into a flat vector, then the optimizer in place. Same seed, same kind of machine, same batches: same bits.
 *
 *     const trainer = await Trainer.create({ backend, module, objective, inputs: { x: { shape: [64, 2] } } });
 *     const { terms } = await trainer.advance({ x: batch });
 *
 * With `players` it trains the parts of a module against each other: a step is then a round of phases, each with a program of its own.
 */
export class Trainer<I extends string = string> {
  readonly module: Module;
  readonly players: ReadonlyMap<string, Player>;
  /** The programs of a step in order; only one where there is one objective. */
  readonly stages: readonly Stage<I>[];
  /** Steps done. */
  step = 0;
  readonly #options: TrainerOptions<I>;
  readonly #streams: RandomStreams;
  readonly #memory: DeviceMemory | undefined;
  /** Whether the host's arrays were changed and the device's must follow before they are used. */
  #hostIsNewer = false;

  private constructor(
    options: TrainerOptions<I>,
    players: ReadonlyMap<string, Player>,
    stages: readonly Stage<I>[],
    streams: RandomStreams,
  ) {
    this.#options = options;
    this.module = options.module;
    this.players = players;
    this.stages = stages;
    this.#streams = streams;
    this.#memory = options.backend.memory;
  }

  /**
   * Trace the objective and its gradient, load the programs.
   * @throws AtelierError for a module without parameters, players that do not share out its parameters, phases that leave one out; ShapeError from the
   *   objective's ops; RuntimeError from the backend
   */
  static async create<I extends string>(options: TrainerOptions<I>): Promise<Trainer<I>> {
    const { backend, module, inputs, seed = 0, name = "training step" } = options;
    const game = gameOf(options);
    const shares = shareParameters(module, game.parts);
    requireWholeGame(game, options.totalSteps);
    for (const [path, state] of namedStates(module)) state.path = path;
    // All parameters move before the first program binds any of them.
    const flats = new Map([...shares].map(([player, parameters]) => [player, new FlatParameters(parameters)]));
    const streams = new RandomStreams(seed);
    const stages: Stage<I>[] = [];
    // Arrays that a device keeps are announced before a program binds them.
    const players = new Map<string, Player>();
    for (const [player, parameters] of flats) players.set(player, await Player.load(playerOptions(options, game, player), parameters));
    for (const phase of game.phases) {
      const build = phaseOutputs(phase, (player) => flats.get(player)!);
      const outputs: Record<string, Float32Array> = {};
      for (const player of phase.moves) {
        const flat = flats.get(player)!;
        for (const [path, view] of Object.entries(flat.views(flat.gradients))) outputs[`gradient:${path}`] = view;
      }
      const title = options.players === undefined ? name : `${name}, ${phase.moves.join(" and ")}`;
      const program = await compile<I, string>(backend, build, { name: title, inputs, training: true, streams, outputs });
      stages.push({ phase, program, build });
    }
    return new Trainer(options, players, stages, streams);
  }

  /** The flat parameters where there is one player, the first player's otherwise. */
  get parameters(): FlatParameters {
    return this.#first.parameters;
  }

  /** Averaged weights, where asked for; the first player's where there are several. */
  get average(): ExponentialAverage | undefined {
    return this.#first.average;
  }

  /** The gradient program of the first phase, for its graph's text and its profile. */
  get program(): Program<I, string> {
    return this.stages[0].program;
  }

  get #first(): Player {
    return this.players.values().next().value!;
  }

  /**
   * One step on one batch: what is not given in `feeds` is taken as it stands in `program.inputs`. Phases that take new batches more than once a step want
   * `feeds` as a function that gives the next.
   * @throws NotFiniteError when a term of the loss is not finite, or the gradient where it is clipped or of one of several players (or with
   *   `ATELIER_DEBUG=1`), naming the first tensor that is not: parameters and state are then as before the move
   */
  async advance(feeds: Feeds<I> | (() => Promise<Feeds<I>>) = {}): Promise<TrainerReport> {
    await this.#settle();
    const { learningRate = 1e-3, schedule = constant(), totalSteps = Number.POSITIVE_INFINITY } = this.#options;
    const rate = learningRate * schedule(this.step);
    const next = typeof feeds === "function" ? feeds : () => Promise.resolve(feeds);
    const report: MoveReport = { terms: {}, gradientNorms: {} };
    let batch: Feeds<I> | undefined;
    for (const stage of this.stages) {
      if (!isPlayed(stage.phase, this.step, totalSteps)) continue;
      for (let i = 0; i < (stage.phase.repeat ?? 1); i++) {
        if (batch === undefined || stage.phase.batch !== "same") batch = await next();
        await this.#move(stage, batch, rate, report);
      }
    }
    this.step++;
    const { terms, gradientNorms } = report;
    if (this.#options.players !== undefined) return { step: this.step, learningRate: rate, terms, gradientNorms };
    const { [onlyPlayer]: gradientNorm } = gradientNorms;
    return { step: this.step, learningRate: rate, terms, ...(gradientNorm === undefined ? {} : { gradientNorm }) };
  }

  /** Losses and gradients of one phase, then its players' updates. */
  async #move(stage: Stage<I>, batch: Feeds<I>, learningRate: number, report: MoveReport): Promise<void> {
    const { moves } = stage.phase;
    let bad: { kind: "loss" | "gradient"; got: string } | undefined;
    // What is not finite is refused before the program's state is renewed.
    await stage.program.run(batch, async (outputs) => {
      const terms = readTerms(outputs as Record<string, Float32Array>);
      const term = Object.entries(terms).find(([, value]) => !Number.isFinite(value));
      if (term === undefined) bad = await this.#measure(moves, report);
      else bad = { kind: "loss", got: `${term[1]} for the term "${term[0]}"` };
      Object.assign(report.terms, terms);
      return bad === undefined;
    });
    if (bad !== undefined) throw await this.#notFinite(stage, bad.kind, bad.got);
    for (const name of moves) {
      const factor = this.#options.players?.learningRates?.[name] ?? 1;
      await this.players.get(name)!.apply(learningRate * factor, report.gradientNorms[name]);
    }
  }

  /** Note the norms of these players' gradients, where they are measured; returns what is wrong with them. */
  async #measure(moves: readonly string[], { gradientNorms }: MoveReport): Promise<{ kind: "gradient"; got: string } | undefined> {
    for (const name of moves) {
      const player = this.players.get(name)!;
      const norm = await player.gradientNorm();
      if (norm === undefined) continue;
      // The norm may be too large for a float where no gradient is.
      if (!Number.isFinite(norm) && !(await player.hasFiniteGradients())) return { kind: "gradient", got: `a gradient's norm of ${norm}` };
      gradientNorms[name] = norm;
    }
    return undefined;
  }

  /** Find the tensor that made it so, by the same step with every tensor watched. */
  async #notFinite({ program, build }: Stage<I>, kind: "loss" | "gradient", got: string): Promise<NotFiniteError> {
    await this.download();
    const found = await traceNonFinite(this.#options, build, program.bound).catch(() => undefined);
    return nonFiniteError(kind, this.step + 1, got, found);
  }

  /**
   * Bring the host's arrays (weights, gradients, moments, averages) up to date with what a device keeps. On the CPU they always are.
   * @throws RuntimeError from the backend
   */
  async download(): Promise<void> {
    await this.#settle();
    await this.#memory?.read(this.#kept);
  }

  /**
   * The other direction: give a device what is in the host's arrays, after code of yours has changed some (`parameter.data`, arrays of {@link tensors}). It
   * replaces all that the device keeps, so {@link download} before the change. On the CPU both do nothing.
   *
   *     await trainer.download();
   *     head.weight.data.fill(0);
   *     await trainer.upload();
   * @throws RuntimeError from the backend
   */
  async upload(): Promise<void> {
    this.#hostIsNewer = true;
    await this.#settle();
  }

  /** {@link upload}, where the host's arrays were changed. */
  async #settle(): Promise<void> {
    if (!this.#hostIsNewer) return;
    this.#hostIsNewer = false;
    await this.#memory?.write(this.#kept);
  }

  /** What the device keeps between steps. */
  get #kept(): Float32Array[] {
    return [...this.players.values()].flatMap(({ kept }) => kept);
  }

  /** Put the averaged weights into the module for good, where there are any. */
  async adoptAverage(): Promise<void> {
    await this.#swapInAverages();
  }

  /** Put the averages over the weights; returns the weights as they were, by player. */
  async #swapInAverages(): Promise<Map<Player, Float32Array>> {
    const trained = new Map<Player, Float32Array>();
    if (this.average === undefined) return trained;
    await this.download();
    for (const player of this.players.values()) trained.set(player, player.swapInAverage());
    this.#hostIsNewer = true;
    return trained;
  }

  /**
   * Named arrays that a checkpoint holds: weights, state, moments and averages. They are the live arrays, not copies; with a device, as of the last
   * {@link download}.
   */
  tensors(): Map<string, NamedArray> {
    const players = [...this.players.values()];
    const live = { model: new Map<string, Float32Array>(), ema: new Map<string, Float32Array>() };
    const slots = new Map<string, Map<string, Float32Array>>();
    for (const { parameters, average, slots: own } of players) {
      const collect = (into: Map<string, Float32Array>, vector: Float32Array) => {
        for (const [name, view] of Object.entries(parameters.views(vector))) into.set(name, view);
      };
      collect(live.model, parameters.values);
      if (average !== undefined) collect(live.ema, average.values);
      for (const [slot, vector] of Object.entries(own)) {
        if (!slots.has(slot)) slots.set(slot, new Map());
        collect(slots.get(slot)!, vector);
      }
    }
    const result = new Map<string, NamedArray>();
    const shapes = namedParameters(this.module);
    const add = (prefix: string, arrays: ReadonlyMap<string, Float32Array>) => {
      for (const [name, { shape }] of shapes) if (arrays.has(name)) result.set(`${prefix}.${name}`, { shape, data: arrays.get(name)! });
    };
    add("model", live.model);
    for (const [name, state] of namedStates(this.module)) {
      result.set(`model.${name}`, { shape: state.shape, data: state.data as Float32Array });
    }
    for (const [slot, arrays] of slots) add(`optimizer.${slot}`, arrays);
    add("ema", live.ema);
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

  /** Updates done, by player: what bias corrections count. */
  get updates(): Record<string, number> {
    return Object.fromEntries([...this.players].map(([name, { updates }]) => [name, updates]));
  }

  /**
   * Go on exactly from saved arrays and streams.
   * @param updates as {@link Trainer.updates}; without it every player has done one update a step
   * @throws AtelierError naming a missing array or one of another size
   */
  restore(
    step: number,
    streams: StreamsState,
    saved: ReadonlyMap<string, ArrayLike<number>>,
    updates: Readonly<Record<string, number>> = {},
  ): void {
    for (const [name, { data }] of this.tensors()) copySaved(name, data, saved.get(name));
    for (const [name, player] of this.players) player.updates = updates[name] ?? step;
    this.#streams.restore(streams);
    this.step = step;
    this.#hostIsNewer = true;
  }

  /** Run `use` with the averaged weights in the module, where there are any; the trained ones are back afterwards. */
  async averaged<T>(use: () => Promise<T>): Promise<T> {
    await this.#settle();
    const trained = await this.#swapInAverages();
    await this.#settle();
    try {
      return await use();
    } finally {
      for (const [player, weights] of trained) player.parameters.values.set(weights);
      this.#hostIsNewer ||= trained.size > 0;
      await this.#settle();
    }
  }

  async #printProfile({ program }: Stage<I>): Promise<void> {
    const profile = await program.profile().catch((error: Error) => say(error.message));
    if (profile) for (const by of ["op", "layer"] as const) say(profileTable(profile, by));
  }

  /** Free the native sessions. The module keeps its weights. With `ATELIER_DEBUG=4` the step's profile is printed first. */
  async dispose(): Promise<void> {
    if (debugLevel() >= 4 && this.step > 0) for (const stage of this.stages) await this.#printProfile(stage);
    await this.download();
    await Promise.all([
      ...this.stages.map(({ program }) => program.dispose()),
      ...[...this.players.values()].map((player) => player.dispose()),
    ]);
  }
}

interface MoveReport {
  terms: Record<string, number>;
  gradientNorms: Record<string, number>;
}

/** Losses and their named terms, from a run's outputs. */
function readTerms(outputs: Record<string, Float32Array>): Record<string, number> {
  const terms: Record<string, number> = {};
  for (const [name, value] of Object.entries(outputs)) if (name.startsWith("term:")) terms[name.slice(5)] = value[0];
  return terms;
}

function playerOptions<I extends string>(options: TrainerOptions<I>, { clipWeights }: Game<I>, player: string): PlayerOptions {
  const { backend, optimizer = adam(), weightDecay = 0, clipNorm = 0, ema = 0, players } = options;
  const limit = clipWeights?.[player];
  const rule = limit === undefined ? optimizer : clippedWeights(optimizer, limit);
  return { backend, optimizer: rule, weightDecay, clipNorm, ema, measured: players !== undefined || debugLevel() >= 1 };
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
