/** The page's side: a model in a worker, so that the page stays free. */
import { AtelierError } from "../core/errors.ts";
import type { CallName, Calls, FromWorker, Opened, OpenRequest, ToWorker } from "./protocol.ts";

/** The part of a worker that is used. */
export interface WorkerLike {
  /** Send it a message, which is copied. */
  postMessage(message: unknown): void;
  /** Hear its messages, and that it has failed. */
  addEventListener(type: "message" | "error", listener: (event: { data?: unknown; message?: string }) => void): void;
  /** End it at once. */
  terminate(): void;
}

export interface CallOptions<C extends CallName> {
  /** Told what the call tells on its way. */
  onEvent?: ((event: Calls[C]["event"]) => void) | undefined;
  /** Ends the call; its promise is then rejected with the signal's reason. */
  signal?: AbortSignal | undefined;
}

interface Pending {
  resolve(result: unknown): void;
  reject(error: unknown): void;
  onEvent: ((event: never) => void) | undefined;
  signal: AbortSignal | undefined;
}

/** An opened model in a worker. Calls are answered in their order. */
export class PlayClient {
  readonly #worker: WorkerLike;
  readonly #pending = new Map<number, Pending>();
  #next = 0;

  constructor(worker: WorkerLike) {
    this.#worker = worker;
    worker.addEventListener("message", ({ data }) => this.#hear(data as FromWorker));
    worker.addEventListener("error", ({ message = "The worker that runs the model has failed." }) => this.#fail(message));
  }

  /** Open a model. @throws AtelierError, told as in the library */
  open(request: OpenRequest, onProgress?: (message: string) => void): Promise<Opened> {
    return this.call("open", request, { onEvent: onProgress });
  }

  /** One call; see {@link Calls}. @throws AtelierError, or the signal's reason */
  call<C extends CallName>(call: C, given: Calls[C]["given"], { onEvent, signal }: CallOptions<C> = {}): Promise<Calls[C]["result"]> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const pending: Pending = { resolve: resolve as Pending["resolve"], reject, onEvent: onEvent as Pending["onEvent"], signal };
      this.#pending.set(id, pending);
      signal?.addEventListener("abort", () => this.#post({ cancel: id }), { once: true });
      this.#post({ id, call, given });
    });
  }

  /** End the worker; calls that are not answered are rejected. */
  close(): void {
    this.#worker.terminate();
    this.#fail("The model was closed.");
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #hear(message: FromWorker): void {
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return;
    if ("event" in message) {
      pending.onEvent?.(message.event as never);
      return;
    }
    this.#pending.delete(message.id);
    if ("result" in message) pending.resolve(message.result);
    else if (message.error.cancelled && pending.signal?.aborted) pending.reject(pending.signal.reason);
    else pending.reject(new AtelierError(message.error.problem ?? message.error.message));
  }

  #fail(message: string): void {
    for (const { reject } of this.#pending.values()) reject(new AtelierError(message));
    this.#pending.clear();
  }
}
