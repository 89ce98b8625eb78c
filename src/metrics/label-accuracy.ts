import { ShapeError } from "../core/errors.ts";

/** Whether samples show what they were asked to show. */
export interface LabelAccuracy {
  /** Share of right answers: classes where one is asked for, single attributes otherwise. [0, 1] */
  accuracy: number;
  /** √(accuracy (1 - accuracy) / M) for classes; over samples' own shares for attributes. */
  error: number;
  /** [K], by wanted class (NaN where none was asked for), or by attribute. */
  each: number[];
}

/**
 * Label accuracy of conditional samples, as a classifier of pictures sees them: of a class, whether it is the most likely one; of attributes, how many
 * are told as asked for.
 * @param logits [M, K] scores of the samples
 * @param wanted [M, K] conditions they were made with: one-hot classes, or attributes 0 and 1
 * @throws ShapeError where the two do not fit
 */
export function labelAccuracy(
  logits: ArrayLike<number>,
  wanted: ArrayLike<number>,
  outputs: number,
  task: "classes" | "attributes",
): LabelAccuracy {
  const count = logits.length / outputs;
  if (!Number.isInteger(count) || count < 1 || wanted.length !== logits.length) {
    throw new ShapeError({
      what: "The scores do not fit the conditions.",
      got: `${logits.length} scores, ${wanted.length} conditions`,
      expected: `as many of both, a multiple of ${outputs}`,
    });
  }
  const right = new Float64Array(outputs);
  const asked = new Float64Array(outputs);
  const shares = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const at = i * outputs;
    if (task === "classes") {
      const label = highest(wanted, at, outputs);
      asked[label]++;
      shares[i] = highest(logits, at, outputs) === label ? 1 : 0;
      right[label] += shares[i];
    } else {
      for (let k = 0; k < outputs; k++) {
        const hit = logits[at + k] > 0 === wanted[at + k] > 0.5 ? 1 : 0;
        asked[k]++;
        right[k] += hit;
        shares[i] += hit / outputs;
      }
    }
  }
  const accuracy = shares.reduce((sum, value) => sum + value, 0) / count;
  const variance = shares.reduce((sum, value) => sum + (value - accuracy) ** 2, 0) / count;
  return { accuracy, error: Math.sqrt(variance / count), each: Array.from(right, (hits, k) => hits / asked[k]) };
}

function highest(values: ArrayLike<number>, at: number, length: number): number {
  let best = 0;
  for (let k = 1; k < length; k++) if (values[at + k] > values[at + best]) best = k;
  return best;
}
