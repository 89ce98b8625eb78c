import { allocate, bytesPerElement, type DType, type Shape, sizeOf, type TypedArray } from "../core/dtype.ts";
import { AtelierError, type Problem, RuntimeError } from "../core/errors.ts";
import { RandomStreams } from "../core/streams.ts";
import { collect, type Graph, roleOf } from "../graph/graph.ts";
import { isLeaf, type State } from "../graph/leaf.ts";
import type { KernelSource } from "../graph/onnx.ts";
import { input } from "../graph/ops/source.ts";
import { simplify } from "../graph/passes/simplify.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type Draw, Trace, withTrace } from "../graph/trace.ts";
import { verify } from "../graph/verify.ts";
import { lower } from "../lower/lower.ts";
import type { Backend, Binding, Executable } from "./backend.ts";
import { debugGraph, debugLevel, debugModel } from "./debug.ts";
import { type ProgramProfile, profileProgram } from "./profile.ts";
import { sharedSession } from "./program-cache.ts";
import { explainRefusal } from "./unsupported.ts";

export interface InputSpec {
  shape: Shape;
  /** Default float32. */
  dtype?: DType;
  /** `setting` for numbers that change while training (weights of terms, fade-in); `batch` (default) for data. */
  role?: "batch" | "setting";
}

export interface CompileOptions<I extends string = string> {
  /** Inputs by name. */
  inputs?: Readonly<Record<I, InputSpec>>;
  /** Whether layers are in their training mode. Default false. */
  training?: boolean;
  /** Where the program's random inputs are drawn from. Default: streams of seed 0. */
  streams?: RandomStreams;
  /** Shown in errors and profiles. */
  name?: string;
  /** Host arrays to write outputs into, by name; the others are allocated. */
  outputs?: Readonly<Record<string, TypedArray>>;
  /** Bake the present values of parameters and state into the program: faster, but it no longer follows training. */
  frozen?: boolean;
}

/** A function that builds graph from named inputs. It is run once. */
export type Build<I extends string, O extends string> = (inputs: Record<I, Tensor>, trace: Trace) => Record<O, Tensor>;

/**
 * Trace a function into a program: run it once on symbols, simplify the graph, lower it for the backend, and bind its inputs, outputs, parameters and
 * state to host arrays. Parameters and state are read in place, so the program always sees their present values.
 *
 * @throws ShapeError from the function's ops; AtelierError when an output has no shape to bind; RuntimeError from the backend
 */
export async function compile<I extends string, O extends string>(
  backend: Backend,
  build: Build<I, O>,
  options: CompileOptions<I> = {},
): Promise<Program<I, O>> {
  const { inputs: specs = {} as Record<I, InputSpec>, training = false, name = "program", frozen = false } = options;
  const trace = new Trace({ training });
  const symbols = {} as Record<I, Tensor>;
  for (const key of Object.keys(specs) as I[])
    symbols[key] = input(key, specs[key].shape, specs[key].dtype ?? "float32", specs[key].role ?? "batch");
  const results = withTrace(trace, () => build(symbols, trace));
  const updates = [...trace.updates].map(([state, tensor], i) => ({ name: `state:${i}`, state, tensor }));
  const outputs = (Object.keys(results) as O[]).map((key) => ({ name: outputName(key, specs), tensor: results[key] }));
  const demands = trace.demands.map(({ holds, problem }, i) => ({ name: `demand:${i}`, tensor: holds, problem }));
  const traced = nameLeaves(collect([...outputs, ...updates, ...demands]));
  const graph = simplify(traced);
  if (debugLevel() >= 1) verify(graph, "simplify");
  debugGraph(name, traced, graph);
  const baked = frozen ? leafData(graph) : undefined;
  if (baked !== undefined) await backend.memory?.read(Object.values(baked));
  const optimize = frozen ? "all" : "none";
  const load = (): Promise<Executable> => {
    const { model, kernels } = writeModel(backend, graph, baked);
    debugModel(name, model);
    return backend.load(model, { name, optimize, kernels });
  };
  const executable = await (frozen ? load() : sharedSession(backend, graph, load)).catch(async (error: unknown) => {
    throw await explainRefusal(backend, graph, name, error);
  });
  return new Program<I, O>({
    executable,
    graph,
    profile: (inputs, outputs, runs) => {
      const { model, kernels } = writeModel(backend, graph, baked);
      return profileProgram(backend, graph, model, { name, optimize, kernels, inputs, outputs, runs });
    },
    updates,
    demands,
    draws: trace.draws,
    outputNames: Object.keys(results) as O[],
    options,
    specs,
    frozen,
  });
}

