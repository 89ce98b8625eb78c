/** The interface of OpenAI for one model, without the network: requests in, replies out. `node/http.ts` puts it on a port. */
import type { z } from "zod";
import type { Finish } from "../generation/engine.ts";
import { Admission } from "./admission.ts";
import { chatCompletion, chatStream, prepareChat } from "./chat.ts";
import { completion, completionStream, prepareCompletion } from "./completions.ts";
import { embeddings } from "./embeddings.ts";
import { ApiError, asApiError, clientGone, shuttingDown } from "./errors.ts";
import { Counter, Gauge, Histogram, metricsText } from "./metrics.ts";
import { chatBody, completionBody, embeddingBody } from "./schemas.ts";
import type { ServedModel } from "./settings.ts";
import { parseBody } from "./validation.ts";
import { serverSentEvent, type Work } from "./work.ts";

export interface ServiceOptions extends Omit<ServedModel, "name"> {
  /** The name that clients use. Default: the engine's. */
  name?: string | undefined;
  /** Requests that may wait for a slot. Default 256. */
  queue?: number | undefined;
  /** What answers are marked with, so that clients see when the server changed. Default `atelier`. */
  fingerprint?: string | undefined;
  /** Told of errors that are not the client's. */
  onError?: ((error: unknown) => void) | undefined;
  /** Further figures for `/metrics`. */
  gauges?: Readonly<Record<string, Gauge>> | undefined;
}

export interface ServiceRequest {
  method: string;
  /** The URL's path, without the query. */
  path: string;
  /** Reads and parses the body; called only where one is wanted. */
  body(): Promise<unknown>;
  /** Aborted when the client is gone. */
  signal: AbortSignal;
}

/** What goes back: a whole body, or events as they come. */
export interface Reply {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string | AsyncGenerator<string, void, void>;
}

type Prepare = (work: Work, body: unknown) => { reply(): Promise<object> } | { events: AsyncGenerator<string, void, void> };

const JSON_TYPE = { "content-type": "application/json" };
const MODELS = "/v1/models";

/** One model behind OpenAI's interface. */
export class TextService {
  readonly admission: Admission;
  readonly #model: ServedModel;
  readonly #options: ServiceOptions;
  readonly #created = Math.floor(Date.now() / 1000);
  /** What ends each request that is worked on. */
  readonly #open = new Set<AbortController>();
  #closing = false;
  #idle: () => void = () => undefined;

