/** One process that holds a model, as the studio's server sees it. */
import { type ChildProcess, fork } from "node:child_process";
import { constants, setPriority } from "node:os";
import path from "node:path";
import { RuntimeError } from "../../core/errors.ts";
import { childEnvironment } from "./child.ts";
import type { Target } from "./holder.ts";
import { Cancelled, type FromWorker, receiveError, type Told, type ToWorker, type WorkName, type Works } from "./worker-protocol.ts";

export interface WorkerOptions {
  readonly runsFolder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How long work that was asked to stop may go on before its process is ended, in milliseconds. Default 10,000. */
  readonly graceMilliseconds?: number | undefined;
  /** The program that is started, and its first words. Default: the worker of this library. */
  readonly entry?: readonly string[] | undefined;
}

interface Pending {
  resolve(answer: unknown): void;
  reject(error: Error): void;
  onTold: ((told: Told) => void) | undefined;
  cancelled: boolean;
  timer?: NodeJS.Timeout;
}

/** In a clone, too, processes run what was compiled. */
const ownEntry = [path.join(import.meta.dirname, "..", "..", "..", "dist", "studio", "node", "worker.js")];

/** A process with a model. It works on one thing after the other. */
export class WorkerProcess {
  readonly target: Target;
  /** Milliseconds since 1970 when it was last asked or last answered. */
  lastUsed = Date.now();
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #grace: number;
  readonly #exited: Promise<void>;
  #next = 1;
  #alive = true;

  /** @param onIdle called when nothing is left to do, and when the process has ended */
  constructor(target: Target, { env, runsFolder, graceMilliseconds = 10_000, entry = ownEntry }: WorkerOptions, onIdle: () => void) {
    this.target = target;
    this.#grace = graceMilliseconds;
    const [file, ...words] = entry;
    this.#child = fork(file, [...words, target.name, target.path, target.kind], {
      env: childEnvironment(env, runsFolder),
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      serialization: "advanced",
    });
    lowerPriority(this.#child.pid);
    this.#child.on("message", (message: FromWorker) => {
      this.#hear(message);
      if (!this.busy) onIdle();
    });
    this.#exited = new Promise((resolve) => {
      const ended = (got: string) => {
        if (this.#alive) this.#end(got);
        resolve();
        onIdle();
      };
      this.#child.once("error", (error) => ended(error.message));
      this.#child.once("exit", (code, signal) => ended(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
  }

  get alive(): boolean {
    return this.#alive;
  }

  get busy(): boolean {
    return this.#pending.size > 0;
  }

  /** The process's number, for whoever looks. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * Ask for work.
   * @throws what the work threw; Cancelled after `signal`; RuntimeError where the process ended in the midst of it
   */
  work<N extends WorkName>(
    name: N,
    given: Works[N]["given"],
    { signal, onTold }: { signal?: AbortSignal | undefined; onTold?: ((told: Told) => void) | undefined } = {},
  ): Promise<Works[N]["answer"]> {
    const id = this.#next++;
    this.lastUsed = Date.now();
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onTold, cancelled: false });
    });
    if (this.#alive) this.#send({ type: "work", id, name, given });
    else this.#end("it had ended");
    const cancel = () => this.#cancel(id);
    if (signal?.aborted) cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    return answer.finally(() => signal?.removeEventListener("abort", cancel)) as Promise<Works[N]["answer"]>;
  }

  /** End the process; what it works on is told so. Waits until it is gone. */
  async close(): Promise<void> {
    if (this.#alive) {
      this.#child.kill();
      this.#end("it was closed");
    }
    await this.#exited;
  }

  #send(message: ToWorker): void {
    // A failure here is the process's end, which is told by itself.
    this.#child.send(message, () => undefined);
  }

  #cancel(id: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    pending.cancelled = true;
    this.#send({ type: "cancel", id });
    // Work inside the runtime cannot hear: then the process goes, and the next request opens another.
    pending.timer = setTimeout(() => {
      if (!this.#pending.has(id)) return;
      this.#child.kill("SIGKILL");
      this.#end("it was stopped");
    }, this.#grace);
    pending.timer.unref();
  }

  #hear(message: FromWorker): void {
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return;
    if (message.type === "told") {
      pending.onTold?.(message.told);
      return;
    }
    this.lastUsed = Date.now();
    this.#pending.delete(message.id);
    clearTimeout(pending.timer);
    if (message.type === "answer") pending.resolve(message.answer);
    else pending.reject(receiveError(message.error));
  }

  /** No more answers come. */
  #end(got: string): void {
    this.#alive = false;
    const left = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject, cancelled, timer } of left) {
      clearTimeout(timer);
      reject(cancelled ? new Cancelled("It was stopped.") : crashed(got));
    }
  }
}

function crashed(got: string): RuntimeError {
  return new RuntimeError({
    what: "The process that held the model ended in the midst of its work.",
    got,
    hint: "ask again: a new one is opened. Where it happens again, memory may be short: ask for less at a time, or close other programs",
  });
}

/** The page and its server go first. Systems that have no such thing, or do not allow it, do without. */
function lowerPriority(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It only takes longer for others then.
  }
}
