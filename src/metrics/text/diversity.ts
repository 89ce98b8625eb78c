import { UsageError } from "../../core/errors.ts";
import { type BleuOptions, checked, emptyCounts, nearestLength, scoreOf, segmentWords } from "./bleu.ts";
import { blankSeparated, countNgrams } from "./words.ts";

/**
 * Distinct-n: different n-grams over all n-grams of a set of texts (Li et al., "A diversity-promoting objective function", 2016, section 5.2), in
 * [0, 1]; 0 where there is none. It falls with the amount of text, so compare equal amounts.
 * @param order n, from 1 on
 * @param wordsOf cuts a text. Default: at blanks
 * @throws UsageError for an order that is no whole number from 1 on
 */
export function distinctNgrams(texts: readonly string[], order: number, wordsOf: (text: string) => string[] = blankSeparated): number {
  if (!Number.isInteger(order) || order < 1) throw new UsageError({ what: "Distinct-n needs a whole n from 1 on.", got: String(order) });
  const seen = new Set<string>();
  let total = 0;
  for (const text of texts) {
    for (const [ngram, count] of countNgrams(wordsOf(text), order)) {
      seen.add(ngram);
      total += count;
    }
  }
  return total === 0 ? 0 : seen.size / total;
}

/**
 * Self-BLEU: the mean BLEU of each text with all others as its references (Zhu et al., "Texygen", 2018), 0..100; high where texts repeat each other.
 * Sentences are scored as {@link sentenceBleu} does.
 * @throws UsageError for fewer than two texts
 */
export function selfBleu(texts: readonly string[], options: BleuOptions = {}): number {
  if (texts.length < 2)
    throw new UsageError({ what: "Self-BLEU compares texts with each other: it needs two.", got: String(texts.length) });
  const settings = checked({ effectiveOrder: true, ...options });
  const words = texts.map((text) => segmentWords(text, settings));
  const sums = words.map(() => emptyCounts(settings.order));
  for (let order = 1; order <= settings.order; order++) {
    const counts = words.map((own) => countNgrams(own, order));
    const most = twoMost(counts);
    for (const [i, own] of counts.entries()) {
      for (const [ngram, count] of own) {
        const { first, second, of } = most.get(ngram) as TwoMost;
        sums[i].counts[order - 1] += Math.min(count, of === i ? second : first);
        sums[i].totals[order - 1] += count;
      }
    }
  }
  const lengths = words.map(({ length }) => length);
  for (const [i, sum] of sums.entries()) {
    sum.hypothesisLength = lengths[i];
    sum.referenceLength = nearestLength(lengths[i], [...lengths.slice(0, i), ...lengths.slice(i + 1)]);
  }
  return sums.reduce((total, sum) => total + scoreOf(sum, settings).score, 0) / texts.length;
}

/** The greatest count of an n-gram, whose it is, and the greatest of all others: so that no pair of texts need be compared. */
interface TwoMost {
  first: number;
  second: number;
  of: number;
}

function twoMost(counts: readonly ReadonlyMap<string, number>[]): Map<string, TwoMost> {
  const most = new Map<string, TwoMost>();
  for (const [i, own] of counts.entries()) {
    for (const [ngram, count] of own) {
      const known = most.get(ngram);
      if (known === undefined) most.set(ngram, { first: count, second: 0, of: i });
      else if (count > known.first) most.set(ngram, { first: count, second: known.first, of: i });
      else known.second = Math.max(known.second, count);
    }
  }
  return most;
}
