/** The process that holds data sets while somebody looks at them. */
import { type AskOptions, Child, type Environment } from "./child.ts";

/** Without a question for so long, the process ends and its memory is free. */
const IDLE_MS = 120_000;

/** Asks the process that holds data sets, which is started with the first question. */
export class Looker {
  readonly #env: Environment;
  readonly #runsFolder: string;
  #child: Child | undefined;
  #open = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor({ env, runsFolder }: { env: Environment; runsFolder: string }) {
    this.#env = env;
    this.#runsFolder = runsFolder;
  }

  /** As {@link Child.ask}; the process is started where there is none. */
  async ask<T>(operation: string, input: unknown, options: AskOptions = {}): Promise<T> {
    clearTimeout(this.#timer);
    if (this.#child === undefined || this.#child.over) this.#child = new Child(this.#env, this.#runsFolder);
    const child = this.#child;
    this.#open++;
    try {
      return await child.ask<T>(operation, input, options);
    } finally {
      this.#open--;
      if (this.#open === 0) this.#timer = setTimeout(() => void this.close(), IDLE_MS).unref();
    }
  }

  /** End the process; a later question starts another. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const child = this.#child;
    this.#child = undefined;
    await child?.close();
  }
}
