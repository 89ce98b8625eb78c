/** The pieces that unigram training begins with. */
import { PairTable } from "../models/pair-table.ts";
import type { CountedWord, Piece } from "./unigram-trainer.ts";

/**
 * All substrings of words of 2 to `longest` code points that occur at least twice and can be continued in more than one way, the `most` with the highest
 * count times length, and the required characters. Scores are log shares of count times length.
 */
export function seedPieces(
  words: readonly CountedWord[],
  { longest, most, required }: { longest: number; most: number; required: readonly string[] },
): Piece[] {
  const { counts, parents, points, deepest } = substrings(words, longest);
  const known = new Set(required.map((char) => char.codePointAt(0)));
  const text = (node: number): string => (node === 0 ? "" : text(parents[node]) + String.fromCodePoint(points[node]));
  const allKnown = (node: number): boolean => node === 0 || (known.has(points[node]) && allKnown(parents[node]));
  const depth = (node: number): number => (node === 0 ? 0 : 1 + depth(parents[node]));
  const single = new Map<number, number>();
  const found: { node: number; weight: number }[] = [];
  for (let node = 1; node < counts.length; node++) {
    if (parents[node] === 0) single.set(points[node], counts[node]);
    // What is always followed by the same character is never better than the longer piece.
    else if (counts[node] >= 2 && deepest[node] < counts[node] && allKnown(node)) found.push({ node, weight: counts[node] * depth(node) });
  }
  found.sort((a, b) => b.weight - a.weight);
  const seeds = [
    ...required.map((char) => ({ text: char, weight: single.get(char.codePointAt(0)!) ?? 1 })),
    ...found.slice(0, most).map(({ node, weight }) => ({ text: text(node), weight })),
  ];
  const sum = seeds.reduce((total, { weight }) => total + weight, 0);
  return seeds.map(({ text, weight }) => ({ text, score: Math.log(weight) - Math.log(sum) }));
}

interface Substrings {
  /** How often each node's substring occurs. */
  counts: number[];
  parents: number[];
  points: number[];
  /** The count of the most frequent continuation, the end of a word among them. */
  deepest: number[];
}

/** A trie of all substrings in flat arrays; the root is node 0. */
function substrings(words: readonly CountedWord[], longest: number): Substrings {
  const children = new PairTable(1 << 16);
  const [counts, parents, points, ends] = [[0], [0], [0], [0]];
  for (const { points: word, count } of words) {
    for (let start = 0; start < word.length; start++) {
      let node = 0;
      const stop = Math.min(word.length, start + longest);
      for (let i = start; i < stop; i++) {
        const slot = children.find(node, word[i]);
        let child = slot < 0 ? -1 : children.first(slot);
        if (child < 0) {
          child = counts.length;
          children.set(node, word[i], child, 0);
          counts.push(0);
          parents.push(node);
          points.push(word[i]);
          ends.push(0);
        }
        counts[child] += count;
        node = child;
      }
      // A substring of full length counts as ended: what follows is not looked at.
      if (stop === word.length) ends[node] += count;
    }
  }
  const deepest = [...ends];
  for (let node = counts.length - 1; node > 0; node--) deepest[parents[node]] = Math.max(deepest[parents[node]], counts[node]);
  return { counts, parents, points, deepest };
}
