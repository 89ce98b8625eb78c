/** A process of the studio's own that does what is asked of it, so that nothing that takes long, or a lot of memory, is done in the server's. */
import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism, setPriority } from "node:os";
import path from "node:path";
import { AtelierError, FileError, type Problem, RuntimeError, UsageError } from "../../core/errors.ts";
import { StudioError } from "./errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a child is told. */
export type ToChild = { ask: number; operation: string; input: unknown } | { cancel: number };

/** What a child tells. */
export type FromChild =
  | { told: number; message: string }
  | { done: number; result: unknown }
  | { failed: number; error: { kind: string; problem: Problem; status?: number | undefined } | { text: string } };

interface Asked {
  resolve(result: unknown): void;
  reject(error: Error): void;
  onProgress?: ((message: string) => void) | undefined;
}

export interface AskOptions {
  onProgress?: ((message: string) => void) | undefined;
  /** Aborting it asks the child to stop; the answer is then its error. */
  signal?: AbortSignal | undefined;
}

/** How long a child may take to end by itself. */
const GRACE_MS = 3000;

/** The library as it runs: in a clone, too, children run what was compiled. */
const entry = path.join(import.meta.dirname, "..", "..", "..", "dist", "studio", "node", "child-main.js");

/** Settings of a child: idle threads sleep, a processor is left to the page where there are more than two, and runs are looked for in the studio's folder. */
export function childEnvironment(env: Environment, runsFolder: string): Record<string, string> {
  const cores = availableParallelism();
  const threads = env.ATELIER_THREADS ?? (cores > 2 ? String(cores - 1) : undefined);
  const all = { ...env, ATELIER_SPIN: "0", ATELIER_HOME: runsFolder, ATELIER_THREADS: threads, NODE_V8_COVERAGE: undefined };
  return Object.fromEntries(Object.entries(all).filter((one): one is [string, string] => one[1] !== undefined));
}

/** A running child. Started with the constructor; several questions may be open at once. */
export class Child {
  readonly #process: ChildProcess;
  readonly #asked = new Map<number, Asked>();
  readonly #ended: Promise<void>;
  #next = 1;
  #over = false;

  constructor(env: Environment, runsFolder: string) {
    this.#process = fork(entry, [], {
      env: childEnvironment(env, runsFolder),
      execArgv: [],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#process.on("message", (message) => this.#hear(message as FromChild));
    this.#ended = new Promise((resolve) => {
      const end = (code: number | null, signal: string | null) => {
        this.#fail(code, signal);
        resolve();
      };
      this.#process.once("exit", end);
      this.#process.once("error", () => end(null, null));
    });
    lower(this.#process.pid);
  }

  /** Whether it has ended. */
  get over(): boolean {
    return this.#over;
  }

  /** Have an operation of `child-main.ts` done. @throws what the operation throws; RuntimeError where the process ends before it answers */
  ask<T>(operation: string, input: unknown, { onProgress, signal }: AskOptions = {}): Promise<T> {
    const number = this.#next++;
    return new Promise<T>((resolve, reject) => {
      if (this.#over) return reject(ended(null, null));
      const cancel = () => this.#tell({ cancel: number });
      const settle = <V>(then: (value: V) => void) => {
        return (value: V) => {
          signal?.removeEventListener("abort", cancel);
          this.#asked.delete(number);
          then(value);
        };
      };
      this.#asked.set(number, { resolve: settle(resolve as (result: unknown) => void), reject: settle(reject), onProgress });
      this.#tell({ ask: number, operation, input });
      if (signal?.aborted) cancel();
      else signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  /** End it; at once where it does not end by itself soon. */
  async close(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), GRACE_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  #tell(message: ToChild): void {
    // A child that has just ended fails what was asked of it by its exit.
    if (this.#process.connected) this.#process.send(message, () => undefined);
  }

  #hear(message: FromChild): void {
    if ("told" in message) this.#asked.get(message.told)?.onProgress?.(message.message);
    else if ("done" in message) this.#asked.get(message.done)?.resolve(message.result);
    else this.#asked.get(message.failed)?.reject(errorOf(message.error));
  }

  #fail(code: number | null, signal: string | null): void {
    this.#over = true;
    for (const { reject } of [...this.#asked.values()]) reject(ended(code, signal));
  }
}

/** The page comes first: children take what it leaves. */
function lower(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, 10);
  } catch {
    // Not everywhere, and not for everyone.
  }
}

function ended(code: number | null, signal: string | null): RuntimeError {
  return new RuntimeError({
    what: "The process that did this has ended before it was done.",
    got: signal === null ? (code === null ? "it could not be started" : `exit code ${code}`) : `killed by ${signal}`,
    hint: "try again; a process that is killed each time may need more memory than there is",
  });
}

const kinds = { UsageError, FileError, RuntimeError, AtelierError } as const;

/** The error that a child met, as one of ours. */
function errorOf(told: Extract<FromChild, { failed: number }>["error"]): Error {
  if ("text" in told) return new Error(told.text);
  if (told.status !== undefined) return new StudioError(told.status, told.problem);
  const Kind = Object.hasOwn(kinds, told.kind) ? kinds[told.kind as keyof typeof kinds] : AtelierError;
  return new Kind(told.problem);
}
