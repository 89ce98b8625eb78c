import { UsageError } from "../../core/errors.ts";

/** How often each word occurs, in the order of first occurrence. `words` cuts a text. @throws UsageError when there are no words. */
export function countWords(texts: Iterable<string>, words: (text: string) => Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) for (const word of words(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  if (counts.size === 0) {
    throw new UsageError({
      what: "The corpus is empty: there is nothing to train a tokenizer on.",
      hint: "give a file or data set with text in it",
    });
  }
  return counts;
}

/** The characters of words with how often each occurs; `limit` keeps the most frequent, `initial` are always there. In the order of code points. */
export function alphabetOf(
  counts: ReadonlyMap<string, number>,
  { initial = [], limit }: { initial?: readonly string[]; limit?: number | undefined } = {},
): string[] {
  const seen = new Map<string, number>();
  for (const [word, count] of counts) for (const char of word) seen.set(char, (seen.get(char) ?? 0) + count);
  for (const char of initial) seen.set(char, Number.POSITIVE_INFINITY);
  let chars = [...seen];
  if (limit !== undefined && chars.length > limit) chars = chars.sort(([a, x], [b, y]) => y - x || byPoint(a, b)).slice(0, limit);
  return chars.map(([char]) => char).sort(byPoint);
}

/** How many of the most frequent characters make up a share of all, in (0, 1]. */
export function coverageLimit(counts: ReadonlyMap<string, number>, coverage: number): number {
  const seen = new Map<string, number>();
  let all = 0;
  for (const [word, count] of counts) {
    for (const char of word) {
      seen.set(char, (seen.get(char) ?? 0) + count);
      all += count;
    }
  }
  let [sum, kept] = [0, 0];
  for (const count of [...seen.values()].sort((a, b) => b - a)) {
    if (sum >= coverage * all) break;
    sum += count;
    kept++;
  }
  return kept;
}

function byPoint(a: string, b: string): number {
  return a.codePointAt(0)! - b.codePointAt(0)!;
}

/** @throws UsageError unless `size` is a whole number that leaves room for `least` tokens */
export function requireSize(size: number, least: number): void {
  if (Number.isInteger(size) && size >= least) return;
  throw new UsageError({
    what: "The vocabulary size is too small.",
    got: String(size),
    expected: `a whole number from ${least} on: special tokens and single characters take that many`,
  });
}
