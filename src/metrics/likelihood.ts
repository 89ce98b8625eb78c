import { UsageError } from "../core/errors.ts";

/** Levels of a stored picture's channel. */
const LEVELS = 256;

/**
 * Bits per dimension of a probability of stored values (discrete: pixels as one of 256 levels, as 0 or 1, ...): nats / (dimensions · ln 2).
 * @param nats negative log-likelihood of a picture
 * @param dimensions C · H · W
 * @throws UsageError unless there is at least one dimension
 */
export function bitsPerDim(nats: number, dimensions: number): number {
  return nats / (requireDimensions(dimensions) * Math.LN2);
}

/** Nats a picture from bits per dimension: the other way round. @throws UsageError unless there is at least one dimension */
export function natsOfBitsPerDim(bits: number, dimensions: number): number {
  return bits * requireDimensions(dimensions) * Math.LN2;
}

/**
 * Nats of the 256-level picture from a density over intensities in [0, 1]: each of 256 levels is a cell of width 1 / 256, and a density that has
 * been trained on uniformly dequantised pixels bounds the cell's probability by density / 256 (Theis et al. 2016, arXiv:1511.01844, section 3.1). So
 * ln 256 is added for each dimension; in bits per dimension, 8. Densities over [0, 256] need no such term, over [-1, 1] ln 128.
 * @param nats negative log density of a picture, possibly below 0
 * @param range width of the interval that the density is over. Default 1
 * @throws UsageError unless there is at least one dimension and the width is positive
 */
export function natsOfDensity(nats: number, dimensions: number, range = 1): number {
  if (!(range > 0)) throw new UsageError({ what: "A density's interval has a positive width.", got: String(range) });
  return nats + requireDimensions(dimensions) * Math.log(LEVELS / range);
}

function requireDimensions(dimensions: number): number {
  if (Number.isInteger(dimensions) && dimensions > 0) return dimensions;
  throw new UsageError({ what: "A picture has a whole number of dimensions, at least 1.", got: String(dimensions) });
}
