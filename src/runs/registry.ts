import { mkdir, readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { type FileError, nearest, UsageError } from "../core/errors.ts";
import { fileError } from "../core/node/files.ts";
import { lockHolder } from "./lock.ts";
import { newRecord, type RunRecord, type RunStatus, readRecord, recordFile, writeRecord } from "./record.ts";

/** A run: a folder that describes itself. Copied elsewhere, it works there. */
export class Run {
  readonly folder: string;
  #record: RunRecord;

  /** Use `createRun` and `openRun`. */
  constructor(folder: string, record: RunRecord) {
    this.folder = folder;
    this.#record = record;
  }

  get name(): string {
    return path.basename(this.folder);
  }
  /** What run.json holds; change it through `update`. */
  get record(): Readonly<RunRecord> {
    return this.#record;
  }
  get metricsFile(): string {
    return path.join(this.folder, "metrics.jsonl");
  }
  get checkpointsFolder(): string {
    return path.join(this.folder, "checkpoints");
  }
  get samplesFolder(): string {
    return path.join(this.folder, "samples");
  }
  get eventsFile(): string {
    return path.join(this.folder, "events.jsonl");
  }
  get cardFile(): string {
    return path.join(this.folder, "card.md");
  }

  /** Change fields of run.json: status, results, training. @throws FileError when it cannot be written; the record then stays as it was. */
  async update(changes: Partial<RunRecord>): Promise<void> {
    const record = { ...this.#record, ...changes };
    await writeRecord(this.folder, record);
    this.#record = record;
  }
}

/** What a new run is told; the name is made from the model's where none is given. */
export type NewRun = Omit<RunRecord, "format" | "created" | "status" | "results"> & { name?: string | undefined };

/** The folder that holds the runs: `ATELIER_HOME`, else `runs` in the current folder. It may not exist yet. */
export function runsFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return path.resolve(env.ATELIER_HOME || "runs");
}

/**
 * Make the folder of a new run and its run.json. Without a name it becomes MODEL-001, MODEL-002 ...: making the folder is what claims the
 * name, so two processes never get the same.
 * @throws UsageError for a name that is taken or not allowed, FileError when the folder cannot be written (nothing is left then).
 */
export async function createRun({ name, ...given }: NewRun, home: string = runsFolder()): Promise<Run> {
  if (name !== undefined) checkName(name);
  const record = newRecord(given);
  await mkdir(home, { recursive: true }).catch((error: unknown) => {
    throw fileError(error, `Could not make the folder for runs, ${home}.`);
  });
  const folder = name === undefined ? await claimNumbered(home, given.model) : await claimNamed(home, name);
  try {
    await mkdir(path.join(folder, "checkpoints"));
    await mkdir(path.join(folder, "samples"));
    await writeRecord(folder, record);
  } catch (error) {
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    throw fileError(error, `Could not make the run ${folder}.`);
  }
  return new Run(folder, record);
}

/**
 * Open a run by its name in ATELIER_HOME, or by the path of its folder (anything with a slash, or a folder with a run.json).
 * @throws UsageError when there is none (with the nearest name), FileError when its run.json is damaged.
 */
export async function openRun(nameOrPath: string, home: string = runsFolder()): Promise<Run> {
  const folder = await findRun(nameOrPath, home);
  return new Run(folder, await readRecord(folder));
}

/** One line of the list of runs: a run, or what is wrong with its folder. `state` is the record's status, but `interrupted` where nobody trains any more. */
export type ListedRun =
  | { name: string; folder: string; broken: null; run: Run; state: RunStatus | "interrupted" }
  | { name: string; folder: string; broken: FileError; run: null; state: "broken" };

/** Every run in ATELIER_HOME, oldest first; damaged ones are listed as broken. No folder of runs is no runs. */
export async function listRuns(home: string = runsFolder()): Promise<ListedRun[]> {
  const listed: ListedRun[] = [];
  for (const name of await runNames(home)) {
    const folder = path.join(home, name);
    try {
      const run = new Run(folder, await readRecord(folder));
      listed.push({ name, folder, broken: null, run, state: runState(run) });
    } catch (error) {
      listed.push({ name, folder, broken: fileError(error, "The run cannot be read.", folder), run: null, state: "broken" });
    }
  }
  const created = (entry: ListedRun) => entry.run?.record.created ?? "";
  return listed.sort((a, b) => (created(a) === created(b) ? a.name.localeCompare(b.name) : created(a) < created(b) ? -1 : 1));
}

/** The record's status, but `interrupted` where it says `training` and no living process holds the run. */
export function runState(run: Run): RunStatus | "interrupted" {
  if (run.record.status !== "training") return run.record.status;
  return lockHolder(run.folder) === undefined ? "interrupted" : "training";
}

/**
 * Delete a run's folder, also a broken one. Returns the folder's path.
 * @throws UsageError when there is no such run or a process is training it, FileError when it cannot be deleted.
 */
export async function removeRun(nameOrPath: string, home: string = runsFolder()): Promise<string> {
  const folder = await findRun(nameOrPath, home);
  const holder = lockHolder(folder);
  if (holder !== undefined) {
    throw new UsageError({
      what: `The run ${path.basename(folder)} is being trained.`,
      got: `process ${holder.pid} on ${holder.host}`,
      hint: "stop that process (Ctrl-C) first",
    });
  }
  await rm(folder, { recursive: true }).catch((error: unknown) => {
    throw fileError(error, `Could not remove the run ${folder}.`);
  });
  return folder;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
/** Folders among the runs that are none: prompts that the studio keeps. */
const OTHERS: readonly string[] = ["prompts"];
/** Windows cannot make folders of these names, and a run must be copyable to any machine. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)$/i;

/** @throws UsageError for a name that a run's folder cannot have on every machine */
export function checkName(name: string): void {
  if (NAME.test(name) && !RESERVED.test(name) && !OTHERS.includes(name.toLowerCase())) return;
  throw new UsageError({
    what: "A run cannot have this name.",
    got: JSON.stringify(name),
    expected: "1 to 64 letters, digits, - and _, beginning with a letter or digit",
    hint: NAME.test(name) ? "this name is reserved: choose another" : undefined,
  });
}

async function claimNamed(home: string, name: string): Promise<string> {
  const folder = path.join(home, name);
  if (await claim(folder)) return folder;
  throw new UsageError({
    what: `There is already a run named "${name}".`,
    where: folder,
    hint: `--resume to go on with it, another --run NAME, or "atelier runs remove ${name}"`,
  });
}

async function claimNumbered(home: string, model: string): Promise<string> {
  const numbers = (await readdir(home)).map((name) => (name.startsWith(`${model}-`) ? Number(name.slice(model.length + 1)) : 0));
  let number = Math.max(0, ...numbers.filter(Number.isSafeInteger)) + 1;
  for (;;) {
    const name = `${model}-${String(number).padStart(3, "0")}`;
    checkName(name);
    if (await claim(path.join(home, name))) return path.join(home, name);
    number++;
  }
}

/** Whether the folder was made by this call. @throws FileError when it can be neither made nor found. */
async function claim(folder: string): Promise<boolean> {
  try {
    await mkdir(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw fileError(error, `Could not make the run's folder ${folder}.`);
  }
}

/** Names of the folders that are or were runs; hidden ones and files do not count. */
async function runNames(home: string): Promise<string[]> {
  try {
    const entries = await readdir(home, { withFileTypes: true });
    const names = entries.filter((entry) => !entry.name.startsWith(".") && !entry.isFile()).map((entry) => entry.name);
    return names.filter((name) => !OTHERS.includes(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw fileError(error, "The folder of runs cannot be read.", home);
  }
}

/** The folder of a run, broken or not, by its name in ATELIER_HOME or by path. @throws UsageError when there is none (with the nearest name). */
export async function findRun(nameOrPath: string, home: string): Promise<string> {
  if (nameOrPath === "") throw new UsageError({ what: "A run's name is missing.", hint: 'see "atelier runs" for the names' });
  // A run copied elsewhere, or its run.json: the file is what shows that a folder is a run.
  const asPath = path.basename(nameOrPath) === "run.json" ? path.dirname(path.resolve(nameOrPath)) : path.resolve(nameOrPath);
  const names = await runNames(home);
  if (names.includes(nameOrPath)) return path.join(home, nameOrPath);
  if (await isThere(recordFile(asPath))) return asPath;
  if (await isFolder(asPath))
    throw new UsageError({
      what: `There is no run named "${nameOrPath}".`,
      where: home,
      got: `the folder ${asPath}, which has neither a run.json nor a model's config.json`,
      expected: "a run's name or folder, or a model's folder where a verb takes one",
      hint: "if it is a model's folder it was not fetched or copied completely: do it again",
    });
  const near = nearest(nameOrPath, names);
  const shown = names.length > 12 ? [...names.slice(0, 12), `... (${names.length} in all)`] : names;
  throw new UsageError({
    what: `There is no run named "${nameOrPath}".`,
    where: home,
    expected: names.length === 0 ? "no runs there yet" : `one of: ${shown.join(", ")}`,
    hint: near === undefined ? 'see "atelier runs"; the path of a run\'s folder works too' : `did you mean "${near}"?`,
  });
}

async function isFolder(place: string): Promise<boolean> {
  return (await stat(place).catch(() => undefined))?.isDirectory() ?? false;
}

async function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
