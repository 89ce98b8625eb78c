import type { SampleContext } from "./model.ts";

/** What the pictures shall show, [count, K]: what was asked for, else each condition in turn, one a picture. */
export function wantedConditions({ count, conditions }: Pick<SampleContext, "count" | "conditions">, size: number): Float32Array {
  if (conditions !== undefined) return conditions;
  const inTurn = new Float32Array(count * size);
  for (let n = 0; n < count; n++) inTurn[n * size + (n % size)] = 1;
  return inTurn;
}
