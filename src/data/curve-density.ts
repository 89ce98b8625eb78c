/** Exact densities of points on curves with Gaussian noise. */
import type { PlaneDensity } from "./points.ts";

/** A curve in the plane, on which points lie with a density in its parameter t. */
export interface Curve {
  at(t: number): readonly [x: number, y: number];
  from: number;
  to: number;
  /** Density of t in [from, to]. Default uniform. */
  weight?(t: number): number;
  /** Largest speed |dx/dt|, by which the integral is divided finely enough. */
  speed: number;
}

/** Nodes a panel of the quadrature. */
const NODES = 8;

/**
 * The density of a point drawn from one of the curves, each as likely, plus noise N(0, σ² I):
 *
 *     p(x) = (1/K) Σ_k ∫ w_k(t) N(x; c_k(t), σ² I) dt
 *
 * by Gauss-Legendre quadrature of 8 nodes on panels no longer than σ, which is exact to far below 1e-6 wherever points are found.
 * @param noise σ
 */
export function curveDensity(curves: readonly Curve[], noise: number): PlaneDensity {
  const { xs, ys, logs } = quadrature(curves, noise);
  const scale = -0.5 / noise ** 2;
  const exponents = new Float64Array(xs.length);
  const constant = -Math.log(2 * Math.PI * noise ** 2) - Math.log(curves.length);
  const logDensity = (x: number, y: number): number => {
    let most = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < xs.length; i++) {
      const e = logs[i] + scale * ((x - xs[i]) ** 2 + (y - ys[i]) ** 2);
      exponents[i] = e;
      if (e > most) most = e;
    }
    let sum = 0;
    for (let i = 0; i < exponents.length; i++) if (exponents[i] > most - 40) sum += Math.exp(exponents[i] - most);
    return most + Math.log(sum) + constant;
  };
  const reach = (values: Float64Array): [number, number] => [
    values.reduce((a, b) => Math.min(a, b)),
    values.reduce((a, b) => Math.max(a, b)),
  ];
  const [x, y] = [reach(xs), reach(ys)];
  const wider = ([low, high]: readonly [number, number], by: number): [number, number] => [low - by * noise, high + by * noise];
  let entropy: number | undefined;
  return {
    logDensity,
    bounds: { x: wider(x, 5), y: wider(y, 5) },
    get entropy() {
      entropy ??= gridEntropy(logDensity, wider(x, 8), wider(y, 8), 0.75 * noise);
      return entropy;
    },
  };
}

/** -∫ p log p by the trapezoid rule, which converges faster than any power for smooth functions that vanish at the ends. */
function gridEntropy(
  logDensity: PlaneDensity["logDensity"],
  [left, right]: readonly [number, number],
  [bottom, top]: readonly [number, number],
  step: number,
): number {
  let sum = 0;
  for (let x = left; x <= right; x += step) {
    for (let y = bottom; y <= top; y += step) {
      const log = logDensity(x, y);
      sum -= Math.exp(log) * log;
    }
  }
  return sum * step ** 2;
}

/** Points on the curves with the logarithms of their weights, which sum to 1 on each curve. */
function quadrature(curves: readonly Curve[], noise: number): { xs: Float64Array; ys: Float64Array; logs: Float64Array } {
  const places: [number, number, number][] = [];
  const rule = gaussLegendre(NODES);
  for (const { at, from, to, weight = () => 1 / (to - from), speed } of curves) {
    const panels = Math.ceil((speed * (to - from)) / noise);
    const half = (to - from) / panels / 2;
    for (let panel = 0; panel < panels; panel++) {
      for (const [node, share] of rule) {
        const t = from + (2 * panel + 1 + node) * half;
        places.push([...at(t), Math.log(weight(t) * share * half)]);
      }
    }
  }
  const column = (k: 0 | 1 | 2) => Float64Array.from(places, (place) => place[k]);
  return { xs: column(0), ys: column(1), logs: column(2) };
}

/** Nodes and weights on [-1, 1]: roots of the Legendre polynomial by Newton's method. */
export function gaussLegendre(n: number): [node: number, weight: number][] {
  return Array.from({ length: n }, (_, i) => {
    let x = Math.cos((Math.PI * (i + 0.75)) / (n + 0.5));
    let slope = 1;
    for (let turn = 0; turn < 20; turn++) {
      let [before, value] = [1, x];
      for (let k = 2; k <= n; k++) [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k];
      slope = (n * (x * value - before)) / (x * x - 1);
      x -= value / slope;
    }
    return [x, 2 / ((1 - x * x) * slope * slope)];
  });
}
