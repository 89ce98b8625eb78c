import { ShapeError, UsageError } from "../core/errors.ts";

/** Ranks from 1, equal values sharing the mean of theirs. */
export function ranks(values: ArrayLike<number>): Float64Array {
  const order = Uint32Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a] - values[b]);
  const result = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && values[order[to]] === values[order[from]]) to++;
    for (let i = from; i < to; i++) result[order[i]] = (from + to + 1) / 2;
    from = to;
  }
  return result;
}

/**
 * Area under the ROC curve: the chance that a positive's score is above a negative's, equal scores counting a half
 * (the Mann-Whitney statistic divided by the number of pairs). In [0, 1]; a half is guessing.
 * @param scores [N], larger for what should be positive
 * @param positive [N], 1 or true for positives
 * @throws ShapeError where the lengths differ or a score is NaN; UsageError where all are of one kind
 */
export function rocAuc(scores: ArrayLike<number>, positive: ArrayLike<number | boolean>): number {
  requirePairs("ROC AUC", scores, positive);
  const rank = ranks(scores);
  let [count, sum] = [0, 0];
  for (let i = 0; i < rank.length; i++) {
    if (!positive[i]) continue;
    count++;
    sum += rank[i];
  }
  const negatives = rank.length - count;
  if (count === 0 || negatives === 0) {
    throw new UsageError({ what: "An ROC curve needs positives and negatives.", got: `${count} positives, ${negatives} negatives` });
  }
  return (sum - (count * (count + 1)) / 2) / (count * negatives);
}

/**
 * Spearman's rank correlation, Pearson's on ranks: 1 where both rise together, -1 where one falls as the other rises. NaN where one never changes.
 * @throws ShapeError where the lengths differ, a value is NaN, or there are fewer than two pairs
 */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  requirePairs("rank correlation", a, b);
  const [x, y] = [ranks(a), ranks(b)];
  const middle = (x.length + 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    xy += (x[i] - middle) * (y[i] - middle);
    xx += (x[i] - middle) ** 2;
    yy += (y[i] - middle) ** 2;
  }
  return xy / Math.sqrt(xx * yy);
}

function requirePairs(measure: string, a: ArrayLike<number>, b: ArrayLike<number | boolean>): void {
  if (a.length !== b.length || a.length < 2) {
    throw new ShapeError({
      what: `The ${measure} needs pairs.`,
      got: `${a.length} and ${b.length} values`,
      expected: "as many of both, at least 2",
    });
  }
  for (let i = 0; i < a.length; i++) {
    if (!Number.isNaN(a[i]) && !Number.isNaN(Number(b[i]))) continue;
    throw new ShapeError({ what: `The ${measure} cannot rank what is not a number.`, where: `pair ${i}`, got: `${a[i]}, ${b[i]}` });
  }
}
