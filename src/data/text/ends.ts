import type { Tokenizer } from "../../tokenizers/tokenizer.ts";

/** Tokens that end a document or a text, and that begin one. */
const ENDS = ["<|endoftext|>", "</s>", "[SEP]"];
const BEGINS = ["<s>", "[CLS]", "<|endoftext|>"];

/** The id of the token that ends a document; undefined where the tokenizer has none. */
export function endToken(tokenizer: Tokenizer): number | undefined {
  return ENDS.map((token) => tokenizer.idOf(token)).find((id) => id !== undefined);
}

/** The id of the token that begins a text; undefined where the tokenizer has none. */
export function beginToken(tokenizer: Tokenizer): number | undefined {
  return BEGINS.map((token) => tokenizer.idOf(token)).find((id) => id !== undefined);
}
