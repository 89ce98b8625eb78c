/** GPT-2's own files, `vocab.json` and `merges.txt`: a byte-level BPE from before there was `tokenizer.json`. */
import { FileError } from "../core/errors.ts";
import { type AddedToken, checkTokenizerSpec } from "./spec.ts";
import { Tokenizer } from "./tokenizer.ts";

export interface Gpt2Files {
  /** The text of `vocab.json`: the id of each token. */
  vocab: string;
  /** The text of `merges.txt`: a pair a line, the one to be joined first at the top. */
  merges: string;
  /** Tokens that stand for no text. Default `<|endoftext|>`, where the vocabulary has it. */
  special?: readonly string[] | undefined;
  /** Further tokens with their ids, from `added_tokens.json`. */
  added?: Readonly<Record<string, number>> | undefined;
  /** Whether a text begins as if a space stood before it. Default false. */
  addPrefixSpace?: boolean | undefined;
  /** Names the folder in errors. */
  where: string;
}

/**
 * The tokenizer of both files, as Hugging Face's library reads them.
 * @throws FileError for what is not JSON, a line that is no pair, and a pair of tokens that the vocabulary has not
 */
export function gpt2Tokenizer({
  vocab,
  merges,
  special = ["<|endoftext|>"],
  added = {},
  addPrefixSpace = false,
  where,
}: Gpt2Files): Tokenizer {
  const ids = vocabularyIn(vocab, `${where}/vocab.json`);
  const pairs = pairsIn(merges, ids, `${where}/merges.txt`);
  const all = new Map([
    ...special.flatMap((content) => (Object.hasOwn(ids, content) ? [[content, ids[content]] as const] : [])),
    ...Object.entries(added),
  ]);
  const tokens = [...all].map(([content, id]): AddedToken => {
    const flags = { single_word: false, lstrip: false, rstrip: false };
    return { id, content, ...flags, normalized: !special.includes(content), special: special.includes(content) };
  });
  const byteLevel = { type: "ByteLevel", add_prefix_space: addPrefixSpace, trim_offsets: true, use_regex: true } as const;
  return new Tokenizer(
    checkTokenizerSpec(
      {
        version: "1.0",
        added_tokens: tokens.sort((a, b) => a.id - b.id),
        pre_tokenizer: byteLevel,
        post_processor: { ...byteLevel, add_prefix_space: true, trim_offsets: false },
        decoder: { ...byteLevel, add_prefix_space: true },
        model: { type: "BPE", continuing_subword_prefix: "", end_of_word_suffix: "", fuse_unk: false, vocab: ids, merges: pairs },
      },
      where,
    ),
  );
}

function vocabularyIn(text: string, where: string): Record<string, number> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new FileError({ what: "The vocabulary is not JSON.", where, got: text.slice(0, 80), cause: error });
  }
  const entries = typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  const wrong = entries.find(([, id]) => !Number.isSafeInteger(id) || id < 0);
  if (entries.length > 0 && wrong === undefined) return value as Record<string, number>;
  throw new FileError({
    what: "The vocabulary is not valid.",
    where,
    got: wrong === undefined ? "no tokens" : JSON.stringify(wrong),
    expected: "an object with the id of each token",
  });
}

function pairsIn(text: string, ids: Readonly<Record<string, number>>, where: string): [string, string][] {
  return text.split(/\r?\n/).flatMap((line, i) => {
    if (line === "" || line.startsWith("#version")) return [];
    const parts = line.split(" ");
    const known = parts.length === 2 && [...parts, parts.join("")].every((token) => Object.hasOwn(ids, token));
    if (known) return [[parts[0], parts[1]]];
    throw new FileError({
      what: "A line of the merges is no pair of tokens.",
      where: `${where}, line ${i + 1}`,
      got: line.slice(0, 80),
      expected: "two tokens with a space between them; they and the two joined stand in vocab.json",
    });
  });
}
