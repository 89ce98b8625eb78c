/** A trained model out of bytes, ready to be asked: in a page, a worker or Node. */
import { UsageError } from "../core/errors.ts";
import type { Finish, GeneratedToken, SamplingOptions } from "../generation/engine.ts";
import type { ModelRecord, Pictures, Samples } from "../models/model.ts";
import type { Module } from "../nn/module.ts";
import type { Backend } from "../runtime/backend.ts";
import { Tokenizer } from "../tokenizers/tokenizer.ts";
import { aboutModel, type ModelAbout } from "./about.ts";
import { drawPoints, drawSamples, type SampleWishes, type ViewContext } from "./draw.ts";
import { type RowFunction, Rows } from "./rows.ts";
import { openWriter, type PlayWriter, promptIds } from "./text.ts";
import { translateText } from "./translate-text.ts";
import { restoreNetwork } from "./weights.ts";

export interface OpenModelOptions {
  record: ModelRecord;
  /** The run's whole configuration. */
  config: unknown;
  /** Safetensors by the names of the network's own parameters and state. */
  weights: Uint8Array;
  /** What `tokenizer.json` holds, for models of text. */
  tokenizer?: unknown;
  /** Of models of pairs whose sources have their own. */
  sourceTokenizer?: unknown;
  backend: Backend;
}

/** What fresh pictures or points are drawn with. */
export interface SampleRequest extends Pick<SampleWishes, "conditions" | "given" | "from" | "sampling" | "signal"> {
  count: number;
  seed: number | string;
  /** Told what the sampler shows on its way, the finished ones last. */
  onFrame?: ((samples: Samples) => void) | undefined;
}

/** What a text is continued with. */
export interface ContinueRequest {
  prompt: string;
  /** The most tokens that are added. */
  maxTokens: number;
  sampling?: SamplingOptions | undefined;
  /** Alternatives a token, with their probabilities. */
  alternatives?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** A token as it is shown. */
export interface WrittenToken {
  readonly text: string;
  /** What else could have stood there, likeliest first, and how likely it was, in [0, 1], before temperature and filters. */
  readonly alternatives?: readonly { token: string; probability: number }[];
}

type Work = "decode" | "encode" | "reconstruct" | "density";

/** A trained network with all that can be asked of it. Ask one thing at a time: programs share their arrays. */
export class PlayModel {
  readonly about: ModelAbout;
  readonly #context: ViewContext;
  readonly #tokenizer: Tokenizer | undefined;
  readonly #sourceTokenizer: Tokenizer | undefined;
  readonly #rows = new Map<Work, Rows>();
  #writer: Promise<PlayWriter> | undefined;

  /** @throws FileError for weights that do not fit */
  constructor({ record, config, weights, tokenizer, sourceTokenizer, backend }: OpenModelOptions) {
    const network = restoreNetwork(record, config, weights);
    this.#context = { record, config, network, backend };
    this.about = aboutModel(record, config, network);
    this.#tokenizer = tokenizer === undefined ? undefined : Tokenizer.fromJson(tokenizer, "the tokenizer");
    this.#sourceTokenizer = sourceTokenizer === undefined ? undefined : Tokenizer.fromJson(sourceTokenizer, "the sources' tokenizer");
  }

  get network(): Module {
    return this.#context.network;
  }

  /** What computes, in words. */
  get device(): string {
    return this.#context.backend.description;
  }

