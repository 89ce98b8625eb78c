/**
 * Tokenizers: text to whole numbers and back. One class for all kinds: a normalizer changes the text, a pre-tokenizer cuts it into words, a model cuts
 * words into tokens, a post-processor puts special tokens around them, a decoder goes back. The parts and their order are those of Hugging Face's
 * `tokenizers`, whose `tokenizer.json` is what is read and written.
 */
import { UsageError } from "../core/errors.ts";
import { addedTokenSplitter, type Section } from "./added-tokens.ts";
import { toByteChars } from "./byte-alphabet.ts";
import { buildDecoder, type Decode } from "./decoders.ts";
import { BpeModel } from "./models/bpe.ts";
import type { TokenModel } from "./models/model.ts";
import { UnigramModel } from "./models/unigram.ts";
import { WordLevelModel, WordPieceModel } from "./models/wordpiece.ts";
import { buildNormalizer, type Normalize } from "./normalizers.ts";
import { buildPostProcessor, type Encoding, type PostProcess } from "./post-processors.ts";
import { buildPreTokenizer, type CompiledPreTokenizer } from "./pre-tokenizers.ts";
import { type AddedToken, checkTokenizerSpec, type ModelSpec, type TokenizerSpec } from "./spec.ts";
import { StreamDecoder } from "./stream-decoder.ts";

export interface EncodeOptions {
  /** Put the special tokens around the text that the tokenizer's template asks for (`[CLS] ... [SEP]`, `<s> ...`). Default true. */
  addSpecialTokens?: boolean | undefined;
}

export interface DecodeOptions {
  /** Leave special tokens out of the text. Default true. */
  skipSpecialTokens?: boolean | undefined;
}

/** Words remembered with their ids; when there are so many, all are forgotten. */
const MOST_WORDS = 65_536;
/** Longer words are seldom seen twice. */
const LONGEST_WORD = 64;

/** Texts to the ids of their tokens and back: every kind, as its `tokenizer.json` describes it. */
export class Tokenizer {
  /** What `tokenizer.json` says. */
  readonly spec: TokenizerSpec;
  /** Token ids go from 0 to below this. */
  readonly vocabularySize: number;
  readonly #model: TokenModel;
  readonly #normalize: Normalize;
  readonly #pre: CompiledPreTokenizer;
  readonly #post: PostProcess;
  readonly #decode: Decode;
  readonly #splitRaw: ((text: string) => Section[]) | undefined;
  readonly #splitNormalized: ((text: string) => Section[]) | undefined;
  readonly #added: ReadonlyMap<number, AddedToken>;
  readonly #addedByContent: ReadonlyMap<string, number>;
  readonly #words = new Map<string, readonly number[]>();

