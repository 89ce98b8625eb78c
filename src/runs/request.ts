/**
 * What somebody asks of a training that runs in another process: a file in the run's folder, because signals do not exist on every system, and because
 * whoever asks need not be who started it.
 */
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { UsageError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/node/files.ts";
import { lockHolder } from "./lock.ts";
import type { Run } from "./registry.ts";

/** `pause`: write a checkpoint and stop, to go on later. `finish`: end here, with the final evaluation and the card. */
export type TrainingRequest = "pause" | "finish";

/** Looking costs a call to the system: not at every step of a fast training. */
const LOOK_MS = 250;

/**
 * Ask the process that trains a run to pause or to finish; it does so after the step in progress.
 * @throws UsageError when nobody trains the run, FileError when the folder cannot be written
 */
export async function requestOf(run: Run, request: TrainingRequest): Promise<void> {
  if (lockHolder(run.folder) === undefined) {
    throw new UsageError({
      what: `Nobody trains the run ${run.name} now.`,
      got: `it is ${run.record.status === "training" ? "interrupted" : run.record.status}`,
      hint: `go on with it: atelier train --resume --run ${run.name}`,
    });
  }
  await writeFileAtomic(requestFile(run.folder), `${request}\n`);
}

/** The trainer's side: what is asked of it. */
export class RequestBox {
  readonly #file: string;
  #looked = 0;

  /** What was asked of an earlier training is forgotten. */
  constructor(folder: string) {
    this.#file = requestFile(folder);
    this.clear();
  }

  /** What is asked by now; undefined for nothing. */
  look(): TrainingRequest | undefined {
    const now = performance.now();
    if (now - this.#looked < LOOK_MS) return undefined;
    this.#looked = now;
    try {
      const text = readFileSync(this.#file, "utf8").trim();
      return text === "pause" || text === "finish" ? text : undefined;
    } catch {
      return undefined;
    }
  }

  clear(): void {
    rmSync(this.#file, { force: true });
  }
}

function requestFile(folder: string): string {
  return path.join(folder, "train.request");
}
