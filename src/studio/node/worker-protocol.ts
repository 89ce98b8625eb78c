// What the studio's server and a process that holds a model say to each other.
import { AtelierError, FileError, type Problem, RuntimeError, ShapeError, UsageError } from "../../core/errors.ts";
import type {
  AttentionRequest,
  AttentionTold,
  ChatRequest,
  MasksRequest,
  MasksTold,
  PairsRequest,
  PairsTold,
  PictureRequest,
  PointsRequest,
  TaskEvent,
  TaskResult,
  TextRequest,
  Uploaded,
} from "../generate.ts";

/** Everything that a worker can be asked, by name: what it is given, and what it answers. */
export interface Works {
  pictures: { given: PictureRequest; answer: TaskResult };
  points: { given: PointsRequest; answer: TaskResult };
  text: { given: TextRequest; answer: TaskResult };
  chat: { given: ChatRequest; answer: TaskResult };
  attention: { given: AttentionRequest; answer: AttentionTold };
  masks: { given: MasksRequest; answer: MasksTold };
  pairs: { given: PairsRequest; answer: PairsTold };
  /** A picture file that was sent, by its path: decoded, brought to the model's shape, and kept in the gallery. */
  upload: { given: { path: string; file: string }; answer: Uploaded };
}

export type WorkName = keyof Works;

/** What comes on the way to an answer. */
export type Told = Exclude<TaskEvent, { type: "done" | "failed" | "cancelled" }>;

export type ToWorker = { type: "work"; id: number; name: WorkName; given: unknown } | { type: "cancel"; id: number };

export type FromWorker =
  | { type: "told"; id: number; told: Told }
  | { type: "answer"; id: number; answer: unknown }
  | { type: "error"; id: number; error: SentError };

/** An error as it crosses between processes. */
export interface SentError {
  /** `Cancelled` for work that was asked to stop; `Unexpected` for what is no error of the user's. */
  kind: string;
  problem: Problem;
}

/** Thrown in a worker where work was asked to stop. */
export class Cancelled extends Error {}

const kinds = { AtelierError, FileError, RuntimeError, ShapeError, UsageError };

/** An error as a message; its cause stays behind. */
export function sendError(error: unknown): SentError {
  if (error instanceof Cancelled) return { kind: "Cancelled", problem: { what: "It was stopped." } };
  if (error instanceof AtelierError) {
    const { cause: _cause, ...problem } = error.problem;
    return { kind: error.name, problem };
  }
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { kind: "Unexpected", problem: { what } };
}

/** The error that was sent. */
export function receiveError({ kind, problem }: SentError): Error {
  if (kind === "Cancelled") return new Cancelled(problem.what);
  if (kind === "Unexpected") return new Error(problem.what);
  return new (kinds[kind as keyof typeof kinds] ?? AtelierError)(problem);
}
