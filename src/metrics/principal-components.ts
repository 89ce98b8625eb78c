import { RandomStream } from "../core/random.ts";
import { codeSize } from "./codes.ts";

/**
 * Coordinates along the directions of largest variance (Pearson, "On lines and planes of closest fit", 1901), by power iteration on the centred
 * data, each direction kept orthogonal to those before. The sign of a direction is such that its largest entry is positive.
 * @param rows [N, D]
 * @param components how many directions, at most D
 * @returns points [N, components], and the share of the variance that each direction holds
 * @throws ShapeError when the values do not divide into rows
 */
export function principalComponents(rows: ArrayLike<number>, count: number, components = 2): { points: Float32Array; shares: number[] } {
  const size = codeSize(rows, count);
  const centred = centre(rows, size, count);
  const total = centred.reduce((sum, value) => sum + value * value, 0);
  const directions: Float64Array[] = [];
  const points = new Float32Array(count * components);
  const shares: number[] = [];
  for (let k = 0; k < Math.min(components, size); k++) {
    const direction = leading(centred, size, count, directions);
    directions.push(direction);
    const along = times(centred, direction, count);
    along.forEach((value, n) => {
      points[n * components + k] = value;
    });
    shares.push(total === 0 ? 0 : along.reduce((sum, value) => sum + value * value, 0) / total);
  }
  return { points, shares };
}

const MOST_ITERATIONS = 300;

/** The unit vector v, orthogonal to `earlier`, for which |X v| is largest. */
function leading(rows: Float64Array, size: number, count: number, earlier: readonly Float64Array[]): Float64Array {
  const stream = new RandomStream(0, `principal component ${earlier.length}`);
  let direction = orthonormal(
    Float64Array.from({ length: size }, () => stream.normal()),
    earlier,
  );
  for (let i = 0; i < MOST_ITERATIONS; i++) {
    const along = times(rows, direction, count);
    const next = new Float64Array(size);
    for (let n = 0; n < count; n++) for (let z = 0; z < size; z++) next[z] += along[n] * rows[n * size + z];
    const renewed = orthonormal(next, earlier);
    const change = renewed.reduce((sum, value, z) => sum + (value - direction[z]) ** 2, 0);
    direction = renewed;
    if (change < 1e-18) break;
  }
  const largest = direction.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  return largest < 0 ? direction.map((value) => -value) : direction;
}

/** The vector without its parts along `earlier`, of length 1; zero where nothing is left. */
function orthonormal(vector: Float64Array, earlier: readonly Float64Array[]): Float64Array {
  const rest = vector.slice();
  for (const unit of earlier) {
    const part = rest.reduce((sum, value, z) => sum + value * unit[z], 0);
    for (let z = 0; z < rest.length; z++) rest[z] -= part * unit[z];
  }
  const length = Math.hypot(...rest);
  return length < 1e-12 ? rest.fill(0) : rest.map((value) => value / length);
}

function times(rows: Float64Array, vector: Float64Array, count: number): Float64Array {
  const size = vector.length;
  const result = new Float64Array(count);
  for (let n = 0; n < count; n++) for (let z = 0; z < size; z++) result[n] += rows[n * size + z] * vector[z];
  return result;
}

function centre(rows: ArrayLike<number>, size: number, count: number): Float64Array {
  const mean = new Float64Array(size);
  for (let i = 0; i < rows.length; i++) mean[i % size] += rows[i] / count;
  return Float64Array.from(rows, (value, i) => value - mean[i % size]);
}
