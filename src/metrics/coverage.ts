import { ShapeError } from "../core/errors.ts";

/** Which classes a classifier finds among samples. */
export interface Coverage {
  /** Samples per class, by the most likely class. */
  counts: number[];
  /** Classes with at least `least` of the samples. */
  covered: number;
  /** Mean probability of the most likely class, in (0, 1]. */
  confidence: number;
}

/**
 * Mode coverage: classify samples, count the classes that turn up (Che et al., "Mode regularized generative adversarial networks", 2016, section 4.1,
 * in the form with a trained classifier).
 *
 * @param logits [N, K], row-major
 * @param least share of the samples that a class needs to count as covered. Default 0.01
 * @throws ShapeError when the logits do not divide into rows
 */
export function coverage(logits: Float32Array, classes: number, least = 0.01): Coverage {
  const count = logits.length / classes;
  if (!Number.isInteger(count) || count < 1) {
    throw new ShapeError({
      what: "The logits do not divide into rows.",
      got: `${logits.length} values`,
      expected: `a multiple of ${classes}`,
    });
  }
  const counts = new Array<number>(classes).fill(0);
  let confidence = 0;
  for (let n = 0; n < count; n++) {
    const row = logits.subarray(n * classes, (n + 1) * classes);
    const top = row.reduce((best, value, k) => (value > row[best] ? k : best), 0);
    counts[top]++;
    confidence += 1 / row.reduce((total, value) => total + Math.exp(value - row[top]), 0) / count;
  }
  return { counts, covered: counts.filter((c) => c >= least * count).length, confidence };
}
