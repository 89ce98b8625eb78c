/** One trainer per run: a file that names the process, believed only while that process lives. */
import { randomUUID } from "node:crypto";
import { readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { UsageError } from "../core/errors.ts";
import { fileError } from "../core/node/files.ts";
import { processStart } from "../core/node/process-start.ts";

/** Who holds a run. */
export interface LockHolder {
  pid: number;
  host: string;
  /** When the process started, as the system tells it: another process that got the same pid later is not the holder. */
  started: string;
  /** Distinguishes two locks of one process. */
  token: string;
}

export interface RunLock {
  /** Give the run free. Calling it twice is harmless. */
  release(): void;
}

/** A holder on another machine cannot be asked whether it lives: it touches its lock this often, and is given up after the longer time. */
const HEARTBEAT_MS = 30_000;
const SILENCE_MS = 150_000;
/** A lock that is being written is empty for an instant. */
const WRITING_MS = 5_000;

/**
 * Hold a run's folder for training until `release` or the end of this process.
 * @throws UsageError when a living process holds it, FileError when the folder cannot be written.
 */
export function lockRun(folder: string): RunLock {
  const file = lockFile(folder);
  const mine: LockHolder = { pid: process.pid, host: hostname(), started: processStart(process.pid) ?? "", token: randomUUID() };
  while (!create(file, mine)) {
    const found = read(file)?.token;
    const holder = lockHolder(folder);
    if (holder !== undefined) throw heldError(folder, holder);
    discardStale(file, found);
  }
  const heartbeat = setInterval(() => touch(file), HEARTBEAT_MS);
  heartbeat.unref();
  const release = () => {
    clearInterval(heartbeat);
    process.off("exit", release);
    if (read(file)?.token === mine.token) rmSync(file, { force: true });
  };
  process.on("exit", release);
  return { release };
}

/** The living process that trains the run in `folder`, or undefined. */
export function lockHolder(folder: string): LockHolder | undefined {
  const file = lockFile(folder);
  const age = ageOf(file);
  if (age === undefined) return undefined;
  const holder = read(file);
  if (holder === undefined) return age < WRITING_MS ? { pid: 0, host: hostname(), started: "", token: "" } : undefined;
  if (holder.host !== hostname()) return age < SILENCE_MS ? holder : undefined;
  const started = processStart(holder.pid);
  return started !== undefined && (started === holder.started || holder.started === "" || started === "") ? holder : undefined;
}

function lockFile(folder: string): string {
  return path.join(folder, "train.lock");
}

function create(file: string, holder: LockHolder): boolean {
  try {
    writeFileSync(file, JSON.stringify(holder), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw fileError(error, `Could not lock the run ${path.dirname(file)}.`);
  }
}

/** Renamed before it is deleted, and put back when another process has replaced the stale lock by its own in between. */
function discardStale(file: string, staleToken: string | undefined): void {
  const aside = `${file}.${randomUUID().slice(0, 8)}`;
  try {
    renameSync(file, aside);
    if (read(aside)?.token === staleToken) rmSync(aside, { force: true });
    else renameSync(aside, file);
  } catch {
    // Another process was quicker; who holds the run now is found in the next round.
  }
}

function read(file: string): LockHolder | undefined {
  try {
    const holder = JSON.parse(readFileSync(file, "utf8")) as LockHolder;
    return Number.isInteger(holder.pid) && typeof holder.token === "string" ? holder : undefined;
  } catch {
    return undefined;
  }
}

function ageOf(file: string): number | undefined {
  const info = statSync(file, { throwIfNoEntry: false });
  return info === undefined ? undefined : Date.now() - info.mtimeMs;
}

function touch(file: string): void {
  try {
    utimesSync(file, new Date(), new Date());
  } catch {
    // The folder may have been removed under us; training reports that itself when it next writes.
  }
}

function heldError(folder: string, holder: LockHolder): UsageError {
  return new UsageError({
    what: `The run ${path.basename(folder)} is being trained by another process.`,
    where: folder,
    got: `process ${holder.pid} on ${holder.host}`,
    hint: `stop that process (Ctrl-C) first, or train another run; if it surely no longer runs, delete ${lockFile(folder)}`,
  });
}
