import { RuntimeError } from "../core/errors.ts";
import { FlatUpdate } from "../optim/apply.ts";
import { clipFactor, GradientNorm } from "../optim/clip.ts";
import { averaging, ExponentialAverage } from "../optim/ema.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { Backend, DeviceMemory } from "../runtime/backend.ts";
import type { FlatParameters } from "./flat.ts";

export interface PlayerOptions {
  backend: Backend;
  optimizer: Optimizer;
  weightDecay: number;
  clipNorm: number;
  ema: number;
  /** Whether the gradient's norm is wanted though it is not clipped. */
  measured: boolean;
}

/** Parameters that are moved together: one flat vector, its gradients, its optimizer, and their averages where there are any. */
export class Player {
  readonly parameters: FlatParameters;
  readonly average: ExponentialAverage | undefined;
  /** Updates done: what bias corrections count. */
  updates = 0;
  readonly #update: FlatUpdate;
  readonly #norm: GradientNorm | undefined;
  readonly #averaging: FlatUpdate | undefined;
  readonly #clipNorm: number;
  readonly #memory: DeviceMemory | undefined;
  /** What the device keeps between steps, but for the optimizer's own. */
  readonly #kept: readonly Float32Array[];

  private constructor(options: PlayerOptions, parts: PlayerParts) {
    this.parameters = parts.parameters;
    this.average = parts.average;
    this.#update = parts.update;
    this.#norm = parts.norm;
    this.#averaging = parts.averaging;
    this.#kept = parts.kept;
    this.#clipNorm = options.clipNorm;
    this.#memory = options.backend.memory;
  }

  /** Load the programs that move it. @throws RuntimeError from the backend */
  static async load(options: PlayerOptions, parameters: FlatParameters): Promise<Player> {
    const { backend, optimizer, weightDecay, clipNorm, ema, measured } = options;
    const { ranges, values, gradients } = parameters;
    const average = ema > 0 ? new ExponentialAverage(values, ema) : undefined;
    const vectors = [values, gradients, ...(average === undefined ? [] : [average.values])];
    const kept = backend.memory === undefined ? [] : vectors.flatMap((vector) => ranges.map((_, i) => parameters.view(vector, i)));
    backend.memory?.keep(kept);
    const scaled = clipNorm > 0;
    const groups = [{ start: 0, end: values.length, weightDecay }];
    const update = await FlatUpdate.create({ backend, optimizer, parameters: values, gradients, groups, scaled, pieces: ranges });
    const norm = scaled || measured ? await GradientNorm.create(backend, gradients, ranges) : undefined;
    const averaging = await averagingOnDevice(backend, parameters, average);
    return new Player(options, { parameters, update, norm, average, averaging, kept });
  }

  /** The norm of the gradients that stand in their vector, where it is measured. */
  async gradientNorm(): Promise<number | undefined> {
    return this.#norm?.norm();
  }

  /** Whether all gradients that stand in their vector are finite. */
  async hasFiniteGradients(): Promise<boolean> {
    await this.#memory?.read(this.#kept);
    return this.parameters.gradients.every((g) => Number.isFinite(g));
  }

  /** Renew the parameters from the gradients that stand in their vector. */
  async apply(learningRate: number, gradientNorm: number | undefined): Promise<void> {
    const scale = gradientNorm === undefined || this.#clipNorm === 0 ? 1 : clipFactor(gradientNorm, this.#clipNorm);
    this.updates++;
    await this.#update.step(this.updates, learningRate, scale);
    if (this.#averaging === undefined) this.average?.update(this.parameters.values);
    else await this.#averaging.step(this.updates, 0);
  }

  /** Arrays that the device keeps between steps. */
  get kept(): readonly Float32Array[] {
    return [...this.#kept, ...this.#update.kept];
  }

  /** The optimizer's arrays by name, as flat vectors of the parameters' layout. */
  get slots(): Readonly<Record<string, Float32Array>> {
    return this.#update.slots;
  }

  /** Put the averages over the parameters, and return the parameters as they were. @throws RuntimeError where there are no averages */
  swapInAverage(): Float32Array {
    if (this.average === undefined) throw new RuntimeError("This player keeps no averages.");
    const trained = this.parameters.values.slice();
    this.parameters.values.set(this.average.values);
    return trained;
  }

  async dispose(): Promise<void> {
    await Promise.all([this.#norm?.dispose(), this.#averaging?.dispose(), this.#update.dispose()]);
    this.#memory?.release(this.#kept);
  }
}

interface PlayerParts {
  parameters: FlatParameters;
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