/**
 * The model of a graph, and the kernels of our own that it needs. With baked weights they are only used where a convolution or a recurrence is among
 * them: the runtime's own fusions serve the rest better.
 */
function writeModel(backend: Backend, graph: Graph, baked: Arrays | undefined): { model: Uint8Array; kernels: KernelSource | undefined } {
  const { target } = backend;
  const kernels = backend.collectKernels?.();
  const model = lower(graph, { target, baked, channelBlock: baked === undefined ? backend.channelBlock : 0, kernels });
  if (baked === undefined || kernels === undefined || kernels.heavy) return { model, kernels };
  return { model: lower(graph, { target, baked }), kernels: undefined };
}

/** An output may be named like an input (`x` in, `x` out); in the graph, where names are of one kind, it gets a mark. */
function outputName(key: string, specs: Readonly<Record<string, InputSpec>>): string {
  return Object.hasOwn(specs, key) ? `${key}'` : key;
}

/** Leaves are numbered in the order a program meets them: their names inside one program need only be distinct and stable. */
export function nameLeaves(graph: Graph): Graph {
  let count = 0;
  const inputs = graph.inputs.map(({ name, tensor }) => ({ name: isLeaf(tensor) ? `leaf:${count++}` : name, tensor }));
  return { ...graph, inputs };
}

function leafData(graph: Graph): Record<string, TypedArray> {
  return Object.fromEntries(graph.inputs.flatMap(({ name, tensor }) => (isLeaf(tensor) ? [[name, tensor.data]] : [])));
}

type Arrays = Readonly<Record<string, TypedArray>>;

interface ProgramParts<I extends string, O extends string> {
  executable: Executable;
  graph: Graph;
  profile: (inputs: Arrays, outputs: Arrays, runs: number) => Promise<ProgramProfile>;
  updates: readonly { name: string; state: State; tensor: Tensor }[];
  demands: readonly { name: string; problem: Problem }[];
  draws: readonly Draw[];
  outputNames: readonly O[];
  options: CompileOptions<I>;
  specs: Readonly<Record<I, InputSpec>>;
  frozen: boolean;
}

/** Below this many milliseconds a synchronous call costs less than handing the run to another thread. */
const shortRun = 1.5;
/** Call back at the event loop's next turn. A timer of 0 ms waits a whole one, which short steps would feel; pages only have timers. */
const nextTurn = (resolve: () => void): unknown => (typeof setImmediate === "function" ? setImmediate(resolve) : setTimeout(resolve, 0));

/** How often a stretch of synchronous runs lets the event loop breathe. */
const breathe = 15;

/** A compiled function, bound to its arrays: write `inputs`, `run()`, read `outputs`. */
export class Program<I extends string = string, O extends string = string> {
  readonly name: string;
  readonly graph: Graph;
  /** Bound arrays by input name; write the batch here, or pass it to {@link run}. */
  readonly inputs: Record<I, TypedArray>;
  /** Bound arrays by output name, overwritten by each run. */
  readonly outputs: Record<O, TypedArray>;
  readonly #executable: Executable;
  readonly #binding: Binding;
  #disposed: Promise<void> | undefined;
  readonly #fills: (() => void)[];
  readonly #commits: (() => void)[];
  readonly #demands: ProgramParts<I, O>["demands"];
  readonly #bound: Arrays;
  readonly #fetched: Arrays;
  readonly #profile: ProgramParts<I, O>["profile"];
  #milliseconds = Number.POSITIVE_INFINITY;
  #lastBreath = 0;

