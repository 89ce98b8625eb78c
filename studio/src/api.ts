import type { Failure } from "../../src/studio/messages.ts";
import { parseEvents, type ServerEvent } from "./server-events.ts";

/** What the studio answered instead of what was asked for. `kind` and `hint` as in `Failure`. */
export class ApiError extends Error {
  readonly status: number;
  readonly kind: string;
  readonly hint: string | undefined;

  /** @param status the HTTP status; 0 where no answer came */
  constructor(status: number, { kind, message, hint }: Failure["error"]) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.kind = kind;
    this.hint = hint;
  }
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface EventOptions {
  /** Told when the stream is lost and when it is back. */
  readonly onState?: ((state: "open" | "lost") => void) | undefined;
  /** Told of an answer after which the stream is not tried again: the run is gone, say. */
  readonly onError?: ((error: ApiError) => void) | undefined;
  /** Told when the server ended the stream because there is no more to come; without it, the stream is opened again. */
  readonly onEnd?: (() => void) | undefined;
}

async function call<T>(method: string, path: string, body: unknown, { signal }: CallOptions = {}): Promise<T> {
  // Addresses are relative, so that the page works behind any prefix.
  const raw = body instanceof Blob || body instanceof ArrayBuffer || body instanceof Uint8Array || body instanceof ReadableStream;
  const sent: RequestInit & { duplex?: "half" } =
    body === undefined
      ? {}
      : raw
        ? { body: body as BodyInit, ...(body instanceof ReadableStream ? { duplex: "half" } : {}) }
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await fetch(`.${path}`, { method, signal, ...sent }).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    throw lost();
  });
  if (!response.ok) throw await errorOf(response);
  const json = response.headers.get("content-type")?.startsWith("application/json");
  return (json ? await response.json() : await response.arrayBuffer()) as T;
}

/**
 * Ask the studio. Paths begin with `/api/`. Answers are JSON, or an ArrayBuffer where the route sends other bytes.
 * All throw ApiError for what the studio answers instead (status 0: it does not answer at all), and the signal's reason when it is aborted.
 */
export const api = {
  get: <T>(path: string, options?: CallOptions): Promise<T> => call<T>("GET", path, undefined, options),
  /** @param body a Blob or bytes are sent as they are, anything else as JSON */
  post: <T>(path: string, body: unknown = {}, options?: CallOptions): Promise<T> => call<T>("POST", path, body, options),
  delete: <T>(path: string, options?: CallOptions): Promise<T> => call<T>("DELETE", path, undefined, options),
  /**
   * Follow what happens. A stream that is lost is opened again, and goes on after the last event that had an id.
   * @returns what ends it
   */
  events: (path: string, onEvent: (event: ServerEvent) => void, options: EventOptions = {}): (() => void) => {
    const ended = new AbortController();
    void follow(path, onEvent, options, ended.signal);
    return () => ended.abort();
  },
};

async function follow(path: string, onEvent: (event: ServerEvent) => void, options: EventOptions, signal: AbortSignal): Promise<void> {
  const { onState, onError, onEnd } = options;
  let last: string | undefined;
  let wait = 500;
  while (!signal.aborted) {
    try {
      const headers: Record<string, string> = { accept: "text/event-stream", ...(last === undefined ? {} : { "last-event-id": last }) };
      const response = await fetch(`.${path}`, { headers, signal });
      if (!response.ok || response.body === null) throw await errorOf(response);
      onState?.("open");
      wait = 500;
      for await (const event of parseEvents(response.body)) {
        last = event.id ?? last;
        if (signal.aborted) return;
        onEvent(event);
      }
      if (onEnd !== undefined) return onEnd();
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) return onError?.(error);
    }
    onState?.("lost");
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, 10_000);
  }
}

function lost(): ApiError {
  return new ApiError(0, {
    kind: "Lost",
    message: "The studio does not answer.",
    hint: "see whether `atelier studio` still runs in its terminal",
  });
}

async function errorOf(response: Response): Promise<ApiError> {
  try {
    const { error } = (await response.json()) as Failure;
    return new ApiError(response.status, error);
  } catch {
    return new ApiError(response.status, { kind: "Unexpected", message: `The studio answered ${response.status}.` });
  }
}
