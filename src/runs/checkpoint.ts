import { createHash } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { FileError } from "../core/errors.ts";
import { fileError, readBytes, TEMPORARY_SUFFIX, writeFileAtomic } from "../core/node/files.ts";
import { decodeSafetensors, type FileTensor, type FileTensors, inFileOrder, safetensorsPieces } from "../pretrained/safetensors.ts";
import type { Run } from "./registry.ts";

/** Anything JSON can hold: loader position, random states, schedule counters, best metric so far ... */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface NewCheckpoint {
  tensors: FileTensors;
  state: Json;
  /** Steps done, 0 or more. */
  step: number;
  /** Keep this one until a better one comes, however many follow. */
  best?: boolean | undefined;
}

export interface Checkpoint {
  file: string;
  step: number;
  tensors: Map<string, FileTensor>;
  state: Json;
  /** SHA-256 of all tensors' bytes in file order, in hex: equal weights and moments give equal hashes. */
  hash: string;
}

export interface LoadRequest {
  /** The model that will take the weights. */
  model: string;
  /** `configHash` of the configuration it was built with. */
  configHash: string;
  /** Its tensors; with them a checkpoint of other names, dtypes or shapes is refused. */
  tensors?: Readonly<Record<string, { dtype: string; shape: readonly number[] }>> | undefined;
  /** Told when a damaged checkpoint is passed over. */
  onWarning?: ((text: string) => void) | undefined;
}

const FORMAT = "atelier-checkpoint-1";
/** How many of the newest checkpoints stay, the best one not counted. */
const KEEP = 2;

/** SHA-256 in hex of a configuration's JSON with sorted keys: the order in which settings were given does not matter. */
export function configHash(config: Readonly<Record<string, unknown>>): string {
  return sha256([JSON.stringify(sorted(config))]);
}

/**
 * Write `checkpoints/step-NNNNNNNN.safetensors` of a run atomically, then remove what is no longer needed: all but the newest two and the best one,
 * checkpoints of later steps (left by a run that went on from an earlier one), temporary files of killed processes. The arrays must not change until
 * the promise resolves. Returns the hash of the tensors' bytes.
 * @throws FileError when it cannot be written; the earlier checkpoints are then untouched.
 */
export async function saveCheckpoint(run: Run, { tensors, state, step, best }: NewCheckpoint): Promise<{ file: string; hash: string }> {
  const pieces = safetensorsPieces(tensors);
  const hash = sha256(pieces.slice(1));
  const { model, config } = run.record;
  const about: About = {
    format: FORMAT,
    model,
    config: configHash(config),
    step: String(step),
    best: String(best ?? false),
    state: JSON.stringify(state),
  };
  const seal = sealOf(about, inFileOrder(tensors));
  const [header] = safetensorsPieces(tensors, { ...about, sha256: hash, seal });
  const file = path.join(run.checkpointsFolder, fileName(step));
  await writeFileAtomic(file, [header, ...pieces.slice(1)]);
  if (best) await writeFileAtomic(bestFile(run), `${JSON.stringify({ step })}\n`);
  await prune(run, step);
  return { file, hash };
}

/** Steps of a run's checkpoints, rising. @throws FileError when the folder cannot be read. */
export async function listCheckpoints(run: Run): Promise<number[]> {
  const names = await readdir(run.checkpointsFolder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw fileError(error, "The run's checkpoints cannot be listed.", run.checkpointsFolder);
  });
  const steps = names.map((name) => /^step-(\d{8,15})\.safetensors$/.exec(name)).filter((match) => match !== null);
  return steps.map((match) => Number(match[1])).sort((a, b) => a - b);
}

/**
 * The newest checkpoint of a run that is whole. A damaged one is passed over with a warning.
 * @throws FileError when there is none, none is whole, or it is for another model, configuration or shapes.
 */
export async function loadLatest(run: Run, request: LoadRequest): Promise<Checkpoint> {
  return loadFirstWhole(run, (await listCheckpoints(run)).reverse(), request);
}

/** The checkpoint last saved as `best`, else as `loadLatest`. @throws FileError as `loadLatest` does. */
export async function loadBest(run: Run, request: LoadRequest): Promise<Checkpoint> {
  const best = await bestStep(run);
  const steps = (await listCheckpoints(run)).reverse();
  return loadFirstWhole(
    run,
    best !== undefined && steps.includes(best) ? [best, ...steps.filter((step) => step !== best)] : steps,
    request,
  );
}

async function loadFirstWhole(run: Run, steps: readonly number[], request: LoadRequest): Promise<Checkpoint> {
  if (steps.length === 0) {
    throw new FileError({
      what: `The run ${run.name} ${run.record.status === "failed" ? "failed before its first checkpoint" : "has no checkpoint yet"}.`,
      where: run.checkpointsFolder,
      hint: `train it first: "atelier train ${run.record.model} --run NAME"`,
    });
  }
  let last: FileError | undefined;
  for (const step of steps) {
    const file = path.join(run.checkpointsFolder, fileName(step));
    try {
      const { about, checkpoint } = await readCheckpoint(file);
      checkFits(file, about, checkpoint.tensors, request);
      return checkpoint;
    } catch (error) {
      if (!(error instanceof DamagedCheckpoint)) throw error;
      last = error.reason;
      request.onWarning?.(`passing over a damaged checkpoint, ${last.message}`);
    }
  }
  throw new FileError({
    what: `None of the checkpoints of run ${run.name} is whole.`,
    where: run.checkpointsFolder,
    got: last?.problem.what,
    hint: "copy the run's folder again from where it is whole, or train anew",
    cause: last,
  });
}

