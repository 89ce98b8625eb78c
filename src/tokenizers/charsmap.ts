/**
 * SentencePiece's compiled normalization rules: a double-array trie of byte sequences (Yata, "Darts-clone") whose values point into a block of
 * replacements, each ended by a zero byte. At each position the longest match is replaced; a character without one stays. Hugging Face's library
 * looks at grapheme clusters instead, which differs where several marks follow a letter: files of each are read as their library does.
 */
import { FileError } from "../core/errors.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A function that applies the rules of `blob` to a text, by position as SentencePiece or by cluster. @throws FileError when the blob is damaged. */
export function compiledNormalizer(blob: Uint8Array, by: "position" | "cluster"): (text: string) => string {
  if (blob.length === 0) return (text) => text;
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const trieBytes = blob.length < 4 ? -1 : view.getUint32(0, true);
  if (trieBytes < 4 || trieBytes % 4 !== 0 || 4 + trieBytes > blob.length) {
    throw new FileError({ what: "The tokenizer's normalization rules are damaged.", got: `${blob.length} bytes, a trie of ${trieBytes}` });
  }
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
  const replacements = blob.subarray(4 + trieBytes);
  if (by === "position") return (text) => normalize(encoder.encode(text), units, replacements);
  const clusters = new Intl.Segmenter(undefined, { granularity: "grapheme" });
  return (text) => Array.from(clusters.segment(text), ({ segment }) => normalizeCluster(segment, units, replacements)).join("");
}

/** A cluster of fewer bytes is looked up as one. */
const LONG_CLUSTER = 6;

function normalizeCluster(cluster: string, units: Uint32Array, replacements: Uint8Array): string {
  const replace = (text: string): string | undefined => {
    const { length, value } = match(encoder.encode(text), 0, units, true);
    return length === 0 ? undefined : decoder.decode(replacements.subarray(value, replacements.indexOf(0, value)));
  };
  const whole = encoder.encode(cluster).length < LONG_CLUSTER ? replace(cluster) : undefined;
  return whole ?? Array.from(cluster, (char) => replace(char) ?? char).join("");
}

function normalize(bytes: Uint8Array, units: Uint32Array, replacements: Uint8Array): string {
  const out: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { length, value } = match(bytes, at, units, false);
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

/** The longest entry that the bytes begin with, or the shortest; of length 0 where there is none. */
function match(bytes: Uint8Array, start: number, units: Uint32Array, shortest: boolean): { length: number; value: number } {
  let [length, value] = [0, 0];
  let node = offset(units[0]);
  for (let at = start; at < bytes.length; at++) {
    node ^= bytes[at];
    const unit = units[node];
    // The label of a unit: its low byte, and the top bit, which only leaves have.
    if (unit === undefined || (unit & 0x800000ff) >>> 0 !== bytes[at]) break;
    node ^= offset(unit);
    if (((unit >>> 8) & 1) === 0) continue;
    [length, value] = [at + 1 - start, units[node] & 0x7fffffff];
    if (shortest) break;
  }
  return { length, value };
}

function offset(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}

function characterLength(first: number): number {
  return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}
