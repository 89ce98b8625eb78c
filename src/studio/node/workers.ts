/** Processes that hold an opened run and generate with it: opened when first asked for, two at most, closed when nobody needs them. */
import { freemem } from "node:os";
import path from "node:path";
import { UsageError } from "../../core/errors.ts";
import type { TaskResult } from "../generate.ts";
import { FollowedTasks, type NumberedEvent } from "./followed.ts";
import type { Target } from "./holder.ts";
import { WorkerProcess } from "./worker-process.ts";
import { Cancelled, type Told, type WorkName, type Works } from "./worker-protocol.ts";

export type { Target } from "./holder.ts";

/** Works that give something which a page follows while it comes about. */
export type FollowedWork = { [N in WorkName]: Works[N]["answer"] extends TaskResult ? N : never }[WorkName];

/** Processes that hold an opened run and generate with it. */
export interface Workers {
  /** Folders of pretrained models that the studio was started with, by the name that pages use: `@` and the folder's. */
  readonly folders: ReadonlyMap<string, string>;
  /** Ask for work and wait for it. @throws what the work threw; RuntimeError where its process ended */
  ask<N extends WorkName>(
    target: Target,
    name: N,
    given: Works[N]["given"],
    options?: { signal?: AbortSignal | undefined; onTold?: ((told: Told) => void) | undefined },
  ): Promise<Works[N]["answer"]>;
  /** Begin work that is followed by its events. @returns the task's name */
  start<N extends FollowedWork>(target: Target, name: N, given: Works[N]["given"]): string;
  /** What a task tells, from the event after `after` on. @throws StudioError (404) for a task that nobody remembers */
  events(task: string, after: string | undefined, signal: AbortSignal): AsyncIterable<NumberedEvent>;
  /** Stop a task. @throws StudioError (404) */
  cancel(task: string): void;
  /** What is open now. */
  open(): readonly { name: string; busy: boolean; pid: number | undefined }[];
  /** Close what nobody has used for a while, and all that is idle where memory is short. Called every half minute. */
  sweep(now?: number): void;
  close(): Promise<void>;
}

export interface WorkersOptions {
  readonly runsFolder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folders of pretrained models that count as models of text. */
  readonly folders?: readonly string[] | undefined;
  /** After so many milliseconds without work a process is closed. Default: five minutes. */
  readonly idleMilliseconds?: number | undefined;
  /** See `WorkerOptions`. */
  readonly graceMilliseconds?: number | undefined;
  /** See `WorkerOptions`. */
  readonly entry?: readonly string[] | undefined;
  /** Bytes of memory that are free. Default: as the system tells. */
  readonly freeBytes?: (() => number) | undefined;
  /** Told of errors that are no user's. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Processes at a time. */
const MOST = 2;
const IDLE = 5 * 60_000;
const SWEEP = 30_000;
/** With less memory free than this, what is idle is closed. */
const LEAST_BYTES = 400e6;

/** The generating processes of a studio: none at first. @throws UsageError for two folders of one name */
export function openWorkers(options: WorkersOptions): Workers {
  return new Pool(options);
}

class Pool implements Workers {
  readonly folders: ReadonlyMap<string, string>;
  readonly #options: WorkersOptions;
  readonly #tasks: FollowedTasks;
  readonly #waiting = new Set<() => void>();
  #processes: WorkerProcess[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: WorkersOptions) {
    this.#options = options;
    this.#tasks = new FollowedTasks(options.onError);
    const folders = (options.folders ?? []).map((folder) => [`@${path.basename(path.resolve(folder))}`, path.resolve(folder)] as const);
    this.folders = new Map(folders);
    if (this.folders.size < folders.length)
      throw new UsageError({ what: "Two folders have one name.", got: folders.map(([name]) => name.slice(1)).join(", ") });
  }

  async ask<N extends WorkName>(
    target: Target,
    name: N,
    given: Works[N]["given"],
    { signal, onTold }: Parameters<Workers["ask"]>[3] = {},
  ): Promise<Works[N]["answer"]> {
    for (;;) {
      if (this.#closed || signal?.aborted) throw new Cancelled("It was stopped.");
      // Asked in the same turn in which it is found: nobody can close it in between.
      const worker = this.#workerFor(target);
      if (worker !== undefined) return worker.work(name, given, { signal, onTold });
      await this.#makeRoom(signal, onTold);
    }
  }

  start<N extends FollowedWork>(target: Target, name: N, given: Works[N]["given"]): string {
    return this.#tasks.start((signal, onTold) => this.ask(target, name, given, { signal, onTold }) as Promise<TaskResult>);
  }

  events(task: string, after: string | undefined, signal: AbortSignal): AsyncIterable<NumberedEvent> {
    return this.#tasks.events(task, after, signal);
  }

  cancel(task: string): void {
    this.#tasks.cancel(task);
  }

  open(): { name: string; busy: boolean; pid: number | undefined }[] {
    return this.#alive().map(({ target, busy, pid }) => ({ name: target.name, busy, pid }));
  }

  sweep(now = Date.now()): void {
    const { idleMilliseconds = IDLE, freeBytes = freemem } = this.#options;
    const short = freeBytes() < LEAST_BYTES;
    for (const worker of this.#alive()) if (!worker.busy && (short || now - worker.lastUsed >= idleMilliseconds)) void worker.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#tasks.close();
    for (const wake of [...this.#waiting]) wake();
    await Promise.all(this.#processes.map((worker) => worker.close()));
  }

  #alive(): WorkerProcess[] {
    this.#processes = this.#processes.filter((worker) => worker.alive);
    return this.#processes;
  }

  /** The process that holds a model: the one that does, or a new one where there is room. */
  #workerFor(target: Target): WorkerProcess | undefined {
    const alive = this.#alive();
    const known = alive.find((worker) => worker.target.path === target.path);
    if (known !== undefined) {
      // The latest asked stands last, which decides where two were used in the same millisecond.
      this.#processes = [...alive.filter((worker) => worker !== known), known];
      return known;
    }
    return alive.length < MOST ? this.#begin(target) : undefined;
  }

  /** Close the process that rested longest, so that its memory is given back; where all are at work, wait until one is not. */
  async #makeRoom(signal: AbortSignal | undefined, onTold: ((told: Told) => void) | undefined): Promise<void> {
    const alive = this.#alive();
    const [oldest] = alive.filter((worker) => !worker.busy).sort((a, b) => a.lastUsed - b.lastUsed);
    if (oldest !== undefined) return await oldest.close();
    onTold?.({ type: "progress", text: `waiting: ${alive.map((worker) => worker.target.name).join(" and ")} are at work` });
    await this.#free(signal);
  }

  #begin(target: Target): WorkerProcess {
    // Where memory is short, what rests goes first.
    this.sweep();
    const worker = new WorkerProcess(target, this.#options, () => {
      for (const wake of [...this.#waiting]) wake();
    });
    this.#processes.push(worker);
    this.#timer ??= setInterval(() => this.sweep(), SWEEP).unref();
    return worker;
  }

  /** Until a process may be free. */
  #free(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }
}