  /**
   * `sentencePiece` follows that library where it differs from Hugging Face's: how compiled rules are looked up, and float32 sums (`UnigramModel`).
   * @throws FileError when the description contradicts itself or asks for what is not known here.
   */
  constructor(spec: TokenizerSpec, { sentencePiece = false }: { sentencePiece?: boolean | undefined } = {}) {
    this.spec = spec;
    this.#added = new Map(spec.added_tokens.map((token) => [token.id, token]));
    this.#addedByContent = new Map(spec.added_tokens.map(({ content, id }) => [content, id]));
    this.#model = buildModel(spec.model, new Set(spec.added_tokens.filter(({ special }) => special).map(({ id }) => id)), sentencePiece);
    const normalizer = spec.normalizer;
    this.#normalize =
      normalizer === null || normalizer === undefined
        ? (text) => text
        : buildNormalizer(normalizer, sentencePiece ? "position" : "cluster");
    this.#pre = buildPreTokenizer(spec.pre_tokenizer);
    this.#post = buildPostProcessor(spec.post_processor);
    this.#decode = buildDecoder(spec.decoder);
    this.#splitRaw = addedTokenSplitter(
      spec.added_tokens.filter(({ normalized }) => !normalized),
      ({ content }) => content,
    );
    this.#splitNormalized = addedTokenSplitter(
      spec.added_tokens.filter(({ normalized }) => normalized),
      ({ content }) => this.#normalize(content),
    );
    this.vocabularySize = spec.added_tokens.reduce((size, { id }) => Math.max(size, id + 1), this.#model.tokens.length);
  }

  /** The tokenizer that the text of a `tokenizer.json` describes; `where` names it in errors. @throws FileError */
  static fromJson(value: unknown, where = "tokenizer.json"): Tokenizer {
    return new Tokenizer(checkTokenizerSpec(value, where));
  }

  /** What to write as `tokenizer.json`: fields in the order of the schema, so that a tokenizer that was just learned and its file give the same bytes. */
  toJson(): TokenizerSpec {
    const { version, added_tokens, normalizer, pre_tokenizer, post_processor, decoder, model } = this.spec;
    const whole = {
      ...{ version, truncation: null, padding: null, added_tokens, model },
      normalizer: normalizer ?? null,
      pre_tokenizer: pre_tokenizer ?? null,
      post_processor: post_processor ?? null,
      decoder: decoder ?? null,
    };
    return checkTokenizerSpec(whole, "tokenizer");
  }

  /** The ids of a text [T], each in [0, vocabularySize). Bytes are read as UTF-8, broken ones as U+FFFD. */
  encode(text: string | Uint8Array, { addSpecialTokens = true }: EncodeOptions = {}): Int32Array {
    const ids = this.#ids(text);
    return addSpecialTokens ? this.#post(ids, undefined).ids : Int32Array.from(ids);
  }

  /** Two texts in one, with the segment of each token: what BERT is fed. */
  encodePair(first: string, second: string): Encoding {
    return this.#post(this.#ids(first), this.#ids(second));
  }

  /** The ids of each text. */
  encodeBatch(texts: readonly string[], options: EncodeOptions = {}): Int32Array[] {
    return texts.map((text) => this.encode(text, options));
  }

  /** The text of ids. @throws UsageError for an id that no token has. */
  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    return this.#decode(this.#textTokens(ids, options)).join("");
  }

  /** A decoder that takes ids one by one and gives text as soon as it cannot change any more (characters may take several tokens). */
  stream(options: DecodeOptions = {}): StreamDecoder {
    return new StreamDecoder((ids) => this.decode(ids, options));
  }

  /** The id of a token or added token; undefined where there is none. */
  idOf(token: string): number | undefined {
    return this.#addedByContent.get(token) ?? this.#model.idOf(token);
  }

  /** The token of an id, as it is written in the vocabulary; undefined where there is none. */
  tokenOf(id: number): string | undefined {
    return this.#added.get(id)?.content ?? this.#model.tokens[id];
  }

  /** The tokens that stand for no text, with their ids. */
  get specialTokens(): ReadonlyMap<string, number> {
    return new Map(this.spec.added_tokens.filter(({ special }) => special).map(({ content, id }) => [content, id]));
  }

  /** The words that a text is cut into before the model sees them, as training counts them. Added tokens are left out. */
  words(text: string): string[] {
    const out: string[] = [];
    this.#sections(text, (section, first) => {
      if (typeof section === "string")
        for (const word of this.#pre.split([section], first)) out.push(this.#pre.bytes ? toByteChars(word) : word);
    });
    return out;
  }

  #textTokens(ids: ArrayLike<number>, { skipSpecialTokens = true }: DecodeOptions): string[] {
    const tokens: string[] = [];
    for (let i = 0; i < ids.length; i++) {
      const added = this.#added.get(ids[i]);
      if (added?.special && skipSpecialTokens) continue;
      const token = added?.content ?? this.#model.tokens[ids[i]];
      if (token === undefined) {
        throw new UsageError({
          what: "There is no token with this id.",
          got: String(ids[i]),
          expected: `an integer from 0 to ${this.vocabularySize - 1}`,
        });
      }
      tokens.push(token);
    }
    return tokens;
  }

  #ids(text: string | Uint8Array): number[] {
    const out: number[] = [];
    this.#sections(typeof text === "string" ? text : new TextDecoder("utf-8", { ignoreBOM: true }).decode(text), (section, first) => {
      if (typeof section === "number") out.push(section);
      else for (const word of this.#pre.split([section], first)) this.#encodeWord(word, out);
    });
    return out;
  }

  /** Added tokens apart: first in the text itself, then in what the normalizer made of the rest. */
  #sections(text: string, take: (section: Section, first: boolean) => void): void {
    let first = true;
    for (const section of this.#splitRaw?.(text) ?? [text]) {
      if (typeof section === "number") take(section, first);
      else {
        const normal = this.#normalize(section);
        for (const inner of this.#splitNormalized?.(normal) ?? [normal]) {
          if (inner !== "") take(inner, first);
          first = false;
        }
      }
      first = false;
    }
  }

  #encodeWord(word: string, out: number[]): void {
    const { safeCuts } = this.#model;
    if (safeCuts === undefined || word.length < 2) this.#encodePart(word, out);
    else for (const part of word.match(safeCuts) ?? []) this.#encodePart(part, out);
  }

  #encodePart(word: string, out: number[]): void {
    const known = this.#words.get(word);
    if (known !== undefined) {
      for (const id of known) out.push(id);
      return;
    }
    const start = out.length;
    this.#model.encodeWord(this.#pre.bytes ? toByteChars(word) : word, out);
    if (word.length > LONGEST_WORD) return;
    if (this.#words.size >= MOST_WORDS) this.#words.clear();
    this.#words.set(word, out.slice(start));
  }
}

function buildModel(spec: ModelSpec, special: ReadonlySet<number>, sentencePiece: boolean): TokenModel {
  switch (spec.type) {
    case "BPE":
      return new BpeModel(spec);
    case "WordPiece":
      return new WordPieceModel(spec);
    case "WordLevel":
      return new WordLevelModel(spec);
    case "Unigram":
      return new UnigramModel(spec, special, sentencePiece);
  }
}
