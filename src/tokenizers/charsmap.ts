/**
 * SentencePiece's compiled normalization rules: a double-array trie of byte sequences (Yata, "Darts-clone") whose values point into a block of
 * replacements, each ended by a zero byte. At each position the longest match is replaced; a character without one stays.
 */
import { FileError } from "../core/errors.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A function that applies the rules of `blob` to a text. @throws FileError when the blob is damaged. */
export function compiledNormalizer(blob: Uint8Array): (text: string) => string {
  if (blob.length === 0) return (text) => text;
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const trieBytes = blob.length < 4 ? -1 : view.getUint32(0, true);
  if (trieBytes < 4 || trieBytes % 4 !== 0 || 4 + trieBytes > blob.length) {
    throw new FileError({ what: "The tokenizer's normalization rules are damaged.", got: `${blob.length} bytes, a trie of ${trieBytes}` });
  }
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
  const replacements = blob.subarray(4 + trieBytes);
  return (text) => normalize(encoder.encode(text), units, replacements);
}

function normalize(bytes: Uint8Array, units: Uint32Array, replacements: Uint8Array): string {
  const out: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { length, value } = longestMatch(bytes, at, units);
    if (length > 0) {
      for (let i = value; i < replacements.length && replacements[i] !== 0; i++) out.push(replacements[i]);
      at += length;
      continue;
    }
    const end = at + characterLength(bytes[at]);
    for (; at < end; at++) out.push(bytes[at]);
  }
  return decoder.decode(Uint8Array.from(out));
}

function longestMatch(bytes: Uint8Array, start: number, units: Uint32Array): { length: number; value: number } {
  let [length, value] = [0, 0];
  let node = offset(units[0]);
  for (let at = start; at < bytes.length; at++) {
    node ^= bytes[at];
    const unit = units[node];
    // The label of a unit: its low byte, and the top bit, which only leaves have.
    if (unit === undefined || (unit & 0x800000ff) >>> 0 !== bytes[at]) break;
    node ^= offset(unit);
    if ((unit >>> 8) & 1) [length, value] = [at + 1 - start, units[node] & 0x7fffffff];
  }
  return { length, value };
}

function offset(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}

function characterLength(first: number): number {
  return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}
