import { UsageError } from "../core/errors.ts";
import type { Precision } from "../lower/weight-only.ts";
import type { DecoderNetwork } from "../nn/decoder.ts";
import type { Backend } from "../runtime/backend.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { KeyValueCache } from "./cache.ts";
import { type DecoderCall, DecoderSession } from "./decoder-session.ts";
import { DrawableIds } from "./drawable.ts";
import type { Finish, GeneratedToken, GenerationRequest, TextEngine } from "./engine.ts";
import { fillPrompt, nothingCached } from "./prompt-call.ts";
import { Sequence, type SequenceLimits } from "./sequence.ts";

export interface DecoderEngineOptions {
  network: DecoderNetwork;
  tokenizer: Tokenizer;
  backend: Backend;
  /** Default `decoder`. */
  name?: string;
  /** Texts that are continued at the same time. Default 16. */
  slots?: number;
  /** The most tokens of prompt and text together. Default: the network's. */
  context?: number;
  /** Ids that end a text. Default: those of {@link endTokensOf}. */
  endTokens?: readonly number[];
  /** How weights are kept. Default float32. */
  precision?: Precision;
  /** Tokens of a prompt that are read between two steps of the other texts. Default 256. */
  chunk?: number;
}

/** Names of tokens that end a text, as published vocabularies have them. */
const endNames = ["<|endoftext|>", "</s>", "<eos>", "<|eot_id|>", "<|end_of_text|>", "<|im_end|>", "<end_of_turn>", "[EOS]"];

/** Ids of the tokens by which published models end a text, as far as a vocabulary has them. */
export function endTokensOf(tokenizer: Tokenizer): number[] {
  return endNames.flatMap((name) => tokenizer.idOf(name) ?? []);
}

/** Copies of a row cost about as much as its share of a few steps: rows are moved together when a quarter of them is empty. */
const emptyShare = 0.25;
/** Steps in a row that must find the cache more than twice as long as they need before it is made shorter: another long text may come. */
const patience = 256;

/**
 * Continues many texts at once (continuous batching, Yu et al. 2022): texts join and leave between two steps, each step makes one token of every text.
 * A prompt is read in chunks with a cache row of its own, between the others' steps; the texts come in the order of their requests.
 */
export class DecoderEngine implements TextEngine {
  readonly name: string;
  readonly context: number;
  readonly vocabulary: number;
  readonly tokenizer: Tokenizer;
  readonly slots: number;
  readonly #session: DecoderSession;
  readonly #cache: KeyValueCache;
  readonly #limits: SequenceLimits;
  readonly #chunk: number;
  readonly #waiting: Sequence[] = [];
  #active: Sequence[] = [];
  /** The call of the steps, kept while the number of rows and the buffers are the same. */
  #step: DecoderCall | undefined;
  #running: Promise<void> | undefined;
  #tokens = 0;
  /** Steps in a row whose cache was too long. */
  #spare = 0;
  #closed = false;

  private constructor(session: DecoderSession, options: DecoderEngineOptions) {
    const { network, tokenizer, name = "decoder", slots = 16, chunk = 256, context = network.decoder.context } = options;
    if (!Number.isInteger(slots) || slots < 1)
      throw new UsageError({ what: "The number of slots must be a whole number above 0.", got: String(slots) });
    if (!Number.isInteger(context) || context < 2 || context > network.decoder.context)
      throw new UsageError({ what: "The context is out of range.", got: String(context), expected: `2 to ${network.decoder.context}` });
    this.name = name;
    this.context = context;
    this.vocabulary = network.decoder.vocabulary;
    this.tokenizer = tokenizer;
    this.slots = slots;
    this.#chunk = Math.max(1, chunk);
    this.#session = session;
    this.#cache = new KeyValueCache(session.sizes);
    const drawable = new DrawableIds(tokenizer, this.vocabulary);
    this.#limits = { tokenizer, context, vocabulary: this.vocabulary, drawable, ends: options.endTokens ?? endTokensOf(tokenizer) };
  }

  /** Load a network's program. @throws UsageError for settings out of range; AtelierError, RuntimeError as {@link DecoderSession.open} */
  static async open(options: DecoderEngineOptions): Promise<DecoderEngine> {
    const { backend, network, name, precision } = options;
    const session = await DecoderSession.open(backend, network, { name, precision });
    try {
      return new DecoderEngine(session, options);
    } catch (error) {
      await session.dispose();
      throw error;
    }
  }

