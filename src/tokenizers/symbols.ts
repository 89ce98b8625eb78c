/** Symbols: what stands between blanks, as it is, such as the sounds of a word. */
import { type Corpus, specials, type TrainOptions, wordsOf } from "./kinds.ts";
import { Tokenizer } from "./tokenizer.ts";
import { countWords, requireSize } from "./training/word-counts.ts";

/**
 * A tokenizer with the most frequent symbols of a corpus, in alphabetical order; others are unknown. Special tokens are `<pad>`, id 0, and `<unk>`, id 1,
 * unless others are given, of which one must be `<unk>`. Decoding puts a blank between all symbols.
 * @throws UsageError for an empty corpus, or a size without room for a symbol
 */
export function trainSymbols(corpus: Corpus, { size, specialTokens = ["<pad>", "<unk>"] }: TrainOptions): Tokenizer {
  requireSize(size, specialTokens.length + 1);
  const parts = { normalizer: null, pre_tokenizer: { type: "WhitespaceSplit" } as const };
  const frequent = [...countWords(corpus, wordsOf(parts))].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const symbols = frequent
    .slice(0, size - specialTokens.length)
    .map(([symbol]) => symbol)
    .sort();
  const vocab = Object.fromEntries([...specialTokens, ...symbols].map((symbol, id) => [symbol, id]));
  return new Tokenizer({
    version: "1.0",
    added_tokens: specials(specialTokens),
    ...parts,
    model: { type: "WordLevel", vocab, unk_token: "<unk>" },
  });
}
