/**
 * WordPiece as BERT uses it (Wu et al., "Google's Neural Machine Translation System", 2016, arXiv:1609.08144; Devlin et al., "BERT", 2018): from the
 * left, the longest token that fits; tokens within a word begin with a mark. A word with a part that nothing fits is unknown as a whole.
 */
import { FileError, UsageError } from "../../core/errors.ts";
import type { WordLevelSpec, WordPieceSpec } from "../spec.ts";
import { type TokenModel, tokensById } from "./model.ts";

export class WordPieceModel implements TokenModel {
  readonly tokens: readonly (string | undefined)[];
  readonly #vocab: ReadonlyMap<string, number>;
  readonly #prefix: string;
  readonly #most: number;
  readonly #unknown: number;
  /** Of the longest token, in UTF-16 units. */
  readonly #longest: number;

  /** @throws FileError without the unknown token. */
  constructor(spec: WordPieceSpec) {
    this.#vocab = new Map(Object.entries(spec.vocab));
    this.tokens = tokensById(this.#vocab);
    this.#prefix = spec.continuing_subword_prefix;
    this.#most = spec.max_input_chars_per_word;
    this.#unknown = unknownId(this.#vocab, spec.unk_token);
    this.#longest = this.tokens.reduce((most, token) => Math.max(most, token?.length ?? 0), 0);
  }

  idOf(token: string): number | undefined {
    return this.#vocab.get(token);
  }

  encodeWord(word: string, out: number[]): void {
    const start = out.length;
    if (word.length > this.#most && [...word].length > this.#most) {
      out.push(this.#unknown);
      return;
    }
    for (let at = 0; at < word.length; ) {
      let [end, id] = [Math.min(word.length, at + this.#longest), undefined as number | undefined];
      for (; end > at && id === undefined; end--) id = this.#vocab.get((at > 0 ? this.#prefix : "") + word.slice(at, end));
      if (id === undefined) {
        out.length = start;
        out.push(this.#unknown);
        return;
      }
      out.push(id);
      at = end + 1;
    }
  }
}

/** Whole words, or the unknown token. */
export class WordLevelModel implements TokenModel {
  readonly tokens: readonly (string | undefined)[];
  readonly #vocab: ReadonlyMap<string, number>;
  readonly #unknown: number | undefined;

  /** A vocabulary without the unknown token is one that has no unknown words: they are an error. */
  constructor(spec: WordLevelSpec) {
    this.#vocab = new Map(Object.entries(spec.vocab));
    this.tokens = tokensById(this.#vocab);
    this.#unknown = this.#vocab.get(spec.unk_token);
  }

  idOf(token: string): number | undefined {
    return this.#vocab.get(token);
  }

  /** @throws UsageError for an unknown word where the vocabulary has no token for them */
  encodeWord(word: string, out: number[]): void {
    const id = this.#vocab.get(word) ?? this.#unknown;
    if (id === undefined) {
      throw new UsageError({
        what: "The text has a character or word that the tokenizer's vocabulary lacks, and it has no unknown token.",
        got: JSON.stringify(word),
        hint: "train the tokenizer on this text too, or with an unknown token",
      });
    }
    out.push(id);
  }
}

function unknownId(vocab: ReadonlyMap<string, number>, token: string): number {
  const id = vocab.get(token);
  if (id === undefined) throw new FileError({ what: "The tokenizer's vocabulary lacks its unknown token.", expected: token });
  return id;
}
