import { AtelierError, ShapeError } from "../core/errors.ts";

/** What a classifier's last layer says of pictures: one row of numbers a picture. */
export interface FeatureSet {
  /** [count, size], row-major. */
  readonly values: Float32Array | Float64Array;
  /** N, pictures. */
  readonly count: number;
  /** D, numbers a picture. */
  readonly size: number;
}

/**
 * Features of two sets must be finite, of one size, and enough for a measure.
 * @param least pictures that each set needs at least
 * @throws ShapeError where sizes differ or there are too few; AtelierError where a feature is not finite
 */
export function requireFeatures(measure: string, sets: Readonly<Record<string, FeatureSet>>, least: number): void {
  const [first] = Object.values(sets);
  for (const [name, { values, count, size }] of Object.entries(sets)) {
    const where = `${measure}, ${name}`;
    if (count < least || size < 1 || values.length !== count * size) {
      throw new ShapeError({
        what: count < least ? "There are too few pictures for this measure." : "The features do not fit their shape.",
        where,
        got: `${values.length} values for [${count}, ${size}]`,
        expected: `at least ${least} pictures with at least 1 feature each`,
      });
    }
    if (size !== first.size) {
      throw new ShapeError({
        what: "The two sets have features of different sizes.",
        where,
        got: String(size),
        expected: `${first.size}, as the other set`,
        hint: "take both from one feature network",
      });
    }
    const wrong = values.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) {
      throw new AtelierError({
        what: "A feature is not a finite number.",
        where: `${where}, picture ${Math.floor(wrong / size)}`,
        got: String(values[wrong]),
      });
    }
  }
}

/** Rows of a set, in the order of `indices`. */
export function selectFeatures({ values, size }: FeatureSet, indices: ArrayLike<number>): FeatureSet {
  const selected = new Float64Array(indices.length * size);
  for (let i = 0; i < indices.length; i++) selected.set(values.subarray(indices[i] * size, (indices[i] + 1) * size), i * size);
  return { values: selected, count: indices.length, size };
}
