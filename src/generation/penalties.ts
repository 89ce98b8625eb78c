/** What changes a row of logits [V] in place before tokens are chosen from it. */

/** Logits of tokens that occur divided by the penalty where above 0, else multiplied by it (CTRL: Keskar et al. 2019, section 4.1). Above 0. */
export function repetitionPenalty(logits: Float32Array, occurring: Iterable<number>, penalty: number): void {
  for (const id of occurring) logits[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
}

/** Taken off: `frequency` for each time that a token occurred, and `presence` once. (OpenAI's API reference, "Parameter details".) */
export function frequencyPenalty(logits: Float32Array, counts: ReadonlyMap<number, number>, frequency: number, presence: number): void {
  for (const [id, count] of counts) logits[id] -= count * frequency + presence;
}

/** Added to logits, by id. Ids outside of the vocabulary are left out. */
export function logitBias(logits: Float32Array, bias: ReadonlyMap<number, number>): void {
  for (const [id, value] of bias) if (id >= 0 && id < logits.length) logits[id] += value;
}

/** -Infinity for what a mask [V] of 0 and 1 forbids. Ids beyond the mask (vocabularies are padded) are forbidden. */
export function forbid(logits: Float32Array, allowed: Uint8Array, also: readonly number[] = []): void {
  const saved = also.map((id) => logits[id]);
  for (let id = 0; id < logits.length; id++) if (allowed[id] !== 1) logits[id] = Number.NEGATIVE_INFINITY;
  also.forEach((id, i) => {
    logits[id] = saved[i];
  });
}
