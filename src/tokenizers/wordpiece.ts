/** WordPiece with BERT's basic tokenizer (Devlin et al., 2018): blanks and punctuation cut, tokens inside a word begin with `##`. */
import { UsageError } from "../core/errors.ts";
import { type Corpus, specials, type TrainOptions, wordsOf } from "./kinds.ts";
import { Tokenizer } from "./tokenizer.ts";
import { learnBpe } from "./training/bpe-trainer.ts";
import { countWords } from "./training/word-counts.ts";

const PREFIX = "##";

export interface WordPieceOptions extends TrainOptions {
  /** Lower-case and without accents, as `bert-base-uncased`. Default true. */
  lowercase?: boolean | undefined;
  minFrequency?: number | undefined;
}

/**
 * Special tokens `[PAD] [UNK] [CLS] [SEP] [MASK]`, ids 0 to 4; texts become `[CLS] A [SEP]` or `[CLS] A [SEP] B [SEP]`. The vocabulary is learned by
 * joining frequent pairs, as Hugging Face's trainer does, for Google's own was never published.
 * @throws UsageError for an empty corpus, a size without room for its characters, or special tokens without `[UNK]`, `[CLS]` and `[SEP]`.
 */
export function trainWordPiece(corpus: Corpus, options: WordPieceOptions): Tokenizer {
  const { size, specialTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], lowercase = true, minFrequency } = options;
  const [cls, sep] = [specialTokens.indexOf("[CLS]"), specialTokens.indexOf("[SEP]")];
  if (cls < 0 || sep < 0 || !specialTokens.includes("[UNK]")) {
    throw new UsageError({
      what: "WordPiece needs its special tokens.",
      got: specialTokens.join(" "),
      expected: "[UNK], [CLS] and [SEP] among them",
    });
  }
  const parts = {
    normalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase } as const,
    pre_tokenizer: { type: "BertPreTokenizer" } as const,
  };
  const { vocab } = learnBpe(countWords(corpus, wordsOf(parts)), { size, specialTokens, minFrequency, prefix: PREFIX });
  return new Tokenizer({
    version: "1.0",
    added_tokens: specials(specialTokens),
    ...parts,
    post_processor: { type: "BertProcessing", sep: ["[SEP]", sep], cls: ["[CLS]", cls] },
    decoder: { type: "WordPiece", prefix: PREFIX, cleanup: true },
    model: { type: "WordPiece", vocab, unk_token: "[UNK]", continuing_subword_prefix: PREFIX, max_input_chars_per_word: 100 },
  });
}