  constructor({ executable, graph, profile, updates, demands, draws, outputNames, options, specs, frozen }: ProgramParts<I, O>) {
    this.name = options.name ?? executable.name;
    this.graph = graph;
    this.#executable = executable;
    const used = new Map(graph.inputs.map(({ name, tensor }) => [name, tensor]));
    const bound: Record<string, TypedArray> = {};
    this.inputs = {} as Record<I, TypedArray>;
    for (const key of Object.keys(specs) as I[]) {
      const spec = specs[key];
      this.inputs[key] = allocate(spec.dtype ?? "float32", sizeOf(spec.shape));
      if (used.has(key)) bound[key] = this.inputs[key];
    }
    for (const [name, tensor] of used) if (!frozen && isLeaf(tensor)) bound[name] = tensor.data;
    const streams = options.streams ?? new RandomStreams(0);
    this.#fills = draws.flatMap((draw) => (used.has(draw.name) ? [filler(draw, streams, bound)] : []));
    this.outputs = {} as Record<O, TypedArray>;
    const fetched: Record<string, TypedArray> = {};
    const keys = new Map(outputNames.map((key) => [outputName(key, specs), key]));
    for (const { name, tensor } of graph.outputs)
      fetched[name] = options.outputs?.[keys.get(name) ?? name] ?? allocate(tensor.dtype, tensor.size);
    for (const [name, key] of keys) this.outputs[key] = fetched[name];
    this.#commits = updates.map(
      ({ name, state }) =>
        () =>
          copyInto(state.data, fetched[name]),
    );
    this.#demands = demands;
    this.#bound = bound;
    this.#fetched = fetched;
    this.#profile = profile;
    this.#binding = executable.bind(bound, fetched);
  }

  /** Names of inputs by what fills them. */
  inputNames(role: ReturnType<typeof roleOf>): string[] {
    return this.graph.inputs.filter(({ tensor }) => roleOf(tensor) === role).map(({ name }) => name);
  }

  /** What the last run drew for a random input, by its name in the graph (`random:noise`). */
  drawn(name: string): Float32Array {
    return this.#bound[name] as Float32Array;
  }

  /** Bytes of the arrays bound to this program, parameters included. */
  get boundBytes(): number {
    return [...this.graph.inputs, ...this.graph.outputs].reduce(
      (total, { tensor }) => total + tensor.size * bytesPerElement[tensor.dtype],
      0,
    );
  }

  /**
   * Copy `feeds` into the bound inputs, draw the random ones, run, and renew the state.
   * @param accept looks at the outputs and may refuse them: the state then stays as it was
   * @returns the bound output arrays, which the next run overwrites
   * @throws AtelierError for an unknown input or one of the wrong length, or where a demand of the traced code does not hold; RuntimeError from the backend
   */
  async run(
    feeds: Partial<Record<I, TypedArray | readonly number[]>> = {},
    accept: (outputs: Record<O, TypedArray>) => boolean | Promise<boolean> = () => true,
  ): Promise<Record<O, TypedArray>> {
    for (const key of Object.keys(feeds) as I[]) this.#feed(key, feeds[key]!);
    for (const fill of this.#fills) fill();
    await this.#execute();
    for (const { name, problem } of this.#demands)
      if (this.#fetched[name][0] === 0) throw new AtelierError({ ...problem, where: problem.where ?? `in the program "${this.name}"` });
    if (await accept(this.outputs)) for (const commit of this.#commits) commit();
    return this.outputs;
  }

  async #execute(): Promise<void> {
    const started = performance.now();
    if (this.#binding.runSync !== undefined && this.#milliseconds < shortRun) {
      this.#binding.runSync();
      this.#milliseconds = performance.now() - started;
      if (started - this.#lastBreath > breathe) {
        this.#lastBreath = started;
        await new Promise<void>(nextTurn);
      }
      return;
    }
    await this.#binding.run();
    this.#milliseconds = performance.now() - started;
  }

  #feed(key: I, values: TypedArray | readonly number[]): void {
    const target = this.inputs[key];
    if (target === undefined)
      throw new AtelierError({
        what: `The program "${this.name}" has no input "${key}".`,
        expected: `one of: ${Object.keys(this.inputs).join(", ")}`,
      });
    if (values.length !== target.length) {
      throw new RuntimeError({
        what: `The value for input "${key}" of "${this.name}" has the wrong length.`,
        got: `${values.length}`,
        expected: `${target.length}`,
      });
    }
    copyInto(target, values);
  }

  /** The arrays that the graph's inputs are bound to, by their names in the graph: what the last run read. */
  get bound(): Arrays {
    return this.#bound;
  }

  /**
   * Where the time goes: the graph is run `runs` times (default 10) on the values that are bound now, in a session of its own with the runtime's
   * profiler on. The arrays stay as they are.
   * @throws RuntimeError where the backend has no profiler
   */
  profile(runs = 10): Promise<ProgramProfile> {
    return this.#profile(this.#bound, this.#fetched, runs);
  }

  /** Free the native session, once. The arrays stay. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#free();
    return this.#disposed;
  }

  async #free(): Promise<void> {
    this.#binding.dispose();
    await this.#executable.dispose();
  }
}

function filler(draw: Draw, streams: RandomStreams, bound: Record<string, TypedArray>): () => void {
  const stream = streams.get(draw.name);
  const array = new Float32Array(draw.tensor.size);
  bound[draw.name] = array;
  return draw.kind === "normal" ? () => stream.fillNormal(array) : () => stream.fillUniform(array);
}

/** Copy numbers between arrays of one kind, or integers given as plain numbers into int64. */
function copyInto(target: TypedArray, source: TypedArray | readonly number[]): void {
  if (target instanceof BigInt64Array) {
    if (source instanceof BigInt64Array) target.set(source);
    else for (let i = 0; i < target.length; i++) target[i] = BigInt(source[i]);
  } else target.set(source as ArrayLike<number>);
}