/** What is in the metadata of a checkpoint, except the two hashes. All texts, as the format asks. */
interface About {
  format: string;
  model: string;
  config: string;
  step: string;
  best: string;
  state: string;
}

/** Marks damage that an earlier checkpoint can stand in for, as against a checkpoint that is whole but does not fit. */
class DamagedCheckpoint extends Error {
  readonly reason: FileError;
  constructor(reason: FileError) {
    super(reason.message);
    this.reason = reason;
  }
}

async function readCheckpoint(file: string): Promise<{ about: About; checkpoint: Checkpoint }> {
  try {
    const bytes = await readBytes(file);
    const { tensors, metadata, body } = decodeSafetensors(bytes, { file });
    const { sha256: hash, seal, ...rest } = metadata;
    if (metadata.format !== FORMAT) {
      throw new FileError({
        what: "The file is not a checkpoint of this version.",
        where: `${file}, __metadata__.format`,
        got: metadata.format ?? "nothing",
        expected: FORMAT,
      });
    }
    const about = rest as unknown as About;
    if (sealOf(about, tensors) !== seal)
      throw new FileError({ what: "The checkpoint's header is damaged.", where: `${file}, __metadata__.seal`, got: seal });
    const found = sha256([body]);
    if (found !== hash)
      throw new FileError({ what: "The checkpoint's weights are damaged.", where: file, got: `SHA-256 ${found}`, expected: hash });
    return { about, checkpoint: { file, step: Number(about.step), tensors, state: JSON.parse(about.state) as Json, hash } };
  } catch (error) {
    if (error instanceof FileError) throw new DamagedCheckpoint(error);
    throw error;
  }
}

function checkFits(file: string, about: About, tensors: ReadonlyMap<string, FileTensor>, request: LoadRequest): void {
  if (about.model !== request.model) {
    throw new FileError({
      what: "The checkpoint is for another model.",
      where: file,
      got: about.model,
      expected: request.model,
      hint: `use it with "${about.model}"`,
    });
  }
  for (const [name, want] of Object.entries(request.tensors ?? {})) {
    const have = tensors.get(name);
    if (have !== undefined && describe(have) === describe(want)) continue;
    throw new FileError({
      what: "The checkpoint does not fit the model.",
      where: `${file}, tensor "${name}"`,
      got: have === undefined ? "no such tensor" : describe(have),
      expected: describe(want),
      hint: "build the model with the settings of the run",
    });
  }
  const extra = request.tensors === undefined ? undefined : [...tensors.keys()].find((name) => !Object.hasOwn(request.tensors ?? {}, name));
  if (extra !== undefined) {
    throw new FileError({
      what: "The checkpoint does not fit the model.",
      where: file,
      got: `a tensor "${extra}"`,
      expected: "only tensors that the model has",
    });
  }
  if (about.config !== request.configHash) {
    throw new FileError({
      what: "The checkpoint was made with other settings of the model.",
      where: file,
      got: `configuration ${about.config.slice(0, 12)}`,
      expected: `configuration ${request.configHash.slice(0, 12)}`,
      hint: "leave out --set and --preset to go on with the run's own settings",
    });
  }
}

/** Everything in the header that the tensors' own hash does not cover. */
function sealOf(about: About, tensors: Iterable<[string, FileTensor]>): string {
  const { format, model, config, step, best, state } = about;
  const index = [...tensors].map(([name, { dtype, shape }]) => `${name} ${dtype} [${shape.join()}]`).sort();
  return sha256([JSON.stringify([format, model, config, step, best, state, index])]);
}

async function prune(run: Run, step: number): Promise<void> {
  const best = await bestStep(run);
  const steps = await listCheckpoints(run);
  const newest = steps.filter((other) => other <= step).slice(-KEEP);
  const dropped = steps.filter((other) => other > step || (!newest.includes(other) && other !== best)).map(fileName);
  const partial = (await readdir(run.checkpointsFolder)).filter((name) => name.endsWith(TEMPORARY_SUFFIX));
  for (const name of [...dropped, ...partial]) await rm(path.join(run.checkpointsFolder, name), { force: true });
}

/** The step marked best; undefined when none is or the mark cannot be read. */
async function bestStep(run: Run): Promise<number | undefined> {
  try {
    const { step } = JSON.parse(await readFile(bestFile(run), "utf8")) as { step: unknown };
    return Number.isSafeInteger(step) ? (step as number) : undefined;
  } catch {
    return undefined;
  }
}

function bestFile(run: Run): string {
  return path.join(run.checkpointsFolder, "best.json");
}

function fileName(step: number): string {
  return `step-${String(step).padStart(8, "0")}.safetensors`;
}

function describe({ dtype, shape }: { dtype: string; shape: readonly number[] }): string {
  return `${dtype} [${shape.join(", ")}]`;
}

const HASH_BYTES = 2 ** 30;

function sha256(pieces: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const piece of pieces) {
    // One call takes less than 2 GiB.
    if (typeof piece === "string") hash.update(piece);
    else for (let i = 0; i < piece.length; i += HASH_BYTES) hash.update(piece.subarray(i, i + HASH_BYTES));
  }
  return hash.digest("hex");
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
