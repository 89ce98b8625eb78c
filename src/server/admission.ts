import { ApiError, shuttingDown } from "./errors.ts";

/** A request that was let in: it takes one slot for each text that it wants continued. */
export interface Ticket {
  /** A slot, as soon as it is this request's turn; call what it gives when the text is complete. Rejects when the request ends before. */
  slot(): Promise<() => void>;
}

interface Waiting {
  signal: AbortSignal;
  grants: { grant(release: () => void): void; refuse(error: unknown): void }[];
}

/**
 * Who may generate: so many texts at once, and so many requests that wait for their first slot. Requests take turns, so that one that wants a hundred
 * texts does not keep those of others waiting.
 */
export class Admission {
  readonly slots: number;
  readonly limit: number;
  #free: number;
  /** Requests with texts that have no slot yet; the first is next. */
  readonly #queue: Waiting[] = [];
  #closed = false;

  /** `slots`: texts at once; `limit`: requests that may wait, 0 for none. */
  constructor(slots: number, limit: number) {
    this.slots = slots;
    this.limit = limit;
    this.#free = slots;
  }

  /** Texts that have a slot. */
  get active(): number {
    return this.slots - this.#free;
  }

  /** Requests that wait for a slot. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Let a request in. @throws ApiError 429 where too many wait already, 503 after `close` */
  enter(signal: AbortSignal): Ticket {
    if (this.#closed) throw shuttingDown();
    if (this.#free === 0 && this.#queue.length >= this.limit) {
      throw new ApiError(429, `The server is busy: ${this.active} texts are written and ${this.waiting} requests wait. Try again later.`, {
        type: "rate_limit_error",
        code: "rate_limit_exceeded",
        headers: { "retry-after": "1" },
      });
    }
    const entry: Waiting = { signal, grants: [] };
    signal.addEventListener("abort", () => this.#leave(entry), { once: true });
    return { slot: () => this.#slot(entry) };
  }

  /** Let nobody in any more; who waits gets an error. */
  close(): void {
    this.#closed = true;
    for (const entry of this.#queue.splice(0)) for (const { refuse } of entry.grants.splice(0)) refuse(shuttingDown());
  }

  #slot(entry: Waiting): Promise<() => void> {
    if (entry.signal.aborted) return Promise.reject(entry.signal.reason);
    if (this.#closed) return Promise.reject(shuttingDown());
    return new Promise((resolve, reject) => {
      if (entry.grants.length === 0) this.#queue.push(entry);
      entry.grants.push({ grant: resolve, refuse: reject });
      this.#serve();
    });
  }

  #serve(): void {
    while (this.#free > 0 && this.#queue.length > 0) {
      const entry = this.#queue.shift()!;
      const next = entry.grants.shift()!;
      if (entry.grants.length > 0) this.#queue.push(entry);
      this.#free--;
      next.grant(this.#releaseOnce());
    }
  }

  #releaseOnce(): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#free++;
      this.#serve();
    };
  }

  #leave(entry: Waiting): void {
    const at = this.#queue.indexOf(entry);
    if (at >= 0) this.#queue.splice(at, 1);
    for (const { refuse } of entry.grants.splice(0)) refuse(entry.signal.reason);
  }
}
