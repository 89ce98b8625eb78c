// BLEU (Papineni et al., "BLEU: a method for automatic evaluation of machine translation", 2002), number for number as sacreBLEU 2 (Post, "A call for
// clarity in reporting BLEU scores", 2018) computes it.
import { UsageError, unknownName } from "../../core/errors.ts";
import { type BleuTokenizer, bleuTokenizers, bleuWords } from "./bleu-tokenizers.ts";
import { type References, referenceCount, requireSegments } from "./segments.ts";
import { countNgrams, withoutEndBlanks } from "./words.ts";

/** What stands for the precision of an order without a match, and its value's default (Chen and Cherry 2014). */
const smoothings = { none: undefined, floor: 0.1, "add-k": 1, exp: undefined } as const;
export type BleuSmoothing = keyof typeof smoothings;

export interface BleuOptions {
  /** Default `13a`. */
  tokenizer?: BleuTokenizer;
  /** Default false. */
  lowercase?: boolean;
  /** `exp` halves from order to order (mteval-v13a), `floor` counts a share of a match, `add-k` adds k to matches and totals above order 1. Default `exp`. */
  smoothing?: BleuSmoothing;
  /** For `floor` (default 0.1) and `add-k` (default 1). */
  smoothingValue?: number;
  /** Longest n-grams. Default 4. */
  order?: number;
  /** Leave out orders of which the hypotheses have no n-gram. Default false; true for a sentence of its own. */
  effectiveOrder?: boolean;
}

export interface BleuScore {
  /** 0..100 */
  score: number;
  /** Matches and n-grams by order, from 1 on. */
  counts: number[];
  totals: number[];
  /** 0..100 each, smoothed. */
  precisions: number[];
  /** exp(1 - references / hypotheses) where hypotheses are shorter, else 1. */
  brevityPenalty: number;
  /** Words. */
  hypothesisLength: number;
  referenceLength: number;
  /** Settings in sacreBLEU's form; figures with different signatures are not comparable. */
  signature: string;
}

/** What is summed over segments. */
export interface BleuCounts {
  counts: number[];
  totals: number[];
  hypothesisLength: number;
  referenceLength: number;
}

/**
 * BLEU of a corpus: n-gram matches are summed over all segments before precisions are taken.
 * @param references of each segment; n-grams match any of them
 * @throws UsageError for segments without reference, or settings out of range
 */
export function bleu(hypotheses: readonly string[], references: References, options: BleuOptions = {}): BleuScore {
  requireSegments(hypotheses, references);
  const settings = checked(options);
  const sum = emptyCounts(settings.order);
  for (const [i, hypothesis] of hypotheses.entries()) addCounts(sum, segmentCounts(hypothesis, references[i], settings));
  return { ...scoreOf(sum, settings), signature: signatureOf(settings, referenceCount(references)) };
}

/** BLEU of one sentence, by default with the effective order, as sacreBLEU advises. @throws UsageError as {@link bleu} */
export function sentenceBleu(hypothesis: string, references: readonly string[], options: BleuOptions = {}): BleuScore {
  return bleu([hypothesis], [references], { effectiveOrder: true, ...options });
}

export type CheckedBleu = Required<BleuOptions>;

/** Options with their defaults. @throws UsageError for those out of range */
export function checked(options: BleuOptions): CheckedBleu {
  const { tokenizer = "13a", lowercase = false, smoothing = "exp", order = 4, effectiveOrder = false } = options;
  if (!(smoothing in smoothings)) throw unknownName("smoothing for BLEU", smoothing, Object.keys(smoothings));
  if (!bleuTokenizers.includes(tokenizer)) throw unknownName("tokenizer for BLEU", tokenizer, bleuTokenizers);
  if (!Number.isInteger(order) || order < 1)
    throw new UsageError({ what: "BLEU's order is a whole number from 1 on.", got: String(order) });
  const smoothingValue = options.smoothingValue ?? smoothings[smoothing] ?? 0;
  if (!(smoothingValue >= 0)) throw new UsageError({ what: "BLEU's smoothing value is at least 0.", got: String(smoothingValue) });
  return { tokenizer, lowercase, smoothing, smoothingValue, order, effectiveOrder };
}

