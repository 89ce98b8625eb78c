/** The parts of a batch that models of pictures and points have no use for: one batch of zeros. */
export function noText(batch: number): Record<"tokens" | "source" | "target", Int32Array[]> {
  return { tokens: [new Int32Array(batch)], source: [new Int32Array(batch)], target: [new Int32Array(batch)] };
}
