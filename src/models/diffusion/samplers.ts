/**
 * Samplers: from noise to a picture in N steps. Each is one pure function from where it is to the next, less noisy level. A sampler is given the picture that
 * the network expects at x_t, and does not know what the network predicts or how.
 *
 *   x_t = α_t x + σ_t ε, s is the next time, x̂ the expected picture, ε̂ = (x_t - α_t x̂) / σ_t
 *
 *   ancestral      Ho et al. 2020, Eq. 6 and 7: a draw from q(x_s | x_t, x̂)
 *   ddim           Song, Meng and Ermon 2020, Eq. 12: eta 0 draws nothing, eta 1 is the ancestral sampler
 *   euler          one step of Euler's method in time along the probability flow, dx/dt = α' x̂ + σ' ε̂ (on straight paths: Liu et al. 2022)
 *   dpm-solver++   Lu et al. 2022, arXiv:2211.01095, Algorithm 2 (2M): second order in the logarithm of α / σ, by way of the step before
 */
import type { Level, Schedule } from "./schedules.ts";

export const samplerNames = ["ancestral", "ddim", "euler", "dpm-solver++"] as const;
export type SamplerName = (typeof samplerNames)[number];

/** One step of a sampler. Arrays are of one length and are not changed. */
export interface Step {
  readonly x: Float32Array;
  /** x̂, the picture expected at `from`. */
  readonly picture: Float32Array;
  readonly from: Level;
  /** Less noisy than `from`. */
  readonly to: Level;
  /** The step before: none for the first step, and after x was moved by something else. */
  readonly before?: { readonly picture: Float32Array; readonly from: Level } | undefined;
  readonly schedule: Schedule;
  /** Share of the ancestral noise, for ddim. */
  readonly eta: number;
  /** Standard normal numbers, as many as x has: fresh ones at each call. */
  noise(): Promise<Float32Array>;
}

/** x_s = keep · x_t + picture · x̂ + noise · z: what all samplers come to. */
export interface Update {
  readonly keep: number;
  readonly picture: number;
  readonly noise: number;
}

/** Variance of x_s given x_t and the picture: σ_ts² σ_s² / σ_t² with σ_ts² = σ_t² - (α_t / α_s)² σ_s² (Ho et al. 2020, Eq. 7). */
function posteriorVariance(from: Level, to: Level): number {
  return Math.max(0, from.sigma ** 2 - ((from.alpha / to.alpha) * to.sigma) ** 2) * (to.sigma / from.sigma) ** 2;
}

/** Mean and deviation of q(x_s | x_t, x̂): Ho et al. 2020, Eq. 6 and 7. */
export function ancestralUpdate(from: Level, to: Level): Update {
  const share = (from.alpha / to.alpha) * (to.sigma / from.sigma) ** 2;
  return { keep: share, picture: to.alpha - share * from.alpha, noise: Math.sqrt(posteriorVariance(from, to)) };
}

/** x_s = α_s x̂ + √(σ_s² - v²) ε̂ + v z with v = eta times the ancestral deviation: Song et al. 2020, Eq. 12 and 16. */
export function ddimUpdate(from: Level, to: Level, eta: number): Update {
  const noise = eta * Math.sqrt(posteriorVariance(from, to));
  const keep = Math.sqrt(Math.max(0, to.sigma ** 2 - noise ** 2)) / from.sigma;
  return { keep, picture: to.alpha - keep * from.alpha, noise };
}

/** x_s = x_t + (s - t) (α' x̂ + σ' ε̂). */
export function eulerUpdate(from: Level, to: Level, schedule: Schedule): Update {
  const slope = schedule.slope(from.time);
  const step = to.time - from.time;
  const alongNoise = (step * slope.sigma) / from.sigma;
  return { keep: 1 + alongNoise, picture: step * slope.alpha - alongNoise * from.alpha, noise: 0 };
}

/** Half the logarithm of the signal-to-noise ratio. */
function lambda({ alpha, sigma }: Level): number {
  return Math.log(alpha / sigma);
}

/**
 * The way of x̂ seen from the last two steps, as a factor r: x̂ is taken to be x̂_now + r (x̂_now - x̂_before), r = h / (2 h_before) with steps h in λ. 0 in
 * the first step, and in the last, where there is no noise left and h is infinite.
 */
export function multistepFactor(from: Level, to: Level, before: Level | undefined): number {
  if (before === undefined || to.sigma === 0 || to.alpha === 0) return 0;
  return (lambda(to) - lambda(from)) / (2 * (lambda(from) - lambda(before)));
}

/** The next, less noisy x. */
export async function advance(sampler: SamplerName, step: Step): Promise<Float32Array> {
  const { from, to, picture, before } = step;
  switch (sampler) {
    case "ancestral":
      return moved(step, ancestralUpdate(from, to));
    case "ddim":
      return moved(step, ddimUpdate(from, to, step.eta));
    case "euler":
      return moved(step, eulerUpdate(from, to, step.schedule));
    case "dpm-solver++": {
      // x_s = σ_s / σ_t x_t - α_s (e^-h - 1) D, which with D = x̂ is the deterministic ddim step.
      const factor = multistepFactor(from, to, before?.from);
      const guess = factor === 0 ? picture : picture.map((value, i) => value + factor * (value - before!.picture[i]));
      return moved({ ...step, picture: guess }, ddimUpdate(from, to, 0));
    }
  }
}

async function moved({ x, picture, noise }: Step, update: Update): Promise<Float32Array> {
  const drawn = update.noise > 0 ? await noise() : undefined;
  return x.map((value, i) => update.keep * value + update.picture * picture[i] + (drawn === undefined ? 0 : update.noise * drawn[i]));
}