/** Words of a segment under the settings. */
export function segmentWords(text: string, { lowercase, tokenizer }: CheckedBleu): string[] {
  return bleuWords(withoutEndBlanks(lowercase ? text.toLowerCase() : text), tokenizer);
}

/** No segment yet. */
export function emptyCounts(order: number): BleuCounts {
  return { counts: new Array(order).fill(0), totals: new Array(order).fill(0), hypothesisLength: 0, referenceLength: 0 };
}

function addCounts(sum: BleuCounts, { counts, totals, hypothesisLength, referenceLength }: BleuCounts): void {
  for (const [n, count] of counts.entries()) sum.counts[n] += count;
  for (const [n, total] of totals.entries()) sum.totals[n] += total;
  sum.hypothesisLength += hypothesisLength;
  sum.referenceLength += referenceLength;
}

/** An n-gram counts as often as in the reference that has it most often; the length that counts is the nearest reference's, of two the shorter. */
function segmentCounts(hypothesis: string, references: readonly string[], settings: CheckedBleu): BleuCounts {
  const words = segmentWords(hypothesis, settings);
  const others = references.map((reference) => segmentWords(reference, settings));
  const result = emptyCounts(settings.order);
  result.hypothesisLength = words.length;
  result.referenceLength = nearestLength(
    words.length,
    others.map(({ length }) => length),
  );
  for (let order = 1; order <= settings.order; order++) {
    const known = others.map((other) => countNgrams(other, order));
    for (const [ngram, count] of countNgrams(words, order)) {
      const most = known.reduce((max, counts) => Math.max(max, counts.get(ngram) ?? 0), 0);
      result.counts[order - 1] += Math.min(count, most);
    }
    result.totals[order - 1] = Math.max(0, words.length - order + 1);
  }
  return result;
}

/** The length nearest to `length`; of two as near, the shorter. */
export function nearestLength(length: number, lengths: readonly number[]): number {
  return lengths.reduce((best, other) => {
    const [gap, least] = [Math.abs(other - length), Math.abs(best - length)];
    return gap < least || (gap === least && other < best) ? other : best;
  });
}

/** The score of summed counts (Papineni et al. 2002, section 2.3, with smoothing). */
export function scoreOf(sum: BleuCounts, { smoothing, smoothingValue, order, effectiveOrder }: CheckedBleu): Omit<BleuScore, "signature"> {
  const { hypothesisLength, referenceLength } = sum;
  const [counts, totals] = [[...sum.counts], [...sum.totals]];
  const short = hypothesisLength === 0 ? 0 : Math.exp(1 - referenceLength / hypothesisLength);
  const brevityPenalty = hypothesisLength < referenceLength ? short : 1;
  const precisions = new Array<number>(order).fill(0);
  const rest = { counts, totals, precisions, brevityPenalty, hypothesisLength, referenceLength };
  if (counts.every((count) => count === 0)) return { score: 0, ...rest };
  let [effective, halving] = [order, 1];
  for (let n = 0; n < order; n++) {
    if (smoothing === "add-k" && n > 0) [counts[n], totals[n]] = [counts[n] + smoothingValue, totals[n] + smoothingValue];
    if (totals[n] === 0) break;
    if (effectiveOrder) effective = n + 1;
    if (counts[n] > 0) precisions[n] = (100 * counts[n]) / totals[n];
    else if (smoothing === "exp") {
      halving *= 2;
      precisions[n] = 100 / (halving * totals[n]);
    } else if (smoothing === "floor") precisions[n] = (100 * smoothingValue) / totals[n];
  }
  const logarithms = precisions.slice(0, effective).reduce((total, precision) => total + Math.log(precision), 0);
  return { score: brevityPenalty * Math.exp(logarithms / effective), ...rest };
}

function signatureOf({ lowercase, effectiveOrder, tokenizer, smoothing, smoothingValue }: CheckedBleu, count: string): string {
  const value = smoothing === "floor" || smoothing === "add-k" ? `[${smoothingValue.toFixed(2)}]` : "";
  const rows = { nrefs: count, case: lowercase ? "lc" : "mixed", eff: effectiveOrder ? "yes" : "no", tok: tokenizer };
  return [...Object.entries(rows).map(([key, text]) => `${key}:${text}`), `smooth:${smoothing}${value}`].join("|");
}
