/** What takes a while and is done in a process of its own: preparing data, checking an upload, evaluating a run, a map of codes, a run as one file. The page may close and come back. */
import type { Failure } from "./messages.ts";

export type TaskKind = "prepare" | "check" | "evaluate" | "map" | "share";

export interface Task {
  readonly id: string;
  readonly kind: TaskKind;
  /** What it works on: the name of a data set, or of a run. */
  readonly subject: string;
  readonly state: "running" | "done" | "failed" | "cancelled";
  /** What is being done, in words. */
  readonly message: string;
  /** Since it began; of a task that has ended, how long it took. */
  readonly seconds: number;
  /** What a finished task found; its kind says of which type. */
  readonly result?: unknown;
  /** Why a task failed. */
  readonly error?: Failure["error"] | undefined;
}
