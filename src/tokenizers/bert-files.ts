/** BERT's own file, `vocab.txt`: a WordPiece from before there was `tokenizer.json`. */
import { FileError } from "../core/errors.ts";
import { specials } from "./kinds.ts";
import { Tokenizer } from "./tokenizer.ts";

export interface BertFiles {
  /** The text of `vocab.txt`: a token a line, its id the number of the line from 0. */
  vocab: string;
  /** Lower-case and without accents, as `bert-base-uncased`. Default true. */
  lowercase?: boolean | undefined;
  /** Whether accents are taken off. Default as `lowercase`. */
  stripAccents?: boolean | undefined;
  /** Whether each Chinese character is a word. Default true. */
  chineseApart?: boolean | undefined;
  /** Names the file in errors. */
  where: string;
}

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/**
 * The tokenizer of the file, as Hugging Face's library reads it. Of equal lines the last one counts.
 * @throws FileError where one of BERT's special tokens is missing
 */
export function bertTokenizer({ vocab, lowercase = true, stripAccents, chineseApart = true, where }: BertFiles): Tokenizer {
  const lines = vocab.split(/\r\n|\n|\r/);
  if (lines.at(-1) === "") lines.pop();
  const ids = new Map(lines.map((token, id) => [token, id]));
  const missing = SPECIAL.filter((token) => !ids.has(token));
  if (missing.length > 0)
    throw new FileError({
      what: "The vocabulary is not one of a BERT: it lacks special tokens.",
      where,
      got: `${lines.length} lines without ${missing.join(" ")}`,
      expected: `a token a line, ${SPECIAL.join(" ")} among them`,
    });
  const added = specials(SPECIAL).map((token) => ({ ...token, id: ids.get(token.content)! }));
  return new Tokenizer({
    version: "1.0",
    added_tokens: added.sort((a, b) => a.id - b.id),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: chineseApart,
      strip_accents: stripAccents ?? null,
      lowercase,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: { type: "BertProcessing", sep: ["[SEP]", ids.get("[SEP]")!], cls: ["[CLS]", ids.get("[CLS]")!] },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      vocab: Object.fromEntries(ids),
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
    },
  });
}
