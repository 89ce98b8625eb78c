/** Texts of a data set, for people to look at. */
import { countLeaks, findDuplicates } from "../../data/text/duplicates.ts";
import type { TextDocument, TextSet } from "../../data/text/text-set.ts";
import type { Bin, Count, DataFilter, Repetitions, TextItem, TextOverview, TextPage } from "../data.ts";

/** Words that are listed. */
const FREQUENT = 40;
const BINS = 24;
/** Characters of a document that are shown. */
const EXCERPT = 600;
const NAMED = 24;
const WORD = /[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu;

/** How much text, how long documents are, and which words are frequent. */
export function textOverview({ card, documents, notes = [] }: TextSet): TextOverview {
  let [characters, bytes, words] = [0, 0, 0];
  const distinct = new Set<string>();
  const counts = new Map<string, number>();
  const labels = new Map<string, number>();
  const add = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1);
  for (const { text, target, label } of documents) {
    for (const part of target === undefined ? [text] : [text, target]) {
      for (const character of part) {
        characters++;
        distinct.add(character);
      }
      bytes += Buffer.byteLength(part);
      for (const [word] of part.toLowerCase().matchAll(WORD)) {
        words++;
        add(counts, word);
      }
    }
    if (label !== undefined) add(labels, label);
  }
  return {
    kind: card.kind === "pairs" ? "pairs" : "text",
    ...{ count: documents.length, characters, bytes, words },
    distinctCharacters: distinct.size,
    distinctWords: counts.size,
    lengths: histogram(documents.map(({ text }) => text.length)),
    frequent: largest(counts).slice(0, FREQUENT),
    labels: largest(labels),
    notes,
  };
}

function largest(counts: ReadonlyMap<string, number>): Count[] {
  return [...counts].map(([name, count]) => ({ name, count })).sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
}

/** Counts of whole numbers from 0 in bins of equal width, or of equal ratio where they reach over more than a factor of 100. */
export function histogram(values: readonly number[]): Bin[] {
  if (values.length === 0) return [];
  let [low, high] = [Number.POSITIVE_INFINITY, 0];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const ratio = high / Math.max(1, low) > 100;
  const bins = Math.max(1, Math.min(BINS, high - low + 1));
  const first = Math.max(1, low);
  const edge = (i: number) => (ratio ? first * (high / first) ** (i / bins) : low + ((high - low) * i) / bins);
  const edges = Array.from({ length: bins + 1 }, (_, i) => (i === 0 ? low : edge(i)));
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) {
    const share = ratio ? Math.log(Math.max(first, value) / first) / Math.log(high / first) : (value - low) / (high - low || 1);
    counts[Math.min(bins - 1, Math.max(0, Math.floor(share * bins)))]++;
  }
  return counts.map((count, i) => ({ from: Math.round(edges[i]), to: Math.round(edges[i + 1]), count }));
}

/** The beginnings of some documents. */
export function textPage({ card, documents }: TextSet, { offset, count }: DataFilter): TextPage {
  const items = documents.slice(offset, offset + count).map((document, i) => itemOf(document, offset + i));
  return { kind: card.kind === "pairs" ? "pairs" : "text", total: documents.length, offset, items };
}

function itemOf({ id, text, target, label }: TextDocument, index: number): TextItem {
  const characters = text.length + (target?.length ?? 0);
  return { index, id, text: text.slice(0, EXCERPT), target: target?.slice(0, EXCERPT), label, characters };
}

/** Texts that say the same, but for case and blanks, and nearly the same. */
export function textRepetitions(train: TextSet, test: TextSet): Repetitions {
  const { exact, near } = findDuplicates(train.documents);
  return { copies: exact, leaks: countLeaks(train.documents, test.documents), examples: near.slice(0, NAMED) };
}
