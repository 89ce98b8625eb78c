/** Byte pair encoding of bytes (Radford et al., 2019, section 2.2): GPT-2's. Any text round-trips, and nothing is unknown. */
import { BYTE_ALPHABET } from "./byte-alphabet.ts";
import { type Corpus, specials, type TrainOptions, wordsOf } from "./kinds.ts";
import { Tokenizer } from "./tokenizer.ts";
import { learnBpe } from "./training/bpe-trainer.ts";
import { countWords } from "./training/word-counts.ts";

/**
 * Special token `<|endoftext|>`, id 0; then the 256 bytes; then what was joined.
 * @throws UsageError for an empty corpus, or a size below 257.
 */
export function trainByteBpe(
  corpus: Corpus,
  { size, specialTokens = ["<|endoftext|>"], minFrequency }: TrainOptions & { minFrequency?: number | undefined },
): Tokenizer {
  const pre_tokenizer = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true } as const;
  const counts = countWords(corpus, wordsOf({ pre_tokenizer }));
  const { vocab, merges } = learnBpe(counts, { size, specialTokens, minFrequency, initialAlphabet: BYTE_ALPHABET });
  return new Tokenizer({
    version: "1.0",
    added_tokens: specials(specialTokens),
    pre_tokenizer,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: "BPE", vocab, merges },
  });
}