  async *generate(request: GenerationRequest): AsyncGenerator<GeneratedToken, Finish, void> {
    if (this.#closed) throw new UsageError("The engine is closed.");
    const sequence = new Sequence(request, this.#limits);
    const { signal } = request;
    const cancel = (): void => this.#leave(sequence, "cancelled");
    if (signal?.aborted) cancel();
    else this.#waiting.push(sequence);
    signal?.addEventListener("abort", cancel, { once: true });
    this.#start();
    try {
      return yield* sequence.read();
    } finally {
      signal?.removeEventListener("abort", cancel);
      cancel();
    }
  }

  /** The mean over each text's tokens of the last hidden states, of length 1. @throws UsageError for an empty text or one beyond the context */
  async embed(texts: readonly Int32Array[]): Promise<Float32Array[]> {
    const results: Float32Array[] = [];
    for (const text of texts) {
      if (text.length === 0 || text.length > this.context)
        throw new UsageError({
          what: "A text to embed is empty or too long.",
          got: `${text.length} tokens`,
          expected: `1 to ${this.context}`,
        });
      const call = this.#promptCall([...text], 0, 0, true);
      await call.run();
      results.push(meanDirection(call.hidden!, this.#session.width));
      call.dispose();
    }
    return results;
  }

  /** Bytes of the keys and values that are kept. */
  get cacheBytes(): number {
    return this.#cache.bytes;
  }

  stats(): { active: number; waiting: number; tokens: number } {
    return { active: this.#active.length, waiting: this.#waiting.length, tokens: this.#tokens };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const sequence of [...this.#active, ...this.#waiting]) this.#leave(sequence, "cancelled");
    await this.#running;
    this.#forgetStep();
    await this.#session.dispose();
  }

  #leave(sequence: Sequence, reason: Finish["reason"]): void {
    sequence.end(reason);
    this.#active = this.#active.filter((other) => other !== sequence);
    const at = this.#waiting.indexOf(sequence);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#waiting.length > 0 && !this.#closed) this.#start();
    });
  }

  /** Chunks of prompts and steps in turn, until nobody is left. An error ends the texts that it met. */
  async #run(): Promise<void> {
    // Requests made in the same turn of the event loop begin together.
    await Promise.resolve();
    while (!this.#closed && (this.#active.length > 0 || this.#waiting.length > 0)) {
      this.#admit();
      const reading = this.#active.find((sequence) => sequence.pending > 1 || sequence.cached === 0);
      const affected = [...this.#active];
      try {
        if (reading !== undefined) await this.#read(reading);
        await this.#stepAll(this.#active.filter((sequence) => sequence.pending === 1 && sequence.cached > 0));
      } catch (error) {
        for (const sequence of affected) {
          sequence.fail(error);
          this.#leave(sequence, "cancelled");
        }
      }
      for (const sequence of this.#active) if (sequence.done) this.#leave(sequence, "stop");
    }
  }

  /** Give free rows to those who wait longest. */
  #admit(): void {
    while (this.#active.length < this.slots && this.#waiting.length > 0) {
      const sequence = this.#waiting.shift()!;
      const taken = new Set(this.#active.map(({ row }) => row));
      sequence.row = 0;
      while (taken.has(sequence.row)) sequence.row++;
      this.#active.push(sequence);
    }
  }

  #reserve(rows: number, places: number): void {
    if (this.#cache.reserve(rows, places, this.#lengths())) this.#forgetStep();
  }

  /** Make the cache shorter where it was too long for a while. */
  #shrink(): void {
    const places = Math.max(...this.#active.map(({ tokens }) => tokens.length));
    this.#spare = 2 * places < this.#cache.places ? this.#spare + 1 : 0;
    if (this.#spare < patience) return;
    this.#spare = 0;
    if (this.#cache.shrink(places, this.#lengths())) this.#forgetStep();
  }

  /** Filled places of each row. */
  #lengths(): number[] {
    const lengths: number[] = new Array(this.#cache.rows).fill(0);
    for (const { row, cached } of this.#active) lengths[row] = cached;
    return lengths;
  }

  #forgetStep(): void {
    this.#step?.dispose();
    this.#step = undefined;
  }

  /** Read one more chunk of a prompt; after its last token the first one of the text is chosen. */
  async #read(sequence: Sequence): Promise<void> {
    const { row, cached } = sequence;
    const chunk = sequence.tokens.slice(cached, cached + this.#chunk);
    this.#reserve(row + 1, cached + chunk.length);
    const call = this.#promptCall(chunk, cached, row, false);
    await call.run();
    if (!sequence.done) this.#cache.put(call.made, 0, chunk.length, row, cached);
    sequence.cached += chunk.length;
    if (!sequence.done && sequence.pending === 0) this.#take(sequence, call.logits);
    call.dispose();
  }

  #take(sequence: Sequence, logits: Float32Array): void {
    try {
      sequence.take(logits);
      this.#tokens++;
    } catch (error) {
      sequence.fail(error);
    }
  }

  /** A call for tokens after the first `cached` ones of a row; those at the begin of a text need no cache, and get one of a single place. */
  #promptCall(tokens: readonly number[], cached: number, row: number, withHidden: boolean): DecoderCall {
    const T = tokens.length;
    const S = cached === 0 ? 1 : this.#cache.places;
    const cache = cached === 0 ? nothingCached(this.#session.sizes) : this.#cache.view(row, 1);
    const call = this.#session.bind({ rows: 1, tokens: T, places: S, wanted: 1 }, cache, { withHidden });
    fillPrompt(call, tokens, cached);
    return call;
  }

  /** One more token of each text. */
  async #stepAll(ready: readonly Sequence[]): Promise<void> {
    if (ready.length === 0) return;
    this.#moveTogether();
    this.#shrink();
    const rows = Math.max(...ready.map(({ row }) => row)) + 1;
    this.#reserve(rows, Math.max(...ready.map(({ cached }) => cached)) + 1);
    const call = this.#stepCall(rows);
    const S = call.sizes.places;
    // Rows without a text look at nothing but their own new token.
    call.mask.fill(0);
    for (let row = 0; row < rows; row++) call.mask[row * (S + 1) + S] = 1;
    for (const { row, tokens, cached } of ready) {
      call.tokens[row] = tokens[cached];
      call.positions[row] = cached;
      call.mask.fill(1, row * (S + 1), row * (S + 1) + cached);
    }
    await call.run();
    for (const sequence of ready) {
      // Whoever left meanwhile may have a successor in its row, but none that was in this step.
      if (sequence.done) continue;
      const { row, cached } = sequence;
      this.#cache.put(call.made, row, 1, row, cached);
      sequence.cached++;
      this.#take(sequence, call.logits.subarray(row * this.vocabulary, (row + 1) * this.vocabulary));
    }
  }

  #stepCall(rows: number): DecoderCall {
    if (this.#step?.sizes.rows === rows) return this.#step;
    this.#step?.dispose();
    const places = this.#cache.places;
    const call = this.#session.bind({ rows, tokens: 1, places, wanted: rows }, this.#cache.view(0, rows));
    for (let row = 0; row < rows; row++) call.wanted[row] = row;
    this.#step = call;
    return call;
  }

  /** Fill empty rows with the last ones, where there are many: each row of a step costs time. */
  #moveTogether(): void {
    const rows = Math.max(...this.#active.map(({ row }) => row)) + 1;
    if (rows - this.#active.length <= rows * emptyShare) return;
    const taken = new Set(this.#active.map(({ row }) => row));
    for (const sequence of [...this.#active].sort((a, b) => b.row - a.row)) {
      let free = 0;
      while (taken.has(free)) free++;
      if (free > sequence.row) return;
      this.#cache.move(sequence.row, free, sequence.cached);
      taken.delete(sequence.row);
      taken.add(free);
      sequence.row = free;
    }
  }
}

/** The mean of rows [T, C], divided by its length. */
function meanDirection(hidden: Float32Array, width: number): Float32Array {
  const mean = new Float32Array(width);
  for (let i = 0; i < hidden.length; i++) mean[i % width] += hidden[i];
  const length = Math.sqrt(mean.reduce((sum, value) => sum + value * value, 0));
  return mean.map((value) => value / (length || 1));
}
