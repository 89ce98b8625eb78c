/** What happened to a run, in its folder, so that whoever looks later knows it too: begun, warned, stopped, finished, failed, killed. */
import { appendFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { AtelierError, type Problem } from "../core/errors.ts";
import { fileError } from "../core/node/files.ts";
import type { Run } from "./registry.ts";
import type { Prediction, TrainingEvent } from "./training.ts";

/** An error as a line of JSON holds it. */
export type ToldProblem = { kind: string } & Omit<Problem, "cause">;

export type RunEvent = { /** ISO 8601, UTC. */ time: string } & (
  | { type: "start"; step: number; totalSteps: number; parameters: number; compileSeconds: number; predicted: Prediction; pid: number }
  | { type: "warning"; step: number; text: string }
  /** The training ends before its planned end, and why. */
  | { type: "early"; step: number; text: string }
  /** Paused: a checkpoint is written, the run can go on. */
  | { type: "stopped"; step: number }
  | { type: "finished"; step: number }
  | { type: "failed"; step: number; problem: ToldProblem }
  /** The process ended without a word; the signal is known to whoever had started it. */
  | { type: "killed"; signal: string | null }
);

type Untimed<E> = E extends unknown ? Omit<E, "time"> : never;

/** Append one line to a run's events.jsonl. It never throws: what is told elsewhere must not fail for the sake of a note. */
export function noteEvent(run: Pick<Run, "eventsFile">, event: Untimed<RunEvent>): void {
  try {
    appendFileSync(run.eventsFile, `${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`);
  } catch {
    // A full disk, or a folder that is gone: the writer of the run itself tells that.
  }
}

/** Every event of a run, oldest first; lines that are damaged are left out. @throws FileError when the file cannot be read */
export async function readEvents(run: Pick<Run, "eventsFile">): Promise<RunEvent[]> {
  const text = await readFile(run.eventsFile, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw fileError(error, "The run's events cannot be read.", run.eventsFile);
  });
  return text.split("\n").flatMap((line) => parseEvent(line) ?? []);
}

function parseEvent(line: string): RunEvent | undefined {
  try {
    const event = JSON.parse(line) as RunEvent;
    return typeof event?.type === "string" && typeof event.time === "string" ? event : undefined;
  } catch {
    return undefined;
  }
}

/** An error without its cause and stack. */
export function toldProblem(error: unknown): ToldProblem {
  if (error instanceof AtelierError) {
    const { cause: _, ...problem } = error.problem;
    return { kind: error.name, ...problem };
  }
  return { kind: error instanceof Error ? error.name : "unknown", what: error instanceof Error ? error.message : String(error) };
}

/** Writes what a training tells into the run's events. */
export class EventNotes {
  readonly #run: Run;
  #step = 0;

  constructor(run: Run) {
    this.#run = run;
  }

  /** Note what is worth keeping; steps, pictures and checkpoints speak through their own files. */
  note(event: TrainingEvent): void {
    if (event.type === "step") this.#step = event.report.step;
    else if (event.type === "start") {
      this.#step = event.step;
      noteEvent(this.#run, { ...event, pid: process.pid });
    } else if (event.type === "warning" || event.type === "early")
      noteEvent(this.#run, { type: event.type, step: this.#step, text: event.text });
    else if (event.type === "end") noteEvent(this.#run, { type: event.stopped ? "stopped" : "finished", step: event.step });
  }

  failed(error: unknown): void {
    noteEvent(this.#run, { type: "failed", step: this.#step, problem: toldProblem(error) });
  }
}
