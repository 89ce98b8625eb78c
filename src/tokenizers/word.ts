/** Words: lower-case, punctuation apart, the most frequent ones; the rest is unknown (Foster, "Generative Deep Learning", 2nd ed., chapter 5). */
import { type Corpus, specials, type TrainOptions, wordsOf } from "./kinds.ts";
import { Tokenizer } from "./tokenizer.ts";
import { countWords, requireSize } from "./training/word-counts.ts";

export interface WordOptions extends TrainOptions {
  /** Default true. */
  lowercase?: boolean | undefined;
  /** Rarer words are unknown. Default 1. */
  minFrequency?: number | undefined;
}

/**
 * Special tokens are `<pad>`, id 0, and `<unk>`, id 1, unless others are given, of which one must be `<unk>`. Decoding puts a space between all words.
 * @throws UsageError for an empty corpus, or a size without room for a word.
 */
export function trainWord(
  corpus: Corpus,
  { size, specialTokens = ["<pad>", "<unk>"], lowercase = true, minFrequency = 1 }: WordOptions,
): Tokenizer {
  requireSize(size, specialTokens.length + 1);
  const parts = {
    normalizer: lowercase ? ({ type: "Lowercase" } as const) : null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [{ type: "WhitespaceSplit" }, { type: "Punctuation", behavior: "Isolated" }],
    } as const,
  };
  const pre = { ...parts, pre_tokenizer: { ...parts.pre_tokenizer, pretokenizers: [...parts.pre_tokenizer.pretokenizers] } };
  const counts = countWords(corpus, wordsOf(pre));
  const frequent = [...counts].filter(([, count]) => count >= minFrequency).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const words = frequent.map(([word]) => word).slice(0, size - specialTokens.length);
  const vocab = Object.fromEntries([...specialTokens, ...words].map((word, id) => [word, id]));
  return new Tokenizer({
    version: "1.0",
    added_tokens: specials(specialTokens),
    ...pre,
    model: { type: "WordLevel", vocab, unk_token: "<unk>" },
  });
}
