/** Summary of one set of measured times. */
export interface Summary {
  median: number;
  low: number;
  high: number;
}

/** The q-quantile (q in [0, 1]) by linear interpolation between the closest ranks; throws on an empty list. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new RangeError("a quantile needs at least one value");
  const sorted = [...values].sort((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  const next = sorted[Math.min(below + 1, sorted.length - 1)];
  return sorted[below] + (at - below) * (next - sorted[below]);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Median and quartiles. */
export function summary(values: readonly number[]): Summary {
  return { median: median(values), low: quantile(values, 0.25), high: quantile(values, 0.75) };
}

/** Distance between the quartiles. */
export function interquartile(values: readonly number[]): number {
  return quantile(values, 0.75) - quantile(values, 0.25);
}

/**
 * How many times faster ours is than the peer's: above 1 we win. Round i of both sides ran back to back on the same machine state, so each
 * pair of rounds gives one ratio (of medians within the round); the result is the median of these ratios with their quartiles.
 *
 * @param ours milliseconds per step, one list per round
 * @param peer the same for the peer, as many rounds
 */
export function pairedRatio(ours: readonly (readonly number[])[], peer: readonly (readonly number[])[]): Summary {
  if (ours.length !== peer.length) throw new RangeError(`rounds must come in pairs: ${ours.length} of ours, ${peer.length} of the peer`);
  return summary(ours.map((round, i) => median(peer[i]) / median(round)));
}
