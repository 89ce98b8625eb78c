/** Tasks: one child process each, watched by however many pages are open. */
import { randomUUID } from "node:crypto";
import type { Task, TaskKind } from "../tasks.ts";
import { Child, type Environment } from "./child.ts";
import { failureOf, StudioError } from "./errors.ts";

/** What a task does. */
export interface TaskOrder {
  kind: TaskKind;
  subject: string;
  /** Of `child-main.ts`. */
  operation: string;
  input: unknown;
  /** What is done in the server's process when the child has answered; its answer is the task's result. */
  finish?: ((result: unknown) => Promise<unknown>) | undefined;
  /** Called when the task has failed or was cancelled. */
  undo?: (() => Promise<void>) | undefined;
}

interface Kept {
  task: Task;
  began: number;
  stop: AbortController;
  ended: Promise<void>;
}

/** Each may use every processor: more at once would only be slower. */
const AT_ONCE = 2;
/** Ended tasks that are remembered, for pages that come back. */
const REMEMBERED = 50;

/** The tasks of a studio: those that run, and the last that have ended. */
export class Tasks {
  readonly #env: Environment;
  readonly #runsFolder: string;
  readonly #kept = new Map<string, Kept>();
  readonly #watchers = new Set<() => void>();
  #closed = false;

  constructor({ env, runsFolder }: { env: Environment; runsFolder: string }) {
    this.#env = env;
    this.#runsFolder = runsFolder;
  }

  /** All that are running or were, the newest last. */
  list(): Task[] {
    return [...this.#kept.values()].map(now);
  }

  /** @throws StudioError (404) */
  get(id: string): Task {
    return now(this.#find(id));
  }

  /** Begin a task; where one of this kind is at work on the subject already, that one. @throws StudioError (409) while too many are running */
  start(order: TaskOrder): Task {
    if (this.#closed) throw new StudioError(503, "The studio is closing.");
    const running = [...this.#kept.values()].filter(({ task }) => task.state === "running");
    const same = running.find(({ task }) => task.kind === order.kind && task.subject === order.subject);
    if (same !== undefined) return now(same);
    if (running.length >= AT_ONCE) {
      throw new StudioError(409, {
        what: "Two tasks are running already.",
        got: running.map(({ task }) => `${task.kind} ${task.subject}`).join(", "),
        hint: "wait until one is done, or stop one",
      });
    }
    const { kind, subject } = order;
    const task: Task = { id: randomUUID(), kind, subject, state: "running", message: "starting", seconds: 0 };
    const kept: Kept = { task, began: performance.now(), stop: new AbortController(), ended: Promise.resolve() };
    this.#kept.set(task.id, kept);
    kept.ended = this.#run(kept, order);
    this.#forget();
    return task;
  }

  /** Stop a task; nothing happens to one that has ended. @throws StudioError (404) */
  async cancel(id: string): Promise<Task> {
    const kept = this.#find(id);
    kept.stop.abort();
    await kept.ended;
    return now(kept);
  }

  /** The task now and after each change, until it has ended. @throws StudioError (404) */
  async *watch(id: string, signal: AbortSignal): AsyncGenerator<Task> {
    const kept = this.#find(id);
    let last: Task | undefined;
    while (!signal.aborted) {
      if (kept.task !== last) {
        last = kept.task;
        yield now(kept);
      }
      if (last.state !== "running") return;
      if (kept.task === last) await this.#change(signal);
    }
  }

  /** Stop all. */
  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#kept.values()];
    for (const { stop } of all) stop.abort();
    await Promise.all(all.map(({ ended }) => ended));
  }

  #find(id: string): Kept {
    const kept = this.#kept.get(id);
    if (kept === undefined) throw new StudioError(404, "There is no such task: it ended long ago, or the studio was started anew.");
    return kept;
  }

  async #run(kept: Kept, { operation, input, finish, undo }: TaskOrder): Promise<void> {
    const child = new Child(this.#env, this.#runsFolder);
    const { signal } = kept.stop;
    // A child in the midst of native work hears nothing: it is ended.
    const end = () => setTimeout(() => void child.close(), 1500).unref();
    signal.addEventListener("abort", end, { once: true });
    try {
      const found = await child.ask(operation, input, { onProgress: (message) => this.#set(kept, { message }), signal });
      signal.throwIfAborted();
      const result = finish === undefined ? found : await finish(found);
      this.#set(kept, { state: "done", message: "done", result });
    } catch (error) {
      await undo?.().catch(() => undefined);
      if (signal.aborted) this.#set(kept, { state: "cancelled", message: "stopped" });
      else {
        const { body, unexpected } = failureOf(error);
        if (unexpected) console.error(error);
        this.#set(kept, { state: "failed", message: "failed", error: body.error });
      }
    } finally {
      await child.close();
    }
  }

  #set(kept: Kept, changes: Partial<Task>): void {
    if (kept.task.state !== "running") return;
    kept.task = { ...kept.task, ...changes, seconds: secondsOf(kept) };
    for (const wake of [...this.#watchers]) wake();
  }

  /** Resolves when any task changes, or the signal is aborted. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#watchers.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#watchers.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  #forget(): void {
    const ended = [...this.#kept.values()].filter(({ task }) => task.state !== "running");
    for (const { task } of ended.slice(0, Math.max(0, ended.length - REMEMBERED))) this.#kept.delete(task.id);
  }
}

function secondsOf({ began }: Kept): number {
  return Math.round((performance.now() - began) / 100) / 10;
}

function now(kept: Kept): Task {
  return kept.task.state === "running" ? { ...kept.task, seconds: secondsOf(kept) } : kept.task;
}
