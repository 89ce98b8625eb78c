// ROUGE (Lin, "ROUGE: a package for automatic evaluation of summaries", 2004), as the `rouge-score` package computes it without stemming.
import { type References, requireSegments } from "./segments.ts";
import { countNgrams } from "./words.ts";

export interface RougeScore {
  /** In [0, 1] each. */
  precision: number;
  recall: number;
  f1: number;
}

/** `rouge1`, `rouge2`: n-grams; `rougeL`: the longest common subsequence; `rougeLsum`: that of each line of the reference with all lines of the hypothesis. */
export const rougeKinds = ["rouge1", "rouge2", "rougeL", "rougeLsum"] as const;
export type RougeKind = (typeof rougeKinds)[number];

/**
 * The mean over segments of each kind of ROUGE; of several references a segment is compared with the one that it has the highest F1 with. Words are
 * runs of a-z and 0-9 in lower case: other scripts have none, and score 0.
 * @throws UsageError for segments without reference
 */
export function rouge(hypotheses: readonly string[], references: References): Record<RougeKind, RougeScore> {
  requireSegments(hypotheses, references);
  const sums = Object.fromEntries(rougeKinds.map((kind) => [kind, { precision: 0, recall: 0, f1: 0 }])) as Record<RougeKind, RougeScore>;
  for (const [i, hypothesis] of hypotheses.entries()) {
    for (const kind of rougeKinds) {
      const best = references[i].map((reference) => rougeOf(hypothesis, reference, kind)).reduce((a, b) => (b.f1 > a.f1 ? b : a));
      for (const name of ["precision", "recall", "f1"] as const) sums[kind][name] += best[name] / hypotheses.length;
    }
  }
  return sums;
}

/** One kind of ROUGE of one text against one reference. */
export function rougeOf(hypothesis: string, reference: string, kind: RougeKind): RougeScore {
  const [own, other] = [rougeWords(hypothesis), rougeWords(reference)];
  switch (kind) {
    case "rouge1":
      return ngramScore(own, other, 1);
    case "rouge2":
      return ngramScore(own, other, 2);
    case "rougeL":
      return scored(commonSubsequence(other, own).length, own.length, other.length);
    case "rougeLsum":
      return linesScore(linesOf(hypothesis), linesOf(reference));
  }
}

function rougeWords(text: string): string[] {
  return text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
}

function linesOf(text: string): string[][] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map(rougeWords);
}

function scored(hits: number, own: number, other: number): RougeScore {
  const [precision, recall] = [hits / Math.max(own, 1), hits / Math.max(other, 1)];
  return { precision, recall, f1: precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0 };
}

function ngramScore(own: readonly string[], other: readonly string[], order: number): RougeScore {
  const [mine, theirs] = [countNgrams(own, order), countNgrams(other, order)];
  let hits = 0;
  for (const [ngram, count] of theirs) hits += Math.min(count, mine.get(ngram) ?? 0);
  return scored(hits, own.length - order + 1, other.length - order + 1);
}

/** Section 3.2 of the paper; a word that several lines share is counted once for each time that it occurs on both sides (version 1.5.5). */
function linesScore(own: readonly string[][], other: readonly string[][]): RougeScore {
  const left = [countNgrams(own.flat(), 1), countNgrams(other.flat(), 1)];
  let hits = 0;
  for (const line of other) {
    const union = new Set(own.flatMap((candidate) => commonSubsequence(line, candidate)));
    for (const at of [...union].sort((a, b) => a - b)) {
      if (!left.every((counts) => (counts.get(line[at]) ?? 0) > 0)) continue;
      hits++;
      for (const counts of left) counts.set(line[at], (counts.get(line[at]) as number) - 1);
    }
  }
  return scored(hits, own.flat().length, other.flat().length);
}

/** The places in `a` of one longest common subsequence with `b`, by the table of lengths, read out from its end. */
function commonSubsequence(a: readonly string[], b: readonly string[]): number[] {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const at = i * width + j;
      lengths[at] = a[i - 1] === b[j - 1] ? lengths[at - width - 1] + 1 : Math.max(lengths[at - width], lengths[at - 1]);
    }
  }
  const places: number[] = [];
  for (let [i, j] = [a.length, b.length]; i > 0 && j > 0; ) {
    if (a[i - 1] === b[j - 1]) {
      places.push(i - 1);
      [i, j] = [i - 1, j - 1];
    } else if (lengths[i * width + j - 1] > lengths[(i - 1) * width + j]) j--;
    else i--;
  }
  return places.reverse();
}
