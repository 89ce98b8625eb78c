/** What the kinds of tokenizers share in training. */
import type { AddedToken, PostProcessorSpec, TokenizerSpec } from "./spec.ts";
import { Tokenizer } from "./tokenizer.ts";

/** A corpus: texts in any pieces (documents, or lines). It is gone through once. */
export type Corpus = Iterable<string>;

export interface TrainOptions {
  /** Tokens in the vocabulary, special ones among them. */
  size: number;
  /** Tokens that stand for no text; each kind has its own. */
  specialTokens?: readonly string[] | undefined;
}

/** Special tokens with ids from 0 on. */
export function specials(tokens: readonly string[]): AddedToken[] {
  return tokens.map((content, id) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }));
}

/** A tokenizer whose vocabulary is not learned yet: it cuts texts into the words that training counts. */
export function wordsOf(parts: Pick<TokenizerSpec, "normalizer" | "pre_tokenizer">): (text: string) => string[] {
  const cutter = new Tokenizer({
    version: "1.0",
    added_tokens: [],
    model: { type: "WordLevel", vocab: { "": 0 }, unk_token: "" },
    ...parts,
  });
  return (text) => cutter.words(text);
}

/** `<s> A` and, for two texts, `<s> A <s> B`. */
export function beginsWith(token: string, id: number): PostProcessorSpec {
  const begin = { SpecialToken: { id: token, type_id: 0 } };
  return {
    type: "TemplateProcessing",
    single: [begin, { Sequence: { id: "A", type_id: 0 } }],
    pair: [
      begin,
      { Sequence: { id: "A", type_id: 0 } },
      { SpecialToken: { id: token, type_id: 1 } },
      { Sequence: { id: "B", type_id: 1 } },
    ],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  };
}
