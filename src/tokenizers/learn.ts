/** A tokenizer of any kind from texts: what the command line and the beginning of a run use. */
import { trainBpe } from "./bpe.ts";
import { trainByteBpe } from "./byte-bpe.ts";
import { trainChar } from "./char.ts";
import { trainSentencePieceBpe } from "./sentencepiece-bpe.ts";
import { trainSymbols } from "./symbols.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { trainUnigram } from "./unigram.ts";
import { trainWord } from "./word.ts";
import { trainWordPiece } from "./wordpiece.ts";

export const tokenizerKinds = ["char", "word", "symbols", "bpe", "byte-bpe", "wordpiece", "sentencepiece-bpe", "unigram"] as const;
export type TokenizerKind = (typeof tokenizerKinds)[number];

export interface LearnOptions {
  /** Tokens at most. Default 4096, and for `char` all characters; where there are more than that many, rarer ones become `<unk>`. */
  size?: number | undefined;
  /** Of sequence-to-sequence models: with `<pad>` as id 0, `<s>` and `</s>` (the kinds that have such tokens of their own keep these). Default false. */
  pairs?: boolean | undefined;
  /** Told what is done. */
  onProgress?: ((message: string) => void) | undefined;
}

const PAIR_TOKENS = ["<pad>", "<s>", "</s>", "<unk>"];

/** Learn a vocabulary from texts. @throws UsageError for an empty corpus, or a size without room for its characters */
export function learnTokenizer(
  kind: TokenizerKind,
  texts: readonly string[],
  { size, pairs = false, onProgress }: LearnOptions = {},
): Tokenizer {
  const sized = { size: size ?? 4096, ...(pairs ? { specialTokens: PAIR_TOKENS } : {}) };
  switch (kind) {
    case "char":
      return learnCharacters(texts, size, pairs);
    case "word":
      return trainWord(texts, sized);
    case "symbols":
      return trainSymbols(texts, sized);
    case "bpe":
      return trainBpe(texts, sized);
    case "byte-bpe":
      return trainByteBpe(texts, sized);
    case "wordpiece":
      return trainWordPiece(texts, { size: sized.size });
    case "sentencepiece-bpe":
      return trainSentencePieceBpe(texts, { size: sized.size });
    case "unigram":
      return trainUnigram(texts, { size: sized.size, onProgress });
  }
}

function learnCharacters(texts: readonly string[], size: number | undefined, pairs: boolean): Tokenizer {
  if (pairs) return trainChar(texts, { size, specialTokens: PAIR_TOKENS });
  const all = trainChar(texts);
  return size === undefined || all.vocabularySize <= size ? all : trainChar(texts, { size });
}
