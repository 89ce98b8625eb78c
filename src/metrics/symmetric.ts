import { AtelierError } from "../core/errors.ts";

/** A symmetric matrix's eigenvalues, in no order, and its eigenvectors as rows. */
export interface Eigen {
  values: Float64Array;
  /** Rows [n, n], row i belonging to value i; absent where only the values were asked for. */
  vectors: Float64Array | undefined;
}

/**
 * Eigenvalues of a symmetric matrix [n, n], row-major: Householder reflections to tridiagonal form, then implicit QL
 * (Golub and Van Loan, "Matrix computations", sections 8.3.1 and 8.3.3). Backward stable: errors are about 1e-16 of the largest value.
 * @param vectors whether eigenvectors are wanted too
 * @throws AtelierError where the iteration does not settle, which only numbers that are not finite bring about
 */
export function symmetricEigen(matrix: Float64Array, n: number, vectors = false): Eigen {
  const a = matrix.slice();
  const diagonal = new Float64Array(n);
  const off = new Float64Array(n);
  const factors = new Float64Array(n);
  for (let k = 0; k < n - 1; k++) off[k] = reflect(a, n, k, factors);
  for (let k = 0; k < n; k++) diagonal[k] = a[k * n + k];
  const basis = vectors ? accumulate(a, n, factors) : undefined;
  settle(diagonal, off, n, basis);
  return { values: diagonal, vectors: basis };
}

/**
 * One Householder step: column k below the diagonal becomes one number, which is returned. The reflection is H = I - factor · v vᵀ; v stays in column k
 * below the diagonal, for {@link accumulate}.
 */
function reflect(a: Float64Array, n: number, k: number, factors: Float64Array): number {
  let norm = 0;
  for (let i = k + 1; i < n; i++) norm = Math.hypot(norm, a[i * n + k]);
  if (norm === 0) return 0;
  const first = a[(k + 1) * n + k];
  const alpha = first > 0 ? -norm : norm;
  const v = new Float64Array(n);
  for (let i = k + 1; i < n; i++) v[i] = a[i * n + k];
  v[k + 1] -= alpha;
  const factor = 1 / (norm * (norm + Math.abs(first)));
  const p = new Float64Array(n);
  let half = 0;
  for (let i = k + 1; i < n; i++) {
    let sum = 0;
    for (let j = k + 1; j < n; j++) sum += a[i * n + j] * v[j];
    p[i] = factor * sum;
    half += (factor / 2) * p[i] * v[i];
  }
  for (let i = k + 1; i < n; i++) p[i] -= half * v[i];
  for (let i = k + 1; i < n; i++) {
    const [vi, pi] = [v[i], p[i]];
    for (let j = k + 1; j < n; j++) a[i * n + j] -= vi * p[j] + pi * v[j];
  }
  for (let i = k + 1; i < n; i++) a[i * n + k] = v[i];
  factors[k] = factor;
  return alpha;
}

/** The product of the reflections, its columns as rows. */
function accumulate(a: Float64Array, n: number, factors: Float64Array): Float64Array {
  const rows = new Float64Array(n * n);
  for (let i = 0; i < n; i++) rows[i * n + i] = 1;
  const v = new Float64Array(n);
  for (let k = n - 2; k >= 0; k--) {
    if (factors[k] === 0) continue;
    for (let i = k + 1; i < n; i++) v[i] = a[i * n + k];
    for (let column = k + 1; column < n; column++) {
      const start = column * n;
      let sum = 0;
      for (let i = k + 1; i < n; i++) sum += v[i] * rows[start + i];
      sum *= factors[k];
      for (let i = k + 1; i < n; i++) rows[start + i] -= sum * v[i];
    }
  }
  return rows;
}

const MOST_SWEEPS = 60;

/** Implicit QL on a tridiagonal matrix; `off[i]` couples i and i + 1. The rotations are applied to pairs of rows of `basis`. */
function settle(diagonal: Float64Array, off: Float64Array, n: number, basis: Float64Array | undefined): void {
  const norm = diagonal.reduce((top, value, i) => Math.max(top, Math.abs(value) + Math.abs(off[i])), 0);
  // Smaller couplings would be made anew by rounding, in matrices of low rank for ever.
  const negligible = (i: number) => Math.abs(off[i]) <= Number.EPSILON * norm;
  for (let l = 0; l < n; l++) {
    for (let sweep = 0; ; sweep++) {
      let m = l;
      while (m < n - 1 && !negligible(m)) m++;
      if (m === l) break;
      if (sweep === MOST_SWEEPS)
        throw new AtelierError({ what: "The eigenvalues of a matrix cannot be found: it has numbers that are not finite." });
      sweepUp(diagonal, off, l, m, n, basis);
    }
  }
}

/** One QL sweep from m up to l with Wilkinson's shift. */
function sweepUp(d: Float64Array, e: Float64Array, l: number, m: number, n: number, basis: Float64Array | undefined): void {
  let g = (d[l + 1] - d[l]) / (2 * e[l]);
  let r = Math.hypot(g, 1);
  g = d[m] - d[l] + e[l] / (g + (g < 0 ? -r : r));
  let [s, c, p] = [1, 1, 0];
  for (let i = m - 1; i >= l; i--) {
    const f = s * e[i];
    const b = c * e[i];
    r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1] -= p;
      e[m] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1] - p;
    r = (d[i] - g) * s + 2 * c * b;
    p = s * r;
    d[i + 1] = g + p;
    g = c * r - b;
    if (basis !== undefined) rotate(basis, i * n, n, s, c);
  }
  d[l] -= p;
  e[l] = g;
  e[m] = 0;
}

/** Rotate the row that begins at `at` and the next one. */
function rotate(basis: Float64Array, at: number, n: number, s: number, c: number): void {
  for (let k = at; k < at + n; k++) {
    const upper = basis[k];
    const lower = basis[k + n];
    basis[k + n] = s * upper + c * lower;
    basis[k] = c * upper - s * lower;
  }
}
