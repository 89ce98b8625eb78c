// chrF (Popović, "chrF: character n-gram F-score for automatic MT evaluation", 2015) and chrF++ (Popović 2017), number for number as sacreBLEU 2.
import { UsageError } from "../../core/errors.ts";
import { type References, referenceCount, requireSegments } from "./segments.ts";
import { blankSeparated, countNgrams } from "./words.ts";

export interface ChrfOptions {
  /** Longest runs of characters. Default 6. */
  characterOrder?: number;
  /** Longest runs of words: 0 is chrF, 2 is chrF++. Default 0. */
  wordOrder?: number;
  /** How much more recall counts than precision. Default 2. */
  beta?: number;
  /** Default false. */
  lowercase?: boolean;
  /** Whether blanks count as characters. Default false. */
  blanks?: boolean;
}

export interface ChrfScore {
  /** 0..100 */
  score: number;
  /** `chrF2`, `chrF2++`, ... */
  name: string;
  /** Settings in sacreBLEU's form. */
  signature: string;
}

const punctuation = new Set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~");

/** n-grams of a hypothesis, of its reference, and matches, by order. */
type Statistics = { hypothesis: number; reference: number; matches: number }[];

/**
 * chrF of a corpus: n-grams are counted over all segments; of several references a segment is compared with the one that it scores highest on.
 * @throws UsageError for segments without reference, or settings out of range
 */
export function chrf(hypotheses: readonly string[], references: References, options: ChrfOptions = {}): ChrfScore {
  requireSegments(hypotheses, references);
  const settings = { characterOrder: 6, wordOrder: 0, beta: 2, lowercase: false, blanks: false, ...options };
  const { characterOrder, wordOrder, beta } = settings;
  const whole = [characterOrder, wordOrder].every((order) => Number.isInteger(order) && order >= 0) && characterOrder + wordOrder > 0;
  if (!whole || !(beta > 0))
    throw new UsageError({
      what: "chrF's orders are whole numbers, not both 0, and its beta is positive.",
      got: `${characterOrder}, ${wordOrder}, ${beta}`,
    });
  const sum: Statistics = Array.from({ length: characterOrder + wordOrder }, () => ({ hypothesis: 0, reference: 0, matches: 0 }));
  for (const [i, hypothesis] of hypotheses.entries()) {
    for (const [n, counts] of bestStatistics(hypothesis, references[i], settings).entries()) {
      sum[n].hypothesis += counts.hypothesis;
      sum[n].reference += counts.reference;
      sum[n].matches += counts.matches;
    }
  }
  const rows = [
    `nrefs:${referenceCount(references)}|case:${settings.lowercase ? "lc" : "mixed"}|eff:yes`,
    `nc:${characterOrder}|nw:${wordOrder}|space:${settings.blanks ? "yes" : "no"}`,
  ];
  return { score: fScore(sum, beta), name: `chrF${beta}${"+".repeat(wordOrder)}`, signature: rows.join("|") };
}

/** chrF of one sentence. @throws UsageError as {@link chrf} */
export function sentenceChrf(hypothesis: string, references: readonly string[], options: ChrfOptions = {}): ChrfScore {
  return chrf([hypothesis], [references], options);
}

function bestStatistics(hypothesis: string, references: readonly string[], settings: Required<ChrfOptions>): Statistics {
  const own = allNgrams(hypothesis, settings);
  let [best, bestScore] = [[] as Statistics, -1];
  for (const reference of references) {
    const other = allNgrams(reference, settings);
    const statistics = own.map((counts, n) => compare(counts, other[n]));
    const score = fScore(statistics, settings.beta);
    if (score > bestScore) [best, bestScore] = [statistics, score];
  }
  return best;
}

function allNgrams(text: string, { characterOrder, wordOrder, lowercase, blanks }: Required<ChrfOptions>): Map<string, number>[] {
  const cased = lowercase ? text.toLowerCase() : text;
  const characters = [...(blanks ? cased : blankSeparated(cased).join(""))];
  const words = wordOrder === 0 ? [] : wordsApart(cased);
  return [
    ...Array.from({ length: characterOrder }, (_, n) => countNgrams(characters, n + 1, "")),
    ...Array.from({ length: wordOrder }, (_, n) => countNgrams(words, n + 1)),
  ];
}

/** Words, with one sign of punctuation at the end, or else at the beginning, apart. */
function wordsApart(text: string): string[] {
  return blankSeparated(text).flatMap((word) => {
    const signs = [...word];
    if (signs.length === 1) return [word];
    if (punctuation.has(signs[signs.length - 1])) return [signs.slice(0, -1).join(""), signs[signs.length - 1]];
    return punctuation.has(signs[0]) ? [signs[0], signs.slice(1).join("")] : [word];
  });
}

function compare(own: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): Statistics[number] {
  let [hypothesis, matches, reference] = [0, 0, 0];
  for (const [ngram, count] of own) {
    hypothesis += count;
    matches += Math.min(count, other.get(ngram) ?? 0);
  }
  for (const count of other.values()) reference += count;
  // An order that the reference has no n-grams of does not count.
  return { hypothesis: reference === 0 ? 0 : hypothesis, reference, matches };
}

/** F-beta of precision and recall, each averaged over the orders that both sides have. */
function fScore(statistics: Statistics, beta: number): number {
  const used = statistics.filter(({ hypothesis, reference }) => hypothesis > 0 && reference > 0);
  if (used.length === 0) return 0;
  const mean = (of: (row: Statistics[number]) => number) => used.reduce((sum, row) => sum + of(row), 0) / used.length;
  const precision = mean(({ matches, hypothesis }) => matches / hypothesis);
  const recall = mean(({ matches, reference }) => matches / reference);
  const factor = beta ** 2;
  return precision + recall === 0 ? 0 : (100 * (1 + factor) * precision * recall) / (factor * precision + recall);
}
