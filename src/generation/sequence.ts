import { UsageError } from "../core/errors.ts";
import type { StreamDecoder } from "../tokenizers/stream-decoder.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import type { DrawableIds } from "./drawable.ts";
import type { Finish, GeneratedToken, GenerationRequest } from "./engine.ts";
import { checkSampling, logProbabilities, Sampler } from "./sampler.ts";
import { StopStrings } from "./stop-strings.ts";

/** What a sequence must know of the engine. */
export interface SequenceLimits {
  readonly tokenizer: Tokenizer;
  readonly context: number;
  readonly vocabulary: number;
  /** Ids that may be drawn. */
  readonly drawable: DrawableIds;
  /** Ids that end a text. */
  readonly ends: readonly number[];
}

/** So many of the prompt's last tokens are decoded before the first new one: whether a word begins with a space depends on what stands before it. */
const textContext = 8;

/** One text under way: its tokens, how the next one is chosen, and what its reader has not taken yet. */
export class Sequence {
  readonly request: GenerationRequest;
  /** The row of the cache that it has; -1 while it waits. */
  row = -1;
  /** Tokens whose keys and values are in the cache. */
  cached = 0;
  /** Prompt and text. */
  readonly tokens: number[];
  readonly #limits: SequenceLimits;
  readonly #sampler: Sampler;
  readonly #stops: StopStrings;
  readonly #decoder: StreamDecoder;
  readonly #ready: GeneratedToken[] = [];
  #made = 0;
  #finish: Finish | undefined;
  #failure: unknown;
  #wake: (() => void) | undefined;

  /** @throws UsageError for a request that cannot be served */
  constructor(request: GenerationRequest, limits: SequenceLimits) {
    checkRequest(request, limits);
    this.request = request;
    this.#limits = limits;
    this.tokens = [...request.prompt];
    this.#sampler = new Sampler(request.sampling ?? {}, request.prompt, request.constraint, limits.ends);
    this.#stops = new StopStrings(request.stop ?? []);
    this.#decoder = limits.tokenizer.stream();
    for (const id of this.tokens.slice(-textContext)) if (limits.drawable.has(id)) this.#decoder.push(id);
  }

  get done(): boolean {
    return this.#finish !== undefined || this.#failure !== undefined;
  }

  /** Tokens that the network has not seen yet: the prompt's, or the last one. */
  get pending(): number {
    return this.tokens.length - this.cached;
  }

  /** Choose the next token by the logits [V] of the last one; the text may end with it. */
  take(given: Float32Array): void {
    const { request } = this;
    const logits = this.#limits.drawable.of(given);
    const { constraint } = request;
    const id = this.#sampler.choose(logits);
    this.#made++;
    const token: GeneratedToken = { id, text: "" };
    if (request.logprobs !== undefined) {
      const { logprob, top } = logProbabilities(logits, id, request.logprobs);
      Object.assign(token, { logprob }, request.logprobs > 0 ? { top } : {});
    }
    if (this.#limits.ends.includes(id)) {
      this.#emit({ ...token, text: this.#rest() });
      this.end("stop");
      return;
    }
    this.tokens.push(id);
    constraint?.advance(id);
    const { text, stop } = this.#stops.push(this.#decoder.push(id));
    if (stop !== undefined) {
      this.#emit({ ...token, text });
      this.end("stop", stop);
      return;
    }
    const complete = constraint?.finished === true;
    if (!complete && this.#made < request.maxTokens) this.#emit({ ...token, text });
    else this.#last({ ...token, text }, complete);
  }

  /** The last token of a text that ends without an end token: with what was held back, in which a stop string may still be complete. */
  #last(token: GeneratedToken, complete: boolean): void {
    const { text, stop } = this.#stops.push(this.#decoder.flush());
    this.#emit({ ...token, text: token.text + text + (stop === undefined ? this.#stops.flush() : "") });
    this.end(stop !== undefined || complete ? "stop" : "length", stop);
  }

  /** Text that was held back: unfinished characters, begins of stop strings. */
  #rest(): string {
    const { text, stop } = this.#stops.push(this.#decoder.flush());
    return stop === undefined ? text + this.#stops.flush() : text;
  }

  #emit(token: GeneratedToken): void {
    this.#ready.push(token);
    this.#wake?.();
  }

  /** No more tokens come. */
  end(reason: Finish["reason"], stop?: string): void {
    if (this.done) return;
    const counts = { promptTokens: this.request.prompt.length, completionTokens: this.#made };
    this.#finish = { reason, ...(stop === undefined ? {} : { stop }), ...counts };
    this.#wake?.();
  }

  /** The reader gets an error. */
  fail(error: unknown): void {
    if (!this.done) this.#failure = error;
    this.#wake?.();
  }

  /** Tokens as they come, and how it ended. */
  async *read(): AsyncGenerator<GeneratedToken, Finish, void> {
    for (;;) {
      const token = this.#ready.shift();
      if (token !== undefined) yield token;
      else if (this.#failure !== undefined) throw this.#failure;
      else if (this.#finish !== undefined) return this.#finish;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    }
  }
}

/** Refuses a prompt of so many tokens that leaves no place for one after it. @param context places that there are @throws UsageError */
export function checkFits(tokens: number, context: number): void {
  if (tokens >= context)
    throw new UsageError({
      what: "The prompt does not fit into the model's context.",
      got: `${tokens} tokens`,
      expected: `at most ${context - 1}, which leaves room for one more`,
      hint: "shorten it; nothing is cut off silently",
    });
}

function checkRequest({ prompt, maxTokens, sampling = {}, logprobs }: GenerationRequest, { context, vocabulary }: SequenceLimits): void {
  if (prompt.length === 0) throw new UsageError("The prompt is empty: a text needs at least one token to go on from.");
  checkFits(prompt.length, context);
  const wrong = prompt.find((id) => id < 0 || id >= vocabulary);
  if (wrong !== undefined)
    throw new UsageError({
      what: "The prompt has a token that the network does not know.",
      got: String(wrong),
      expected: `ids below ${vocabulary}`,
    });
  if (!Number.isInteger(maxTokens) || maxTokens < 1 || prompt.length + maxTokens > context)
    throw new UsageError({
      what: "The number of tokens to make is out of range.",
      got: String(maxTokens),
      expected: `1 to ${context - prompt.length}: the context has ${context} tokens, the prompt ${prompt.length}`,
    });
  if (logprobs !== undefined && (!Number.isInteger(logprobs) || logprobs < 0 || logprobs > vocabulary))
    throw new UsageError({ what: "The number of alternatives is out of range.", got: String(logprobs), expected: `0 to ${vocabulary}` });
  checkSampling(sampling);
}
