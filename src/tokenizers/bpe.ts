/** Byte pair encoding of characters (Sennrich et al., 2016): words at blanks and punctuation, the last token of each ends in `</w>`. */
import { type Corpus, specials, type TrainOptions, wordsOf } from "./kinds.ts";
import { Tokenizer } from "./tokenizer.ts";
import { learnBpe } from "./training/bpe-trainer.ts";
import { countWords } from "./training/word-counts.ts";

const SUFFIX = "</w>";

/**
 * Special token `<unk>`, id 0, for characters that the corpus lacks. Blanks are not kept: decoding puts a space after each word.
 * @throws UsageError for an empty corpus, or a size without room for its characters.
 */
export function trainBpe(
  corpus: Corpus,
  { size, specialTokens = ["<unk>"], minFrequency }: TrainOptions & { minFrequency?: number | undefined },
): Tokenizer {
  const parts = { pre_tokenizer: { type: "Whitespace" } as const };
  const { vocab, merges } = learnBpe(countWords(corpus, wordsOf(parts)), { size, specialTokens, minFrequency, suffix: SUFFIX });
  return new Tokenizer({
    version: "1.0",
    added_tokens: specials(specialTokens),
    ...parts,
    decoder: { type: "BPEDecoder", suffix: SUFFIX },
    model: { type: "BPE", vocab, merges, unk_token: "<unk>", end_of_word_suffix: SUFFIX },
  });
}
