/**
 * The byte alphabet of GPT-2 (Radford et al., "Language Models are Unsupervised Multitask Learners", 2019, section 2.2, and its published encoder):
 * each of the 256 bytes has a printable character that stands for it in vocabulary files. Printable Latin-1 stands for itself, the rest follow from U+0100 on.
 */

const printable = (byte: number): boolean => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;

/** [256], the character that stands for each byte. */
export const BYTE_CHARS: readonly string[] = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
})();

const byteOf = new Map(BYTE_CHARS.map((char, byte) => [char, byte]));
const encoder = new TextEncoder();

/** The alphabet in the order of code points, as trainers number it. */
export const BYTE_ALPHABET: readonly string[] = [...BYTE_CHARS].sort();

/** A text as the characters of its UTF-8 bytes. Lone surrogates become U+FFFD. */
export function toByteChars(text: string): string {
  if (/^[!-~]*$/.test(text)) return text;
  let chars = "";
  for (const byte of encoder.encode(text)) chars += BYTE_CHARS[byte];
  return chars;
}

/** The bytes that a token's characters stand for; a token with other characters stands for its own UTF-8. */
export function fromByteChars(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = byteOf.get(token[i]);
    if (byte === undefined) return encoder.encode(token);
    bytes[i] = byte;
  }
  return bytes;
}
