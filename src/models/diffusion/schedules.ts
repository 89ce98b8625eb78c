/**
 * Noise schedules: how much of the picture and how much noise there is at each time, x_t = α(t) x + σ(t) ε.
 *
 *   time         0 is the picture, 1 is noise; a model with T steps uses the times 1/T, 2/T ... 1
 *   α(t)         signal rate, σ(t) noise rate; α² + σ² = 1 for all but "straight"
 *   α², σ²       ᾱ and 1 - ᾱ in Ho et al. 2020
 *
 * Pure functions of numbers; what a graph needs of them comes from tables of the T steps.
 */

/** Signal and noise at one time. */
export interface Level {
  /** In [0, 1]. */
  readonly time: number;
  readonly alpha: number;
  readonly sigma: number;
}

export interface Schedule {
  /** Signal rate at a time in [0, 1]. */
  alpha(time: number): number;
  /** Noise rate at a time in [0, 1]. */
  sigma(time: number): number;
  /** dα/dt and dσ/dt. */
  slope(time: number): { alpha: number; sigma: number };
  /** What the network is told of a time, in [0, 1]. */
  told(time: number): number;
}

/** β at time 0 and 1 of the linear schedule, times T: 1e-4 and 0.02 of Ho et al. 2020 with T = 1000. */
const [BETA_FIRST, BETA_LAST] = [0.1, 20];
/** s of Nichol and Dhariwal 2021, Eq. 17. */
const OFFSET = 0.008;
/** Their limit of 0.999 on each β, with 1000 steps: the last step keeps a thousandth of ᾱ. */
const COSINE_FLOOR = Math.sqrt(0.001) * Math.cos(((0.999 + OFFSET) / (1 + OFFSET)) * (Math.PI / 2));
/** Signal rates at time 0 and 1 of the offset cosine. */
const [MOST_SIGNAL, LEAST_SIGNAL] = [0.95, 0.02];

/** The linear schedule of Ho et al. 2020 in the limit of many steps (Song et al. 2021, Eq. 33): ln ᾱ = -(β₀ t + (β₁ - β₀) t² / 2). */
const linear: Schedule = {
  alpha: (t) => Math.exp(-0.5 * integral(t)),
  sigma: (t) => Math.sqrt(-Math.expm1(-integral(t))),
  slope: (t) => {
    const beta = BETA_FIRST + (BETA_LAST - BETA_FIRST) * t;
    const alpha = linear.alpha(t);
    return { alpha: -0.5 * beta * alpha, sigma: (0.5 * beta * alpha ** 2) / Math.max(linear.sigma(t), 1e-12) };
  },
  // Almost all of this schedule's noise variances are near 1: time tells its steps apart.
  told: (t) => t,
};

/** ∫β from 0 to t. */
function integral(t: number): number {
  return BETA_FIRST * t + 0.5 * (BETA_LAST - BETA_FIRST) * t * t;
}

/** √ᾱ = cos((t + s) / (1 + s) · π / 2) / cos(s / (1 + s) · π / 2) (Nichol and Dhariwal 2021, Eq. 17), not below what their limit on β leaves. */
const cosine: Schedule = {
  alpha: (t) => Math.max(Math.cos(angleOf(t)), COSINE_FLOOR) / Math.cos(angleOf(0)),
  // With a = angle(0) and b = angle(t): cos²a - cos²b = sin(b - a) sin(b + a), which does not cancel at small times.
  sigma: (t) => {
    const [a, b] = [angleOf(0), Math.min(angleOf(t), Math.acos(COSINE_FLOOR))];
    return Math.sqrt(Math.max(0, Math.sin(b - a) * Math.sin(b + a))) / Math.cos(a);
  },
  slope: (t) => {
    const rate = Math.PI / 2 / (1 + OFFSET);
    const alpha = (-Math.sin(angleOf(t)) * rate) / Math.cos(angleOf(0));
    return { alpha, sigma: (-alpha * cosine.alpha(t)) / Math.max(cosine.sigma(t), 1e-12) };
  },
  told: (t) => cosine.sigma(t) ** 2,
};

function angleOf(t: number): number {
  return ((t + OFFSET) / (1 + OFFSET)) * (Math.PI / 2);
}

const [FIRST_ANGLE, LAST_ANGLE] = [Math.acos(MOST_SIGNAL), Math.acos(LEAST_SIGNAL)];

/** α = cos θ, σ = sin θ, θ even in time between the angles of signal rates 0.95 and 0.02 (Foster, "Generative Deep Learning", 2nd edition, chapter 8). */
const offsetCosine: Schedule = {
  alpha: (t) => Math.cos(FIRST_ANGLE + t * (LAST_ANGLE - FIRST_ANGLE)),
  sigma: (t) => Math.sin(FIRST_ANGLE + t * (LAST_ANGLE - FIRST_ANGLE)),
  slope: (t) => ({
    alpha: -(LAST_ANGLE - FIRST_ANGLE) * offsetCosine.sigma(t),
    sigma: (LAST_ANGLE - FIRST_ANGLE) * offsetCosine.alpha(t),
  }),
  told: (t) => offsetCosine.sigma(t) ** 2,
};

/** x_t = (1 - t) x + t ε: the straight paths of rectified flow (Liu et al. 2022) and flow matching (Lipman et al. 2022, Eq. 22, with σ_min = 0 and time turned round). */
const straight: Schedule = {
  alpha: (t) => 1 - t,
  sigma: (t) => t,
  slope: () => ({ alpha: -1, sigma: 1 }),
  told: (t) => t,
};

export const schedules = { linear, cosine, "offset-cosine": offsetCosine, straight } as const;
export type ScheduleName = keyof typeof schedules;

/** Signal and noise at a time in [0, 1]. */
export function levelAt(schedule: Schedule, time: number): Level {
  return { time, alpha: schedule.alpha(time), sigma: schedule.sigma(time) };
}

/** The T steps of a schedule as tables [T]: entry i is time (i + 1) / T. */
export function tables(schedule: Schedule, timesteps: number): Record<"alpha" | "sigma" | "told", Float64Array> {
  const table = (value: (time: number) => number) => Float64Array.from({ length: timesteps }, (_, i) => value((i + 1) / timesteps));
  return { alpha: table(schedule.alpha), sigma: table(schedule.sigma), told: table(schedule.told) };
}
