/** Arithmetic on the codes of many pictures: [N, Z], row after row. */
import { AtelierError, ShapeError } from "../core/errors.ts";

/** A dimension whose mean varies less than this over the pictures is not used (Burda et al., "Importance weighted autoencoders", 2016, arXiv:1509.00519, section 2.2). */
export const USED_VARIANCE = 0.01;

/**
 * The direction of an attribute in code space: mean of the codes with it minus mean of those without (Foster, "Generative Deep Learning", 2nd edition,
 * chapter 3; Larsen et al., "Autoencoding beyond pixels", 2016, arXiv:1512.09300, section 4.1).
 * @param codes [N, Z]
 * @param has [N], not 0 where the picture has the attribute
 * @returns [Z], to be added to a code at a strength
 * @throws ShapeError when the lengths do not fit; AtelierError when no picture has the attribute, or every one
 */
export function attributeVector(codes: ArrayLike<number>, has: ArrayLike<number>): Float64Array {
  const size = codeSize(codes, has.length);
  const sums = [new Float64Array(size), new Float64Array(size)];
  const counts = [0, 0];
  for (let n = 0; n < has.length; n++) {
    const side = has[n] === 0 ? 0 : 1;
    counts[side]++;
    for (let z = 0; z < size; z++) sums[side][z] += codes[n * size + z];
  }
  if (counts[0] === 0 || counts[1] === 0) {
    throw new AtelierError({
      what: `A direction needs pictures with and without the attribute; there are none ${counts[1] === 0 ? "with" : "without"} it.`,
      got: `${counts[1]} with, ${counts[0]} without`,
    });
  }
  return sums[1].map((sum, z) => sum / counts[1] - sums[0][z] / counts[0]);
}

/**
 * `codes` with `strength` times a direction added to each: z + α v.
 * @param codes [N, Z]
 * @param direction [Z]
 * @param strength α, one for all, or [N]
 * @returns [N, Z]
 */
export function moveCodes(codes: ArrayLike<number>, direction: ArrayLike<number>, strength: number | ArrayLike<number>): Float32Array {
  const size = direction.length;
  return Float32Array.from(codes, (code, i) => {
    const alpha = typeof strength === "number" ? strength : strength[Math.floor(i / size)];
    return code + alpha * direction[i % size];
  });
}

export interface CodeStatistics {
  /** [Z] each, over the pictures; the prior has mean 0 and variance 1. */
  mean: Float64Array;
  variance: Float64Array;
  /** Share of the dimensions whose variance stays under {@link USED_VARIANCE}: the model does not use them. */
  unused: number;
}

/**
 * Mean and variance of each dimension of the codes, and the share of those that are not used.
 * @param codes [N, Z]
 * @throws ShapeError when the codes do not divide into `count` rows
 */
export function codeStatistics(codes: ArrayLike<number>, count: number): CodeStatistics {
  const size = codeSize(codes, count);
  const mean = new Float64Array(size);
  const variance = new Float64Array(size);
  for (let i = 0; i < codes.length; i++) mean[i % size] += codes[i] / count;
  for (let i = 0; i < codes.length; i++) variance[i % size] += (codes[i] - mean[i % size]) ** 2 / count;
  return { mean, variance, unused: variance.filter((value) => value < USED_VARIANCE).length / size };
}

/** Numbers in a code. @throws ShapeError when the codes do not divide into `count` rows */
export function codeSize(codes: ArrayLike<number>, count: number): number {
  const size = codes.length / count;
  if (count >= 1 && size >= 1 && Number.isInteger(size)) return size;
  throw new ShapeError({ what: "The codes do not divide into rows.", got: `${codes.length} values`, expected: `a multiple of ${count}` });
}
