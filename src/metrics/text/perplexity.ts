import { UsageError } from "../../core/errors.ts";

/**
 * Perplexity of a text: exp(nats / tokens), the number of equally likely tokens that would be as hard to guess. Figures of different tokenizers cannot be
 * compared; {@link bitsPerByte} can.
 * @param nats negative log-likelihood of all tokens together, at least 0
 * @param tokens how many tokens were predicted
 * @throws UsageError unless at least one token was predicted
 */
export function perplexity(nats: number, tokens: number): number {
  return Math.exp(nats / requireCount(tokens, "tokens"));
}

/**
 * Bits per byte: nats / (ln 2 · bytes of the text in UTF-8), which is the same measure for every tokenizer.
 * @param nats negative log-likelihood of all tokens together
 * @param bytes of the text that these tokens spell, in UTF-8 ({@link utf8Bytes})
 * @throws UsageError unless the text has at least one byte
 */
export function bitsPerByte(nats: number, bytes: number): number {
  return nats / (Math.LN2 * requireCount(bytes, "bytes"));
}

/**
 * Bits per character: nats / (ln 2 · characters).
 * @param nats negative log-likelihood of all tokens together
 * @param characters of the text that these tokens spell: code points ({@link characterCount})
 * @throws UsageError unless the text has at least one character
 */
export function bitsPerCharacter(nats: number, characters: number): number {
  return nats / (Math.LN2 * requireCount(characters, "characters"));
}

/** Bytes of a text in UTF-8. A half of a surrogate pair on its own counts as U+FFFD, three bytes. */
export function utf8Bytes(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.codePointAt(i) as number;
    if (code > 0xffff) i++;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** Characters of a text: code points, so that an emoji outside the basic plane is one. */
export function characterCount(text: string): number {
  let pairs = 0;
  for (let i = 0; i < text.length; i++) if ((text.codePointAt(i) as number) > 0xffff) [pairs, i] = [pairs + 1, i + 1];
  return text.length - pairs;
}

function requireCount(count: number, unit: string): number {
  if (Number.isFinite(count) && count > 0) return count;
  throw new UsageError({ what: `A measure per text needs text: there are no ${unit}.`, got: String(count) });
}
