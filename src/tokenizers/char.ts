/** Characters: each code point is a token. */

import { type Corpus, specials } from "./kinds.ts";
import { Tokenizer } from "./tokenizer.ts";
import { alphabetOf, countWords, requireSize } from "./training/word-counts.ts";

const UNKNOWN = "<unk>";

/**
 * A tokenizer with the characters of a corpus, in the order of code points. With `unknown` other characters become `<unk>`, id 0; without, they are an
 * error, and the vocabulary is exactly the corpus's characters. `size` keeps the most frequent and implies `unknown`. Other special tokens come first
 * where they are given; `<unk>` is then among them, or other characters are an error.
 * @throws UsageError for an empty corpus.
 */
export function trainChar(
  corpus: Corpus,
  {
    size,
    unknown = size !== undefined,
    specialTokens,
  }: { size?: number | undefined; unknown?: boolean | undefined; specialTokens?: readonly string[] } = {},
): Tokenizer {
  const counts = countWords(corpus, (text) => text);
  const special = specialTokens ?? (unknown ? [UNKNOWN] : []);
  if (size !== undefined) requireSize(size, special.length + 1);
  const chars = alphabetOf(counts, { limit: size === undefined ? undefined : size - special.length });
  const vocab = Object.fromEntries([...special, ...chars].map((char, id) => [char, id]));
  return new Tokenizer({
    version: "1.0",
    added_tokens: specials(special),
    pre_tokenizer: { type: "Split", pattern: { Regex: "[\\s\\S]" }, behavior: "Isolated", invert: false },
    decoder: { type: "Fuse" },
    model: { type: "WordLevel", vocab, unk_token: UNKNOWN },
  });
}