  readonly #requests = new Counter("Requests answered, by route and status.");
  readonly #cancelled = new Counter("Requests whose client left before the answer was complete.");
  readonly #promptTokens = new Counter("Tokens of prompts of texts that were written.");
  readonly #completionTokens = new Counter("Tokens written.");
  readonly #firstToken = new Histogram("Seconds from a request to its first token.");
  readonly #seconds = new Histogram("Seconds from a request to the end of its answer.");

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#model = { ...options, name: options.name ?? options.engine.name };
    this.admission = new Admission(options.engine.slots, options.queue ?? 256);
    for (const counter of [this.#cancelled, this.#promptTokens, this.#completionTokens]) counter.add(0);
  }

  /** Answer one request. Never rejects: errors are replies. */
  async handle(request: ServiceRequest): Promise<Reply> {
    const started = performance.now();
    const route = routeOf(request.path);
    try {
      const reply = await this.#answer(request, route, started);
      if (typeof reply.body === "string") this.#note(route, reply.status, started);
      return reply;
    } catch (error) {
      return this.refuse(request.path, request.signal.aborted ? clientGone() : error, started);
    }
  }

  /** The reply for an error, counted like every other. */
  refuse(path: string, error: unknown, started = performance.now()): Reply {
    const told = asApiError(error);
    if (told.status === 500) this.#options.onError?.(error);
    this.#note(routeOf(path), told.status, started);
    return { status: told.status, headers: { ...JSON_TYPE, ...told.headers }, body: JSON.stringify(told) };
  }

  /**
   * Let no request in any more, wait until those that run are answered or `graceMilliseconds` are over, end the rest, and close the engine.
   */
  async close(graceMilliseconds = 0): Promise<void> {
    this.#closing = true;
    this.admission.close();
    const done = new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    if (this.#open.size > 0) {
      const timer = setTimeout(() => {
        for (const work of this.#open) work.abort(shuttingDown());
      }, graceMilliseconds);
      await done;
      clearTimeout(timer);
    }
    await this.#options.engine.close();
  }

  async #answer(request: ServiceRequest, route: string, started: number): Promise<Reply> {
    const { method, path } = request;
    const allowed = methods[route];
    if (allowed === undefined) throw new ApiError(404, `Invalid URL (${method} ${path})`);
    if (!allowed.includes(method)) {
      throw new ApiError(405, `Not allowed to ${method} on ${path} (HINT: Perhaps you meant to use a different HTTP method?)`, {
        code: "method_not_supported",
        headers: { allow: allowed.join(", ") },
      });
    }
    if (this.#closing) throw shuttingDown();
    switch (route) {
      case "/healthz":
        return json({ status: "ok", model: this.#model.name, ...this.#model.engine.stats() });
      case "/metrics":
        return { status: 200, headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" }, body: this.#metrics() };
      case MODELS:
        return json({ object: "list", data: [this.#modelObject()] });
      case "/v1/models/{model}":
        this.#requireModel(decoded(path.slice(MODELS.length + 1)));
        return json(this.#modelObject());
      default:
        return this.#work(request, route, started, prepares[route]);
    }
  }

  /** A request that needs slots: let it in, check it, and write; however it ends, its slots are free afterwards. */
  async #work({ body, signal }: ServiceRequest, route: string, started: number, prepare: Prepare): Promise<Reply> {
    const given = await body();
    this.#requireModel((given as { model?: unknown } | null)?.model);
    const controller = new AbortController();
    const leave = () => controller.abort(signal.reason);
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
    this.#open.add(controller);
    const end = (status: number) => {
      signal.removeEventListener("abort", leave);
      this.#open.delete(controller);
      if (signal.aborted) this.#cancelled.add(1);
      if (status !== 0) this.#note(route, status, started);
      if (this.#closing && this.#open.size === 0) this.#idle();
    };
    try {
      const work = this.#newWork(controller, started);
      const prepared = prepare(work, given);
      if ("events" in prepared)
        return {
          status: 200,
          headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no" },
          body: this.#events(prepared.events, signal, controller, end),
        };
      const reply = json(await prepared.reply());
      end(0);
      return reply;
    } catch (error) {
      end(0);
      throw error;
    }
  }

  #newWork(controller: AbortController, started: number): Work {
    return {
      model: this.#model,
      ticket: this.admission.enter(controller.signal),
      signal: controller.signal,
      cancel: () => controller.abort(new Error("the request is over")),
      id: crypto.randomUUID().replaceAll("-", ""),
      created: Math.floor(Date.now() / 1000),
      fingerprint: this.#options.fingerprint ?? "atelier",
      onFirstToken: () => this.#firstToken.observe((performance.now() - started) / 1000),
      onFinish: ({ promptTokens, completionTokens }: Finish) => {
        this.#promptTokens.add(promptTokens);
        this.#completionTokens.add(completionTokens);
      },
    };
  }

  /** A stream that tells an error as its last event, and whose end is noted. */
  async *#events(
    events: AsyncGenerator<string, void, void>,
    client: AbortSignal,
    controller: AbortController,
    end: (status: number) => void,
  ): AsyncGenerator<string, void, void> {
    let status = 200;
    try {
      yield* events;
    } catch (error) {
      const told = client.aborted ? clientGone() : asApiError(error);
      status = told.status;
      if (status === 500) this.#options.onError?.(error);
      yield serverSentEvent(told);
    } finally {
      controller.abort();
      end(client.aborted ? clientGone().status : status);
    }
  }

  #note(route: string, status: number, started: number): void {
    this.#requests.add(1, { route, status });
    if (route in prepares) this.#seconds.observe((performance.now() - started) / 1000, { route });
  }

  #requireModel(name: unknown): void {
    if (name === this.#model.name) return;
    if (typeof name !== "string")
      throw new ApiError(400, "you must provide a model parameter", { param: "model", code: "missing_required_parameter" });
    throw new ApiError(404, `The model \`${name}\` does not exist. This server has \`${this.#model.name}\`.`, {
      param: "model",
      code: "model_not_found",
    });
  }

  #modelObject() {
    const { name, engine } = this.#model;
    return { id: name, object: "model", created: this.#created, owned_by: "atelier", context_length: engine.context };
  }

  #metrics(): string {
    const { engine } = this.#model;
    return metricsText({
      atelier_requests_total: this.#requests,
      atelier_requests_cancelled_total: this.#cancelled,
      atelier_prompt_tokens_total: this.#promptTokens,
      atelier_completion_tokens_total: this.#completionTokens,
      atelier_engine_tokens_total: new Gauge(
        "Tokens the engine has made since it was opened, of cancelled texts too.",
        () => engine.stats().tokens,
      ),
      atelier_requests_open: new Gauge("Requests that are worked on or wait.", () => this.#open.size),
      atelier_queue_waiting: new Gauge("Requests that wait for a slot.", () => this.admission.waiting),
      atelier_slots: new Gauge("Texts that can be written at once.", () => this.admission.slots),
      atelier_slots_active: new Gauge("Texts that are written now.", () => this.admission.active),
      atelier_first_token_seconds: this.#firstToken,
      atelier_request_seconds: this.#seconds,
      ...this.#options.gauges,
    });
  }
}

const methods: Readonly<Record<string, readonly string[] | undefined>> = {
  "/healthz": ["GET", "HEAD"],
  "/metrics": ["GET", "HEAD"],
  [MODELS]: ["GET", "HEAD"],
  "/v1/models/{model}": ["GET", "HEAD"],
  "/v1/completions": ["POST"],
  "/v1/chat/completions": ["POST"],
  "/v1/embeddings": ["POST"],
};

const prepares: Readonly<Record<string, Prepare>> = {
  "/v1/completions": handler(completionBody, (work, body) => {
    const prepared = prepareCompletion(body, work);
    return body.stream ? { events: completionStream(body, prepared, work) } : { reply: () => completion(body, prepared, work) };
  }),
  "/v1/chat/completions": handler(chatBody, (work, body) => {
    const prepared = prepareChat(body, work);
    return body.stream ? { events: chatStream(body, prepared, work) } : { reply: () => chatCompletion(body, prepared, work) };
  }),
  "/v1/embeddings": handler(embeddingBody, (work, body) => ({ reply: () => embeddings(body, work) })),
};

function handler<S extends z.ZodType>(schema: S, prepare: (work: Work, body: z.infer<S>) => ReturnType<Prepare>): Prepare {
  return (work, body) => prepare(work, parseBody(schema, body));
}

/** The route's name, which metrics are counted under; `other` for all that there is not. */
function routeOf(path: string): string {
  if (path.startsWith(`${MODELS}/`) && path.length > MODELS.length + 1) return "/v1/models/{model}";
  return Object.hasOwn(methods, path) && path !== "/v1/models/{model}" ? path : "other";
}

/** A part of a path without its escapes; as it is where these are no UTF-8. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function json(value: unknown): Reply {
  return { status: 200, headers: JSON_TYPE, body: JSON.stringify(value) };
}
