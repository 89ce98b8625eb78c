// A process that the studio starts (child.ts): it does the operations below, one file each, and ends with the studio.
import { AtelierError } from "../../core/errors.ts";
import type { FromChild, ToChild } from "./child.ts";
import { StudioError } from "./errors.ts";

/** What an operation may use. */
export interface Surroundings {
  onProgress(message: string): void;
  signal: AbortSignal;
}

type Operation = (input: never, surroundings: Surroundings) => Promise<unknown>;

const operations: Readonly<Record<string, () => Promise<Operation>>> = {
  overview: async () => (await import("./look.ts")).overview,
  page: async () => (await import("./look.ts")).page,
  atlas: async () => (await import("./look.ts")).atlas,
  thumbs: async () => (await import("./look-thumbs.ts")).thumbs,
  mean: async () => (await import("./look.ts")).mean,
  repetitions: async () => (await import("./look.ts")).repetitions,
  prepare: async () => (await import("./prepare.ts")).prepare,
  check: async () => (await import("./upload-check.ts")).checkUpload,
  evaluate: async () => (await import("./evaluate-run.ts")).evaluateRun,
  map: async () => (await import("./explore-map.ts")).makeMap,
  share: async () => (await import("./share-run.ts")).shareRun,
  strip: async () => (await import("./board-pictures.ts")).strip,
};

const running = new Map<number, AbortController>();

process.on("message", (message: ToChild) => {
  if ("cancel" in message) running.get(message.cancel)?.abort(new StudioError(409, "It was stopped."));
  else void answer(message);
});
// The studio is gone, or wants no more.
process.on("disconnect", () => process.exit(0));
// Ctrl-C in the terminal reaches all processes: the studio ends its own in order.
process.on("SIGINT", () => undefined);

async function answer({ ask, operation, input }: Extract<ToChild, { ask: number }>): Promise<void> {
  const stop = new AbortController();
  running.set(ask, stop);
  try {
    const run = await operations[operation]();
    const onProgress = (message: string) => tell({ told: ask, message });
    const result = await run(input as never, { onProgress, signal: stop.signal });
    stop.signal.throwIfAborted();
    tell({ done: ask, result });
  } catch (error) {
    tell({ failed: ask, error: told(stop.signal.aborted ? stop.signal.reason : error) });
  } finally {
    running.delete(ask);
  }
}

function tell(message: FromChild): void {
  // The studio may let go in this very moment: then nobody is left to tell.
  if (process.connected) process.send!(message, undefined, undefined, () => undefined);
}

function told(error: unknown): Extract<FromChild, { failed: number }>["error"] {
  if (!(error instanceof AtelierError)) return { text: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  const { cause: _cause, ...problem } = error.problem;
  return { kind: error.name, problem, status: error instanceof StudioError ? error.status : undefined };
}
