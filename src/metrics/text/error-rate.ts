import { UsageError } from "../../core/errors.ts";
import { type References, requireSegments } from "./segments.ts";
import { blankSeparated } from "./words.ts";

export interface ErrorRate {
  /** Insertions, deletions and substitutions per symbol of the reference; above 1 where hypotheses are long. */
  rate: number;
  errors: number;
  /** Symbols of the references. */
  length: number;
}

/**
 * Word error rate: edits that turn hypotheses into references, per word of the references, over the whole corpus. Of several references the one with
 * the lowest rate counts. With sounds between blanks it is the phoneme error rate.
 * @throws UsageError for segments without reference, and where no reference has a word
 */
export function wordErrorRate(hypotheses: readonly string[], references: References): ErrorRate {
  return errorRate(hypotheses, references, blankSeparated);
}

/** Character error rate: as {@link wordErrorRate}, per character (code point; blanks count). @throws UsageError as there */
export function characterErrorRate(hypotheses: readonly string[], references: References): ErrorRate {
  return errorRate(hypotheses, references, (text) => [...text]);
}

function errorRate(hypotheses: readonly string[], references: References, symbolsOf: (text: string) => string[]): ErrorRate {
  requireSegments(hypotheses, references);
  let [errors, length] = [0, 0];
  for (const [i, hypothesis] of hypotheses.entries()) {
    const own = symbolsOf(hypothesis);
    const rows = references[i].map(symbolsOf).map((other) => ({ errors: editDistance(own, other), length: other.length }));
    const best = rows.reduce((a, b) => (b.errors * a.length < a.errors * b.length ? b : a));
    errors += best.errors;
    length += best.length;
  }
  if (length === 0) throw new UsageError({ what: "There is no error rate: the references are empty." });
  return { rate: errors / length, errors, length };
}

/** Least number of insertions, deletions and substitutions that turn `a` into `b` (Levenshtein 1966), by two rows of the table. */
export function editDistance(a: ArrayLike<unknown>, b: ArrayLike<unknown>): number {
  let previous = Int32Array.from({ length: b.length + 1 }, (_, j) => j);
  let row = new Int32Array(b.length + 1);
  for (let i = 1; i <= a.length; i++) {
    row[0] = i;
    for (let j = 1; j <= b.length; j++)
      row[j] = Math.min(previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1), previous[j] + 1, row[j - 1] + 1);
    [previous, row] = [row, previous];
  }
  return previous[b.length];
}
