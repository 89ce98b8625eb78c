/** SentencePiece's unigram model (Kudo, 2018): a vocabulary with probabilities, and the most probable way to cut each word. */
import { type Corpus, specials, wordsOf } from "./kinds.ts";
import {
  BYTE_TOKENS,
  requireSentencePieceTokens,
  type SentencePieceOptions,
  SPACE_MARK_DECODER,
  SPACE_MARKS,
} from "./sentencepiece-bpe.ts";
import type { NormalizerSpec } from "./spec.ts";
import { Tokenizer } from "./tokenizer.ts";
import { learnUnigram } from "./training/unigram-trainer.ts";
import { countWords, coverageLimit, requireSize } from "./training/word-counts.ts";

export interface UnigramOptions extends SentencePieceOptions {
  /** `nfkc`: compatibility forms become plain ones, and runs of spaces one space, as is SentencePiece's custom; `none`: any text round-trips. Default `nfkc`. */
  normalization?: "nfkc" | "none" | undefined;
  /** Told after each round. */
  onProgress?: ((message: string) => void) | undefined;
}

const NFKC: NormalizerSpec[] = [{ type: "NFKC" }, { type: "Replace", pattern: { Regex: " {2,}" }, content: " " }];

/**
 * Special tokens `<unk>`, `<s>`, `</s>`, ids 0 to 2, unless others that begin with these; then the bytes, for characters without a piece; then pieces,
 * the most probable first.
 * @throws UsageError for an empty corpus, or a size without room for bytes and characters.
 */
export function trainUnigram(corpus: Corpus, options: UnigramOptions): Tokenizer {
  const { size, specialTokens = ["<unk>", "<s>", "</s>"], coverage = 0.9995, normalization = "nfkc", onProgress } = options;
  requireSentencePieceTokens(specialTokens);
  const normalizer: NormalizerSpec = { type: "Sequence", normalizers: [...(normalization === "nfkc" ? NFKC : []), SPACE_MARKS] };
  // Only for training: a word with the space before it. No piece reaches over that, so encoding finds the same words.
  const pre_tokenizer = { type: "Split", pattern: { String: "\u2581" }, behavior: "MergedWithNext", invert: false } as const;
  const counts = countWords(corpus, wordsOf({ normalizer, pre_tokenizer }));
  const reserved = [...specialTokens, ...BYTE_TOKENS];
  requireSize(size, reserved.length + 1);
  const pieces = learnUnigram(counts, { size: size - reserved.length, limitAlphabet: coverageLimit(counts, coverage), onProgress });
  const vocab = [
    ...reserved.map((token): [string, number] => [token, 0]),
    ...pieces.map(({ text, score }): [string, number] => [text, score]),
  ];
  return new Tokenizer({
    version: "1.0",
    added_tokens: specials(specialTokens),
    normalizer,
    decoder: SPACE_MARK_DECODER,
    model: { type: "Unigram", unk_id: 0, vocab, byte_fallback: true },
  });
}
