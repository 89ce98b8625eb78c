/** Work that a page follows by its events, and may leave and come back to: kept until newer work takes its place. */
import { randomUUID } from "node:crypto";
import { AtelierError } from "../../core/errors.ts";
import type { TaskEvent, TaskResult } from "../generate.ts";
import { failureOf, StudioError } from "./errors.ts";
import { Cancelled, type Told } from "./worker-protocol.ts";

/** Tasks that are remembered, those that run not counted. */
const REMEMBERED = 24;
/** Characters of events that are remembered in all; frames of pictures are most of them. */
const MOST_CHARACTERS = 64e6;

interface Task {
  readonly controller: AbortController;
  /** Events by number; those that take too much room are forgotten for pages that come later. */
  readonly events: (TaskEvent | undefined)[];
  readonly waiting: Set<() => void>;
  characters: number;
  done: boolean;
}

/** An event with its number, as server-sent events have it. */
export interface NumberedEvent {
  readonly id: string;
  readonly event: string;
  readonly data: TaskEvent;
}

/** Everything that was begun and is remembered. */
export class FollowedTasks {
  readonly #tasks = new Map<string, Task>();
  readonly #onError: (error: unknown) => void;

  /** @param onError told of errors that are no user's */
  constructor(onError: (error: unknown) => void = () => undefined) {
    this.#onError = onError;
  }

  /** Begin work. @returns the task's name */
  start(work: (signal: AbortSignal, tell: (told: Told) => void) => Promise<TaskResult>): string {
    const id = randomUUID();
    const task: Task = { controller: new AbortController(), events: [], waiting: new Set(), characters: 0, done: false };
    this.#tasks.set(id, task);
    const add = (event: TaskEvent) => this.#add(task, event);
    const end = (event: TaskEvent) => {
      task.done = true;
      add(event);
      this.#forget();
    };
    work(task.controller.signal, add).then(
      (result) => end({ type: "done", result }),
      (error: unknown) => end(this.#failed(error)),
    );
    return id;
  }

  /**
   * The events of a task from one on, until its last.
   * @param after the number of the last event that was seen
   * @throws StudioError (404) for a task that nobody remembers
   */
  async *events(id: string, after: string | undefined, signal: AbortSignal): AsyncGenerator<NumberedEvent, void, void> {
    const task = this.#find(id);
    let next = after !== undefined && /^\d{1,9}$/.test(after) ? Number(after) + 1 : 0;
    while (!signal.aborted) {
      for (; next < task.events.length; next++) {
        const data = task.events[next];
        if (data !== undefined) yield { id: String(next), event: "told", data };
      }
      if (task.done) return;
      await new Promise<void>((resolve) => {
        const wake = () => {
          task.waiting.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        task.waiting.add(wake);
        signal.addEventListener("abort", wake, { once: true });
      });
    }
  }

  /** Ask a task to stop; one that is done stays so. @throws StudioError (404) */
  cancel(id: string): void {
    this.#find(id).controller.abort(new Cancelled("stopped"));
  }

  /** Stop everything. */
  close(): void {
    for (const { controller } of this.#tasks.values()) controller.abort(new Cancelled("the studio ends"));
  }

  #find(id: string): Task {
    const task = this.#tasks.get(id);
    if (task === undefined) throw new StudioError(404, { what: "This work is not remembered any more.", hint: "begin it again" });
    return task;
  }

  #failed(error: unknown): TaskEvent {
    if (error instanceof Cancelled) return { type: "cancelled" };
    if (!(error instanceof AtelierError)) this.#onError(error);
    const { message, hint } = failureOf(error).body.error;
    return { type: "failed", message, hint };
  }

  #add(task: Task, event: TaskEvent): void {
    task.events.push(event);
    if ("data" in event) task.characters += event.data.length;
    // Of one task alone, the oldest frames go.
    for (let i = 0; task.characters > MOST_CHARACTERS && i < task.events.length - 1; i++) {
      const old = task.events[i];
      if (old === undefined || !("data" in old)) continue;
      task.characters -= old.data.length;
      task.events[i] = undefined;
    }
    for (const wake of [...task.waiting]) wake();
  }

  #forget(): void {
    const done = [...this.#tasks].filter(([, task]) => task.done);
    let characters = done.reduce((sum, [, task]) => sum + task.characters, 0);
    for (const [i, [id, task]] of done.entries()) {
      const many = done.length - i > REMEMBERED;
      if ((!many && characters <= MOST_CHARACTERS) || task.waiting.size > 0 || i === done.length - 1) continue;
      characters -= task.characters;
      this.#tasks.delete(id);
    }
  }
}
