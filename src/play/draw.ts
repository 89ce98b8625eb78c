/** Fresh pictures or points of a model, with what is wished for, given or shown on the way. */
import { nearest, UsageError } from "../core/errors.ts";
import { RandomStreams } from "../core/streams.ts";
import type { GivenPictures, ModelRecord, Pictures, Points, SampleContext, Samples } from "../models/index.ts";
import type { Module } from "../nn/module.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile, type Program } from "../runtime/program.ts";
import { keepKnown } from "../sample/known.ts";

export interface ViewContext {
  record: ModelRecord;
  config: unknown;
  network: Module;
  backend: Backend;
  /** Another way to compile what sampling runs, such as one that keeps programs for the next time. */
  compile?: typeof compile | undefined;
}

export interface SampleWishes {
  /** [count, K], for models that take conditions. */
  conditions?: Float32Array | undefined;
  /** Pictures of which a part is known, for models that fill in. Known pixels come back exactly. */
  given?: GivenPictures | undefined;
  /** Pictures to set out from, for models that start from some. */
  from?: Pictures | undefined;
  /** What of the model's sampling options is not the default, such as `{ steps: 50 }`. */
  sampling?: Readonly<Record<string, unknown>> | undefined;
  /** Called with a copy of what the sampler shows on its way, the finished pictures last. */
  onFrame?: ((pictures: Pictures) => void) | undefined;
  /** Told the seconds that each program took to be made: no part of the drawing itself. */
  onCompiled?: ((seconds: number) => void) | undefined;
  /** Ends the drawing between two runs of a program, with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/**
 * Fresh points, [count, D], for a model that is set up for points; otherwise as {@link drawSamples}.
 * @param onFrame called with a copy of what the sampler shows on its way, the finished points last
 */
export async function drawPoints(
  context: ViewContext,
  count: number,
  seed: number | string,
  {
    conditions,
    sampling,
    onFrame,
    signal,
  }: Pick<SampleWishes, "conditions" | "sampling" | "signal"> & { onFrame?: ((points: Points) => void) | undefined } = {},
): Promise<Points> {
  const copy = ({ data, shape: [rows, size] }: Samples): Points => ({ data: data.slice(), shape: [rows, size] });
  let last: Points | undefined;
  const options = samplingOptions(context.record, sampling);
  for await (const points of samplesOf(context, { count, conditions, options }, seed, { signal })) {
    last = copy(points);
    onFrame?.(last);
  }
  return last!;
}

/** A model's samples as they come about. What its sampler compiled is freed at the end, however that comes: the last sample, an error, a reader who leaves. */
async function* samplesOf(
  { record, network, backend, compile: make = compile }: ViewContext,
  wishes: Omit<SampleContext, "compile">,
  seed: number | string,
  { onCompiled, signal }: Pick<SampleWishes, "onCompiled" | "signal"> = {},
): AsyncGenerator<Samples> {
  const made: Pick<Program, "dispose">[] = [];
  const streams = new RandomStreams(seed);
  const compileSample: SampleContext["compile"] = async (build, options) => {
    const started = performance.now();
    const program = await make(backend, build, { name: `${record.name} sampling`, ...options, streams });
    made.push(program);
    onCompiled?.((performance.now() - started) / 1000);
    return signal === undefined ? program : stoppable(program, signal);
  };
  try {
    yield* record.sample!(network, { ...wishes, compile: compileSample });
  } finally {
    await Promise.all(made.map((program) => program.dispose()));
  }
}

/** How long a sampler that can be stopped keeps the event loop to itself, in milliseconds. */
const HOLD = 30;

/** The program, each of whose runs first looks whether it is still wanted. The event loop must turn for anybody to say so. */
function stoppable<I extends string, O extends string>(program: Program<I, O>, signal: AbortSignal): Program<I, O> {
  const run = program.run.bind(program);
  let last = performance.now();
  program.run = async (...given) => {
    if (performance.now() - last > HOLD) {
      await new Promise<void>((resolve) => setTimeout(resolve));
      last = performance.now();
    }
    signal.throwIfAborted();
    return await run(...given);
  };
  return program;
}

/**
 * Fresh pictures; the same seed gives the same codes, so grids of one run compare. The model must be able to sample.
 * @throws UsageError for given pictures where the model cannot fill in, pictures to start from where it cannot start from any (or none where it must), and
 * sampling options that it does not have
 */
export async function drawSamples(
  context: ViewContext,
  count: number,
  seed: number | string,
  { conditions, given, from, sampling, onFrame, onCompiled, signal }: SampleWishes = {},
): Promise<Pictures> {
  const { record } = context;
  if (given !== undefined && record.fills !== true) {
    throw new UsageError({
      what: `The model "${record.name}" cannot fill in a given picture.`,
      hint: "models that paint pixel by pixel can, and diffusion models: atelier models lists them",
    });
  }
  requireStart(record, from);
  const options = samplingOptions(record, sampling);
  let last: Pictures | undefined;
  for await (const samples of samplesOf(context, { count, conditions, given, from, options }, seed, { onCompiled, signal })) {
    last = requirePictures(samples, record);
    onFrame?.(withKnown(last, given));
  }
  return given === undefined ? last! : withKnown(last!, given);
}

/** @throws UsageError where the model made points */
function requirePictures({ data, shape }: Samples, record: ModelRecord): Pictures {
  if (shape.length === 4) return { data, shape };
  throw new UsageError({ what: `The model "${record.name}" was set up for points: it makes no pictures.`, got: `[${shape.join(", ")}]` });
}

/** A copy with the known pixels as they were given. */
function withKnown({ data, shape }: Pictures, given: GivenPictures | undefined): Pictures {
  const copy = data.slice();
  if (given !== undefined) keepKnown(copy, given.data, given.known, shape);
  return { data: copy, shape };
}

/** @throws UsageError where a model is given pictures to start from and cannot, or cannot do without and is given none */
function requireStart({ name, starts }: Pick<ModelRecord, "name" | "starts">, from: Pictures | undefined): void {
  if (from !== undefined && !starts) throw new UsageError({ what: `The model "${name}" cannot start from a given picture.` });
  if (from === undefined && starts === "needs") {
    throw new UsageError({
      what: `The model "${name}" needs pictures to start from.`,
      hint: "generate RUN --from FILE, or the number of a held-out picture",
    });
  }
}

/** @throws UsageError for guidance of a model that takes no conditions: a wish that is understood, where an unknown name would not be */
export function requireConditions({ name, sampling }: Pick<ModelRecord, "name" | "sampling">, wanted: readonly string[]): void {
  if (!wanted.includes("guidance") || (sampling !== undefined && "guidance" in sampling.shape)) return;
  throw new UsageError({
    what: `The model "${name}" cannot be guided: it takes no conditions.`,
    got: "guidance",
    hint: "models whose names begin with conditional- take some: atelier models",
  });
}

/**
 * A record's sampling options: what is given over its defaults.
 * @throws UsageError for a name that it does not have, with those that it has, or a value out of its range
 */
export function samplingOptions(
  { name, sampling }: Pick<ModelRecord, "name" | "sampling">,
  given: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const known = Object.keys(sampling?.shape ?? {});
  requireConditions({ name, sampling }, Object.keys(given));
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    const near = nearest(unknown, known);
    throw new UsageError({
      what: `The model "${name}" has no sampling option "${unknown}".`,
      expected: known.length === 0 ? "none: there is nothing to choose" : `one of: ${known.join(", ")}`,
      hint: near === undefined ? undefined : `did you mean "${near}"?`,
    });
  }
  if (sampling === undefined) return {};
  const checked = sampling.safeParse(given);
  if (checked.success) return checked.data;
  const [{ path, message }] = checked.error.issues;
  throw new UsageError({
    what: `The sampling option "${path.join(".")}" of "${name}" cannot have this value.`,
    got: String(given[String(path[0])]),
    expected: message,
  });
}
