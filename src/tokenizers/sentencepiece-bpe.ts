/**
 * SentencePiece's byte pair encoding with Llama 2's settings (Kudo and Richardson, 2018, arXiv:1808.06226; Touvron et al., 2023, arXiv:2307.09288,
 * section 2.2): spaces are the mark U+2581, digits stand alone, and what has no token becomes bytes. Any text round-trips.
 */
import { UsageError } from "../core/errors.ts";
import { beginsWith, type Corpus, specials, type TrainOptions, wordsOf } from "./kinds.ts";
import { byteToken } from "./models/model.ts";
import type { DecoderSpec, NormalizerSpec, PreTokenizerSpec } from "./spec.ts";
import { Tokenizer } from "./tokenizer.ts";
import { learnBpe } from "./training/bpe-trainer.ts";
import { countWords, coverageLimit } from "./training/word-counts.ts";

export interface SentencePieceOptions extends TrainOptions {
  /** Share of the corpus's characters that get a token of their own; rarer ones become bytes. Default 0.9995. */
  coverage?: number | undefined;
}

/** The 256 tokens of bytes. */
export const BYTE_TOKENS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byteToken(byte));

/** A space before the text, and the mark for each space. */
export const SPACE_MARKS: NormalizerSpec = {
  type: "Sequence",
  normalizers: [
    { type: "Prepend", prepend: "\u2581" },
    { type: "Replace", pattern: { String: " " }, content: "\u2581" },
  ],
};
export const SPACE_MARK_DECODER: DecoderSpec = {
  type: "Sequence",
  decoders: [
    { type: "Replace", pattern: { String: "\u2581" }, content: " " },
    { type: "ByteFallback" },
    { type: "Fuse" },
    { type: "Strip", content: " ", start: 1, stop: 0 },
  ],
};
/** Only for training: runs of spaces, words with one space before, digits one by one, lines apart. So no token holds two digits or a line's end. */
const TRAINING_WORDS: PreTokenizerSpec = {
  type: "Sequence",
  pretokenizers: [
    {
      type: "Split",
      pattern: { Regex: "\u2581+(?=\u2581[^\u2581\\r\\n])|\u2581?[^\u2581\\r\\n]+|\u2581+" },
      behavior: "Removed",
      invert: true,
    },
    { type: "Digits", individual_digits: true },
  ],
};

/**
 * Special tokens `<unk>`, `<s>`, `</s>`, ids 0 to 2, unless others that begin with these; then the bytes; then characters, then what was joined. Texts
 * begin with `<s>`.
 * @throws UsageError for an empty corpus, or a size without room for bytes and characters.
 */
export function trainSentencePieceBpe(
  corpus: Corpus,
  { size, specialTokens = ["<unk>", "<s>", "</s>"], coverage = 0.9995 }: SentencePieceOptions,
): Tokenizer {
  requireSentencePieceTokens(specialTokens);
  const counts = countWords(corpus, wordsOf({ normalizer: SPACE_MARKS, pre_tokenizer: TRAINING_WORDS }));
  const limitAlphabet = coverageLimit(counts, coverage);
  const { vocab, merges } = learnBpe(counts, {
    size,
    specialTokens: [...specialTokens, ...BYTE_TOKENS],
    initialAlphabet: ["\u2581"],
    limitAlphabet,
  });
  return new Tokenizer({
    version: "1.0",
    added_tokens: specials(specialTokens),
    normalizer: SPACE_MARKS,
    post_processor: beginsWith("<s>", 1),
    decoder: SPACE_MARK_DECODER,
    model: { type: "BPE", vocab, merges, unk_token: "<unk>", fuse_unk: true, byte_fallback: true },
  });
}

/** @throws UsageError unless the first three are SentencePiece's */
export function requireSentencePieceTokens(tokens: readonly string[]): void {
  if (tokens[0] === "<unk>" && tokens[1] === "<s>" && tokens[2] === "</s>") return;
  throw new UsageError({ what: "SentencePiece needs its special tokens.", got: tokens.join(" "), expected: "<unk> <s> </s> first" });
}