  /**
   * Fresh pictures [count, C, H, W] in [0, 1] or points [count, D]; the same seed gives the same ones as `atelier generate` does.
   * @throws UsageError for a model that does not sample, or wishes that it does not have; the signal's reason where it is ended
   */
  async sample({ count, seed, onFrame, ...wishes }: SampleRequest): Promise<Samples> {
    if (!this.about.can.sample) throw this.#cannot("make pictures or points");
    if (this.about.kind === "points") return await drawPoints(this.#context, count, seed, { ...wishes, onFrame });
    return await drawSamples(this.#context, count, seed, { ...wishes, onFrame });
  }

  /** Codes [count, Z] of pictures or points. @throws UsageError for a model without an encoder */
  encode(examples: Float32Array, count: number, conditions?: Float32Array): Promise<Float32Array> {
    return this.#apply("encode", examples, count, conditions);
  }

  /** Pictures or points of codes [count, Z]. @throws UsageError for a model without a decoder */
  decode(codes: Float32Array, count: number, conditions?: Float32Array): Promise<Float32Array> {
    return this.#apply("decode", codes, count, conditions);
  }

  /** Pictures as the model gives them back. @throws UsageError for a model that does not */
  reconstruct(pictures: Pictures, conditions?: Float32Array): Promise<Float32Array> {
    return this.#apply("reconstruct", pictures.data, pictures.shape[0], conditions);
  }

  /** log p of points [count, D], in nats, or minus an energy that it knows up to a constant. @throws UsageError for a model that does not know it */
  logDensity(points: Float32Array, count: number, conditions?: Float32Array): Promise<Float32Array> {
    return this.#apply("density", points, count, conditions);
  }

  /** Make the decoder's program ahead, so that the first drag is as quick as the others. */
  async prepareDecoder(): Promise<void> {
    if (this.about.can.decode) await this.#rowsOf("decode").prepare();
  }

  /** A text that goes on, token by token. @throws UsageError for a model that does not write */
  async *continueText(request: ContinueRequest): AsyncGenerator<WrittenToken, Finish, void> {
    const { prompt, maxTokens, sampling = {}, alternatives, signal } = request;
    const tokenizer = this.#tokenizer;
    if (!this.about.can.writes || tokenizer === undefined) throw this.#cannot("write");
    this.#writer ??= openWriter(this.#context, tokenizer);
    const writer = await this.#writer;
    const ids = promptIds(tokenizer, prompt);
    const { tokens, forgot } = writer.generate({ prompt: ids, maxTokens, sampling, logprobs: alternatives, signal });
    if (forgot > 0) yield { text: "" };
    for (;;) {
      const next = await tokens.next();
      if (next.done) return next.value;
      yield shown(next.value, tokenizer);
    }
  }

  /** What is written for a source, the best first. @throws UsageError for a model that does not write one text from another */
  async translate(source: string, sampling?: Readonly<Record<string, unknown>>): Promise<string[]> {
    const tokenizer = this.#tokenizer;
    if (!this.about.can.translates || tokenizer === undefined) throw this.#cannot("write one text from another");
    return await translateText(this.#context, { tokenizer, sourceTokenizer: this.#sourceTokenizer }, source, sampling);
  }

  /** Free its programs. */
  async dispose(): Promise<void> {
    for (const rows of this.#rows.values()) await rows.dispose();
    this.#rows.clear();
    await (await this.#writer)?.close();
    this.#writer = undefined;
  }

  #apply(work: Work, values: Float32Array, count: number, conditions?: Float32Array): Promise<Float32Array> {
    return this.#rowsOf(work).run(values, count, conditions);
  }

  #rowsOf(work: Work): Rows {
    const known = this.#rows.get(work);
    if (known !== undefined) return known;
    const { record, network, backend } = this.#context;
    if (!this.about.can[work]) throw this.#cannot(work === "density" ? "say how likely a point is" : work);
    const shape = work === "decode" ? [this.about.codeSize] : this.about.shape;
    const apply: RowFunction =
      work === "density"
        ? (rows, conditions) => record.logDensity!(network, rows, conditions)
        : (rows, conditions) => record[work]!(network, rows, conditions);
    const rows = new Rows(backend, `${record.name}, ${work}`, shape, this.about.conditions, apply);
    this.#rows.set(work, rows);
    return rows;
  }

  #cannot(what: string): UsageError {
    return new UsageError({ what: `The model "${this.about.model}" cannot ${what}.` });
  }
}

function shown({ text, top }: GeneratedToken, tokenizer: Tokenizer): WrittenToken {
  if (top === undefined) return { text };
  const name = (id: number) => tokenizer.decode([id], { skipSpecialTokens: false }) || (tokenizer.tokenOf(id) ?? "");
  return { text, alternatives: top.map(({ id, logprob }) => ({ token: name(id), probability: Math.exp(logprob) })) };
}
