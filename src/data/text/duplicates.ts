/**
 * Texts that occur more than once: exactly, but for case and blanks, and nearly, by MinHash (Broder, "On the resemblance and containment of documents",
 * 1997): each text is the set of its runs of five words, of which 64 hash functions keep the smallest; equal minima estimate the sets' overlap. Texts
 * that agree in one of 16 bands of four are compared.
 */
import { RandomStream } from "../../core/random.ts";
import type { TextDocument } from "./text-set.ts";

const [SHINGLE, HASHES, ROWS] = [5, 64, 4];

export interface DuplicateReport {
  documents: number;
  /** Documents that say what an earlier one says. */
  exact: number;
  /** Pairs of different documents whose sets of shingles overlap by at least the threshold, as estimated, the most alike first. */
  near: { first: string; second: string; overlap: number }[];
}

/** Look for repetitions among documents. `threshold` is the overlap (Jaccard) in [0, 1] from which pairs are told. Default 0.8. */
export function findDuplicates(documents: readonly TextDocument[], { threshold = 0.8 }: { threshold?: number } = {}): DuplicateReport {
  const seen = new Set<string>();
  const distinct: { id: string; signature: Uint32Array }[] = [];
  const hashes = hashFunctions();
  for (const { id, text, target } of documents) {
    const words = `${text}\n${target ?? ""}`.toLowerCase().match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? [];
    const normal = words.join(" ");
    if (seen.has(normal)) continue;
    seen.add(normal);
    distinct.push({ id, signature: signature(words, hashes) });
  }
  return { documents: documents.length, exact: documents.length - distinct.length, near: nearPairs(distinct, threshold) };
}

/** How many documents of `test` say what one of `train` says, but for case and blanks: what leaks. */
export function countLeaks(train: readonly TextDocument[], test: readonly TextDocument[]): number {
  const normal = ({ text, target }: TextDocument) => `${text}\n${target ?? ""}`.toLowerCase().replace(/\s+/g, " ").trim();
  const known = new Set(train.map(normal));
  return test.filter((document) => known.has(normal(document))).length;
}

function hashFunctions(): { factors: Uint32Array; shifts: Uint32Array } {
  const stream = new RandomStream(0, "minhash");
  const draw = () => Uint32Array.from({ length: HASHES }, () => stream.nextUint32());
  return { factors: draw().map((factor) => factor | 1), shifts: draw() };
}

function signature(words: readonly string[], { factors, shifts }: { factors: Uint32Array; shifts: Uint32Array }): Uint32Array {
  const least = new Uint32Array(HASHES).fill(0xffffffff);
  const ids = words.map(hashText);
  for (let at = 0; at === 0 || at + SHINGLE <= ids.length; at++) {
    let shingle = 0;
    for (let i = at; i < Math.min(ids.length, at + SHINGLE); i++) shingle = Math.imul(shingle ^ ids[i], 0x01000193) ^ (shingle >>> 15);
    for (let h = 0; h < HASHES; h++) {
      let mixed = Math.imul(shingle ^ shifts[h], factors[h]);
      mixed = (mixed ^ (mixed >>> 16)) >>> 0;
      if (mixed < least[h]) least[h] = mixed;
    }
  }
  return least;
}

function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

function nearPairs(documents: readonly { id: string; signature: Uint32Array }[], threshold: number): DuplicateReport["near"] {
  const compared = new Set<number>();
  const near: DuplicateReport["near"] = [];
  for (let band = 0; band < HASHES; band += ROWS) {
    const buckets = new Map<string, number[]>();
    documents.forEach(({ signature }, i) => {
      const key = signature.subarray(band, band + ROWS).join();
      const bucket = buckets.get(key) ?? [];
      for (const other of bucket) compare(other, i);
      // A bucket of many is one text said often: comparing with its first ones is enough.
      if (bucket.length < 20) bucket.push(i);
      buckets.set(key, bucket);
    });
  }
  return near.sort((a, b) => b.overlap - a.overlap);

  function compare(a: number, b: number): void {
    const pair = a * documents.length + b;
    if (compared.has(pair)) return;
    compared.add(pair);
    const equal = documents[a].signature.reduce((sum, value, h) => sum + (value === documents[b].signature[h] ? 1 : 0), 0);
    if (equal / HASHES >= threshold) near.push({ first: documents[a].id, second: documents[b].id, overlap: equal / HASHES });
  }
}
