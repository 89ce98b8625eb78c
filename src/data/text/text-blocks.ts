import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import type { ChatTokens } from "./chat.ts";
import { endToken } from "./ends.ts";
import type { TextDocument } from "./text-set.ts";

/**
 * Plain texts as blocks of which every token is learned: documents one after the other, as the tokenizer begins texts, each followed by its end token
 * where there are several, cut every `length` tokens. A block also has the token after it, which is the next one's first. What is left at the end is a
 * shorter block.
 */
export function textBlocks(documents: readonly TextDocument[], tokenizer: Tokenizer, length: number): ChatTokens[] {
  const end = documents.length > 1 ? endToken(tokenizer) : undefined;
  const parts = documents.map(({ text, target }) => tokenizer.encode(target === undefined ? text : `${text}\t${target}\n`));
  const ids = new Int32Array(parts.reduce((sum, part) => sum + part.length + (end === undefined ? 0 : 1), 0));
  let at = 0;
  for (const part of parts) {
    ids.set(part, at);
    at += part.length;
    if (end !== undefined) ids[at++] = end;
  }
  return Array.from({ length: Math.ceil(Math.max(0, ids.length - 1) / length) }, (_, i) => {
    const block = ids.slice(i * length, (i + 1) * length + 1);
    return { ids: block, answers: new Uint8Array(block.length).fill(1) };
  });
}
