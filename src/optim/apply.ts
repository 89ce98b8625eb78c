import { AtelierError } from "../core/errors.ts";
import { collect } from "../graph/graph.ts";
import { input } from "../graph/ops/source.ts";
import { simplify } from "../graph/passes/simplify.ts";
import type { Tensor } from "../graph/tensor.ts";
import { lower } from "../lower/lower.ts";
import type { Backend, Binding, DeviceMemory, Executable } from "../runtime/backend.ts";
import type { Optimizer } from "./optimizer.ts";

/** Chunks of this many elements stay in the processor's cache while several passes are made over them (measured). */
const chunkLength = 262_144;

/** A range of the flat parameter vector that shares settings. */
export interface ParameterGroup {
  /** Element range [start, end) of the flat vector. */
  start: number;
  end: number;
  /** Factor on the learning rate; 0 freezes the group. Default 1. */
  scale?: number;
  weightDecay?: number;
}

export interface Range {
  start: number;
  end: number;
}

interface Chunk {
  group: ParameterGroup;
  binding: Binding;
  scalars: Record<string, Float32Array>;
}

export interface FlatUpdateOptions {
  backend: Backend;
  optimizer: Optimizer;
  /** Flat parameters, renewed in place. */
  parameters: Float32Array;
  /** Flat gradients. */
  gradients: Float32Array;
  /** Default: one group over everything, without decay. */
  groups?: readonly ParameterGroup[];
  /** Ranges that a device keeps as arrays of their own, whose chunks they become. Only used with a device memory; default: the whole vector. */
  pieces?: readonly Range[];
  /** Whether steps will be given a factor on the gradient (for clipping). Default false. */
  scaled?: boolean;
}

/**
 * Applies an optimizer to flat vectors, in place and chunk by chunk: one small program for all models, each of its inputs also its output. In-place
 * is safe because every op of the update is elementwise.
 */
export class FlatUpdate {
  readonly optimizer: Optimizer;
  /** Flat slots by name, for checkpoints; on a device they are read first ({@link kept}). */
  readonly slots: Readonly<Record<string, Float32Array>>;
  readonly #chunks: readonly Chunk[];
  readonly #executables: readonly Executable[];
  readonly #memory: DeviceMemory | undefined;
  /** Slots as the device keeps them. */
  readonly #kept: readonly Float32Array[];
  /** Factor on every gradient, for clipping. */
  readonly #gradientScale: Float32Array;

  private constructor(optimizer: Optimizer, parts: FlatUpdateParts) {
    this.optimizer = optimizer;
    this.slots = parts.slots;
    this.#chunks = parts.chunks;
    this.#executables = parts.executables;
    this.#gradientScale = parts.gradientScale;
    this.#memory = parts.memory;
    this.#kept = parts.kept;
  }

  /** Load the update programs. @throws AtelierError where gradients and parameters differ in length; RuntimeError from the backend */
  static async create(options: FlatUpdateOptions): Promise<FlatUpdate> {
    const { backend, optimizer, parameters, gradients, groups = [{ start: 0, end: parameters.length }], scaled = false } = options;
    requireMatch(parameters, gradients);
    const slots = Object.fromEntries(optimizer.slots.map((name) => [name, new Float32Array(parameters.length)]));
    const gradientScale = Float32Array.of(1);
    const decays = groups.some((group) => group.weightDecay);
    const scalarNames = Object.keys(optimizer.coefficients(1, 1, decays ? 0 : undefined));
    const programs = new Map<number, Executable>();
    const chunks: Chunk[] = [];
    const kept: Float32Array[] = [];
    const ranges =
      backend.memory === undefined ? split(groups) : splitPieces(groups, options.pieces ?? [{ start: 0, end: parameters.length }]);
    for (const { group, start, end } of ranges) {
      const program = programs.get(end - start) ?? (await loadUpdate(backend, optimizer, end - start, scalarNames, scaled));
      programs.set(end - start, program);
      const scalars = Object.fromEntries(scalarNames.map((name) => [name, new Float32Array(1)]));
      const views = Object.fromEntries(optimizer.slots.map((name) => [`slot:${name}`, slots[name].subarray(start, end)]));
      backend.memory?.keep(Object.values(views));
      kept.push(...Object.values(views));
      const parameter = parameters.subarray(start, end);
      const factor: Record<string, Float32Array> = scaled ? { gradientScale } : {};
      const inputs = { parameter, gradient: gradients.subarray(start, end), ...factor, ...prefixed("scalar:", scalars), ...views };
      const outputs = { "parameter'": parameter, ...Object.fromEntries(Object.entries(views).map(([name, view]) => [`${name}'`, view])) };
      chunks.push({ group, scalars, binding: program.bind(inputs, outputs) });
    }
    const { memory } = backend;
    return new FlatUpdate(optimizer, { slots, chunks, executables: [...programs.values()], gradientScale, memory, kept });
  }

