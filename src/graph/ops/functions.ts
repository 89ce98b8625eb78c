// Numeric functions of the reference evaluation that JavaScript does not have.

/** 1 / (1 + exp(-x)), without overflow for any x. */
export function sigmoidOf(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

/** erf by its Maclaurin series for small |x| and a continued fraction for the rest: float64-exact enough for an oracle. */
export function erfOf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (a > 2.5) {
    // The series would cancel there. erfc(a) = exp(-a²) / (√π (a + 1/2 / (a + 1 / (a + 3/2 / (a + ...))))).
    let fraction = a;
    for (let n = 100; n >= 1; n--) fraction = a + n / 2 / fraction;
    return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * fraction));
  }
  let term = a;
  let sum = a;
  for (let n = 1; n < 200 && Math.abs(term) > 1e-18; n++) {
    term *= (-a * a) / n;
    sum += term / (2 * n + 1);
  }
  return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * sum;
}
