import { AtelierError } from "../core/errors.ts";

/**
 * Area under the ROC curve: the probability that a positive scores higher than a negative, ties counted half (Mann and Whitney, "On a test of whether one
 * of two random variables is stochastically larger than the other", 1947).
 * @param scores [N], higher is more positive
 * @param positive [N], not 0 for positives
 * @returns in [0, 1]; 0.5 is chance
 * @throws AtelierError when the lengths differ, or one side is empty
 */
export function rocAuc(scores: ArrayLike<number>, positive: ArrayLike<number>): number {
  const order = Array.from({ length: scores.length }, (_, n) => n).sort((a, b) => scores[a] - scores[b]);
  const positives = order.reduce((sum, n) => sum + (positive[n] === 0 ? 0 : 1), 0);
  const negatives = scores.length - positives;
  if (positives === 0 || negatives === 0 || positive.length !== scores.length)
    throw new AtelierError({ what: "An AUC needs scores of both kinds.", got: `${positives} positives, ${negatives} negatives` });
  let below = 0;
  let area = 0;
  for (let start = 0; start < order.length; ) {
    let end = start;
    const tied = [0, 0];
    while (end < order.length && scores[order[end]] === scores[order[start]]) tied[positive[order[end++]] === 0 ? 0 : 1]++;
    area += tied[1] * (below + tied[0] / 2);
    below += tied[0];
    start = end;
  }
  return area / (positives * negatives);
}