  /** Arrays that the device keeps between steps, to be read before the slots are. */
  get kept(): readonly Float32Array[] {
    return this.#kept;
  }

  /**
   * One update of every group that is not frozen.
   * @param step counted from 1
   * @param gradientScale factor on the gradient; only for an update made with `scaled`
   */
  async step(step: number, learningRate: number, gradientScale = 1): Promise<void> {
    this.#gradientScale[0] = gradientScale;
    for (const { group, scalars, binding } of this.#chunks) {
      if (group.scale === 0) continue;
      const values = this.optimizer.coefficients(step, learningRate * (group.scale ?? 1), group.weightDecay ?? 0);
      for (const name of Object.keys(scalars)) scalars[name][0] = values[name];
      if (binding.runSync !== undefined) binding.runSync();
      else await binding.run();
    }
  }

  /** Free the native sessions. The arrays stay. */
  async dispose(): Promise<void> {
    for (const { binding } of this.#chunks) binding.dispose();
    await Promise.all(this.#executables.map((executable) => executable.dispose()));
    this.#memory?.release(this.#kept);
  }
}

interface FlatUpdateParts {
  slots: Record<string, Float32Array>;
  chunks: Chunk[];
  executables: Executable[];
  gradientScale: Float32Array;
  memory: DeviceMemory | undefined;
  kept: Float32Array[];
}

function prefixed<T>(prefix: string, values: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]));
}

function requireMatch(parameters: Float32Array, gradients: Float32Array): void {
  if (parameters.length === gradients.length) return;
  throw new AtelierError({
    what: "The flat gradients do not match the flat parameters.",
    got: `${gradients.length}`,
    expected: `${parameters.length}`,
  });
}

function* split(groups: readonly ParameterGroup[]): Generator<{ group: ParameterGroup; start: number; end: number }> {
  for (const group of groups) {
    for (let start = group.start; start < group.end; start += chunkLength)
      yield { group, start, end: Math.min(start + chunkLength, group.end) };
  }
}

/** The parts of a device's pieces that lie in each group: as long as they are, for a device has no use for chunks that fit a cache. */
function* splitPieces(
  groups: readonly ParameterGroup[],
  pieces: readonly Range[],
): Generator<{ group: ParameterGroup; start: number; end: number }> {
  for (const group of groups) {
    for (const piece of pieces) {
      const start = Math.max(group.start, piece.start);
      const end = Math.min(group.end, piece.end);
      if (start < end) yield { group, start, end };
    }
  }
}

async function loadUpdate(
  backend: Backend,
  optimizer: Optimizer,
  length: number,
  scalarNames: readonly string[],
  scaled: boolean,
): Promise<Executable> {
  const parameter = input("parameter", [length], "float32", "state");
  const raw = input("gradient", [length], "float32", "batch");
  const gradient = scaled ? raw.mul(input("gradientScale", [], "float32", "setting")) : raw;
  const slots = Object.fromEntries(optimizer.slots.map((name) => [name, input(`slot:${name}`, [length], "float32", "state")]));
  const scalars = Object.fromEntries(scalarNames.map((name) => [name, input(`scalar:${name}`, [], "float32", "setting")]));
  const result = optimizer.update(parameter, gradient, slots, scalars);
  const outputs: [string, Tensor][] = [
    ["parameter'", result.parameter],
    ...optimizer.slots.map((name): [string, Tensor] => [`slot:${name}'`, result.slots[name]]),
  ];
  const graph = simplify(collect(outputs.map(([name, tensor]) => ({ name, tensor }))));
  // In one pass where there are kernels for it; each place is read before it is written, so slots may be updated in place.
  const kernels = backend.collectKernels?.();
  const model = lower(graph, { target: backend.target, kernels });
  return backend.load(model, { name: `${optimizer.name} update of ${length}`, optimize: "none", kernels });
}
