/** The processes in which trainings and their predictions run: the product's own command line, apart from the server, and giving way to it. */
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { availableParallelism, setPriority } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { StartRequest, Trouble } from "../training.ts";

/** How a process ended: its code, or the signal that ended it. */
export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  /** What it said of its failure, where it said anything. */
  readonly trouble: Trouble | undefined;
}

export interface Launched {
  readonly pid: number;
  readonly ended: Promise<Ending>;
  kill(signal?: NodeJS.Signals): void;
}

export interface LaunchOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told of what is being prepared. */
  readonly onActivity?: ((text: string) => void) | undefined;
  /** Told of each line of stdout. */
  readonly onLine?: ((line: string) => void) | undefined;
}

export type Launch = (words: readonly string[], options: LaunchOptions) => Launched;

/** The same depth below the package's root in `src` and in `dist`. */
const entry = fileURLToPath(new URL("../../../bin/atelier.js", import.meta.url));
const NICENESS = 10;

/**
 * Start `atelier WORDS` in a process that outlives this one: in a group of its own, so that an interrupt of the studio's terminal does not reach it. It runs
 * with lower priority where the system has such a thing.
 */
export const launch: Launch = (words, { env, onActivity, onLine }) => {
  const child = spawn(process.execPath, [entry, ...words], {
    env: { ...env, NODE_V8_COVERAGE: undefined },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    windowsHide: true,
  });
  if (child.pid === undefined) return { pid: 0, ended: failedStart(child), kill: () => {} };
  try {
    setPriority(child.pid, NICENESS);
  } catch {
    // Some systems do not permit it: it competes as an equal then.
  }
  child.unref();
  let trouble: Trouble | undefined;
  for (const stream of [child.stdout, child.stderr]) (stream as unknown as Socket).unref();
  createInterface({ input: child.stdout }).on("line", (line) => onLine?.(line));
  createInterface({ input: child.stderr }).on("line", (line) => {
    const told = readTold(line);
    if (told.activity !== undefined) onActivity?.(told.activity);
    if (told.error !== undefined) trouble = told.error;
  });
  const ended = new Promise<Ending>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, trouble }));
  });
  return { pid: child.pid, ended, kill: (signal) => child.kill(signal) };
};

function failedStart(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve) => {
    child.on("error", (error) => {
      const trouble = { kind: "RuntimeError", what: "The training's process could not be started.", got: error.message };
      resolve({ code: 1, signal: null, trouble });
    });
  });
}

/** A line of stderr: with `--json --events` they are JSON; anything else is for people. */
function readTold(line: string): { activity?: string; error?: Trouble } {
  try {
    const told = JSON.parse(line) as { activity?: unknown; error?: Partial<Trouble> };
    if (typeof told.activity === "string") return { activity: told.activity };
    if (typeof told.error?.what === "string") return { error: { ...told.error, kind: told.error.kind ?? "Error", what: told.error.what } };
  } catch {
    // Not for us.
  }
  return {};
}

/** The words of a command line that ask for a new training. @param data what `--data` takes, where it is not the preset's */
export function trainingWords({ model, preset, settings, seed = "0", limit, without }: StartRequest, data: string | undefined): string[] {
  const words = ["train", model, "--preset", preset, "--seed", seed];
  if (data !== undefined) words.push("--data", data);
  if (limit !== undefined) words.push("--limit", String(limit));
  if (without !== undefined) words.push("--without", without);
  return [...words, ...settingWords(settings)];
}

/** The environment of a training: its runs go where the studio's are, idle threads sleep, and some room is left. */
export function trainingEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  { runsFolder, threads }: { runsFolder: string; threads: number },
): Record<string, string | undefined> {
  return { ...env, ATELIER_HOME: runsFolder, ATELIER_SPIN: "0", ATELIER_THREADS: String(threads) };
}

/** One core is left to the page and everything else, where there are more than two. */
export function defaultThreads(processors = availableParallelism()): number {
  return processors > 2 ? processors - 1 : processors;
}

/** Settings as the words of a command line: `--set key=value` each. */
function settingWords(settings: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(settings).flatMap(([key, value]) => [
    "--set",
    `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  ]);
}
