import { fromByteChars } from "./byte-alphabet.ts";
import type { DecoderSpec } from "./spec.ts";
import type { Tokenizer } from "./tokenizer.ts";

const utf8 = new TextEncoder();

/**
 * The bytes that a token adds to a text in which it does not come first: characters may be split between tokens, so bytes are not always UTF-8 on their
 * own. Special tokens give their own name.
 * @throws RangeError for an id that no token has
 */
export function tokenBytes(tokenizer: Tokenizer, id: number): Uint8Array {
  const token = tokenizer.tokenOf(id);
  if (token === undefined) throw new RangeError(`no token has the id ${id}`);
  if (tokenizer.spec.added_tokens.some((added) => added.id === id)) return utf8.encode(token);
  const { decoder } = tokenizer.spec;
  if (decoder === null || decoder === undefined) return utf8.encode(` ${token}`);
  return bytesBy(token, decoder);
}

function bytesBy(token: string, decoder: DecoderSpec): Uint8Array {
  let text = token;
  for (const step of decoder.type === "Sequence" ? decoder.decoders : [decoder]) {
    if (step.type === "ByteLevel") return fromByteChars(text);
    const byte = step.type === "ByteFallback" ? /^<0x([0-9A-Fa-f]{2})>$/.exec(text) : null;
    if (byte !== null) return Uint8Array.of(Number.parseInt(byte[1], 16));
    if (step.type === "Metaspace") text = text.replaceAll(step.replacement, " ");
    else if (step.type === "Replace" && "String" in step.pattern) text = text.replaceAll(step.pattern.String, step.content);
    else if (step.type === "WordPiece") text = text.startsWith(step.prefix) ? text.slice(step.prefix.length) : ` ${text}`;
    else if (step.type === "BPEDecoder") text = text.replaceAll(step.suffix, " ");
    else if (step.type === "Sequence") return bytesBy(text, step);
  }
  return utf8.encode(text);
}

/** The same as text; bytes that are no character on their own as `bytes:\xe2\x80`, the way OpenAI's interface writes them. */
export function tokenText(tokenizer: Tokenizer, id: number): string {
  const bytes = tokenBytes(tokenizer, id);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return `bytes:${[...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}`;
  }
}
