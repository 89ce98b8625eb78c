import type { FeatureSet } from "./features.ts";

/** Rows of `b` in a tile: with 128 features they fill a quarter of a megabyte, which stays in a core's cache. */
const TILE = 256;

/**
 * All inner products a_i · b_j in double precision, tile by tile, without keeping them. Four rows of `a` share each load of a row of `b`.
 * @param visit gets a row of `a`, the first column of the tile, and the products from there on (an array that is used again)
 */
export function forEachProduct(a: FeatureSet, b: FeatureSet, visit: (row: number, from: number, products: Float64Array) => void): void {
  const size = a.size;
  const left = toDoubles(a);
  const right = toDoubles(b);
  const rows = Array.from({ length: 4 }, () => new Float64Array(TILE));
  for (let from = 0; from < b.count; from += TILE) {
    const columns = Math.min(TILE, b.count - from);
    for (let i = 0; i < a.count; i += 4) {
      const valid = Math.min(4, a.count - i);
      if (valid === 4) fourRows(left, i * size, right, from * size, size, columns, rows);
      else for (let r = 0; r < valid; r++) oneRow(left, (i + r) * size, right, from * size, size, columns, rows[r]);
      for (let r = 0; r < valid; r++) visit(i + r, from, columns === TILE ? rows[r] : rows[r].subarray(0, columns));
    }
  }
}

function toDoubles({ values }: FeatureSet): Float64Array {
  return values instanceof Float64Array ? values : Float64Array.from(values);
}

function fourRows(
  a: Float64Array,
  at: number,
  b: Float64Array,
  from: number,
  size: number,
  columns: number,
  [r0, r1, r2, r3]: Float64Array[],
): void {
  const [a1, a2, a3] = [at + size, at + 2 * size, at + 3 * size];
  for (let j = 0; j < columns; j++) {
    const start = from + j * size;
    let [s0, s1, s2, s3] = [0, 0, 0, 0];
    for (let k = 0; k < size; k++) {
      const y = b[start + k];
      s0 += a[at + k] * y;
      s1 += a[a1 + k] * y;
      s2 += a[a2 + k] * y;
      s3 += a[a3 + k] * y;
    }
    r0[j] = s0;
    r1[j] = s1;
    r2[j] = s2;
    r3[j] = s3;
  }
}

function oneRow(a: Float64Array, at: number, b: Float64Array, from: number, size: number, columns: number, row: Float64Array): void {
  for (let j = 0; j < columns; j++) {
    let sum = 0;
    for (let k = 0; k < size; k++) sum += a[at + k] * b[from + j * size + k];
    row[j] = sum;
  }
}

/** The squared length of each row: [N]. */
export function squaredNorms({ values, count, size }: FeatureSet): Float64Array {
  const norms = new Float64Array(count);
  for (let i = 0; i < count; i++) for (let k = i * size; k < (i + 1) * size; k++) norms[i] += values[k] * values[k];
  return norms;
}

/** All squared distances |a_i - b_j|² = |a_i|² + |b_j|² - 2 a_i · b_j, never below 0; visited as {@link forEachProduct} does. */
export function forEachSquaredDistance(
  a: FeatureSet,
  b: FeatureSet,
  visit: (row: number, from: number, squared: Float64Array) => void,
): void {
  const [left, right] = [squaredNorms(a), squaredNorms(b)];
  forEachProduct(a, b, (row, from, products) => {
    for (let j = 0; j < products.length; j++) products[j] = Math.max(0, left[row] + right[from + j] - 2 * products[j]);
    visit(row, from, products);
  });
}
