import { z } from "zod";
import { exp, where } from "../../graph/ops/elementwise.ts";
import type { Tensor } from "../../graph/tensor.ts";

// Stochastic differential equations dx = a(t) x dt + g(t) dw that turn data into noise as t goes from 0 to 1 (Song et al. 2021, section 3.4 and appendix B).
// All three have Gaussian transitions in closed form: x(t) = m(t) x(0) + σ(t) z with standard normal z.

export const sdeFields = {
  sde: z
    .enum(["vp", "subvp", "ve"])
    .describe("vp: data shrink while noise grows, the variance stays; subvp: the same with less noise; ve: data stay, noise explodes"),
  betaMin: z.number().positive().max(10).describe("vp, subvp: rate of the noise at t = 0; 0.1 in the paper"),
  betaMax: z.number().positive().max(100).describe("vp, subvp: rate of the noise at t = 1; 20 in the paper"),
  sigmaMin: z.number().positive().max(1).describe("ve: deviation of the noise at t = 0, in units of the data"),
  sigmaMax: z.number().min(1).max(10_000).describe("ve: deviation of the noise at t = 1: about the largest distance between two examples"),
  earliest: z
    .number()
    .min(1e-6)
    .max(0.1)
    .describe("the smallest t that is learned and sampled, where a score is still finite; 1e-5 in the paper"),
};

export interface SdeConfig {
  sde: "vp" | "subvp" | "ve";
  betaMin: number;
  betaMax: number;
  sigmaMin: number;
  sigmaMax: number;
  earliest: number;
}

/** The paper's constants (appendix C); `sigmaMax` is for data of about unit size. */
export const paperSde: SdeConfig = { sde: "vp", betaMin: 0.1, betaMax: 20, sigmaMin: 0.01, sigmaMax: 50, earliest: 1e-5 };

/** dx = a(t) x dt + g(t) dw, and what is known of it. Times are tensors of any shape with values in [earliest, 1]; results have their shape. */
export interface Sde {
  /** a(t): the drift is a(t) x. */
  drift(t: Tensor): Tensor;
  /** g(t)². */
  diffusion(t: Tensor): Tensor;
  /** m(t). */
  scale(t: Tensor): Tensor;
  /** σ(t). */
  deviation(t: Tensor): Tensor;
  /**
   * Times whose density is proportional to g²/σ², from uniform u in [0, 1): drawn so, the likelihood's weighting g² of the score's error is an even
   * weighting of the noise's error. (Song et al., "Maximum likelihood training of score-based diffusion models", 2021, arXiv:2101.09258, section 4.3.)
   */
  likelihoodTime(u: Tensor): Tensor;
  /** ∫ g²/σ² dt over [earliest, 1]. */
  readonly likelihoodMass: number;
  /** ∫ a dt over [earliest, 1]. */
  readonly totalDrift: number;
  /** m(1) and σ(1). */
  readonly last: { readonly scale: number; readonly deviation: number };
  /** Deviation of the normal distribution that sampling starts from. */
  readonly prior: number;
  /** Where t lies for u in [0, 1], 0 at `earliest` and 1 at t = 1, in even steps of which the noise grows about evenly; with dt/du. */
  warp(u: Tensor): { readonly t: Tensor; readonly speed: Tensor };
  /** The same for one number. */
  time(u: number): number;
  readonly earliest: number;
}

/** The equation that a configuration asks for. */
export function sdeOf(config: SdeConfig): Sde {
  return config.sde === "ve" ? varianceExploding(config) : variancePreserving(config);
}

/** 1 - e^(-b) for b >= 0, precise near 0. Any shape. */
function decayed(b: Tensor): Tensor {
  const half = b.mul(0.5).tanh();
  return half.mul(2).div(half.add(1));
}

/** Eq. 9 and 30 to 31: a = 0, m = 1, σ(t) = σ_min (σ_max / σ_min)^t, g² = dσ²/dt. */
function varianceExploding({ sigmaMin, sigmaMax, earliest }: SdeConfig): Sde {
  const rate = Math.log(sigmaMax / sigmaMin);
  const span = 1 - earliest;
  const deviation = (t: Tensor) => exp(t.mul(rate)).mul(sigmaMin);
  const evenly = (u: Tensor) => u.mul(span).add(earliest);
  return {
    drift: (t) => t.mul(0),
    diffusion: (t) =>
      deviation(t)
        .square()
        .mul(2 * rate),
    scale: (t) => t.mul(0).add(1),
    deviation,
    likelihoodTime: evenly,
    likelihoodMass: 2 * rate * span,
    totalDrift: 0,
    last: { scale: 1, deviation: sigmaMax },
    prior: sigmaMax,
    warp: (u) => ({ t: evenly(u), speed: u.mul(0).add(span) }),
    time: (u) => u * span + earliest,
    earliest,
  };
}

/**
 * Eq. 11 and 29, 32 to 33, with β(t) = β_min + t (β_max - β_min) and b(t) its integral from 0: a = -β/2, m = e^(-b/2); vp: σ² = 1 - e^(-b), g² = β;
 * subvp: σ = 1 - e^(-b), g² = β (1 - e^(-2b)).
 */
function variancePreserving({ sde, betaMin, betaMax, earliest }: SdeConfig): Sde {
  const sub = sde === "subvp";
  const growth = betaMax - betaMin;
  const rate = (t: Tensor) => t.mul(growth).add(betaMin);
  const total = (t: Tensor) =>
    t
      .mul(growth / 2)
      .add(betaMin)
      .mul(t);
  const totalAt = (t: number) => t * (betaMin + (t * growth) / 2);
  // With likelihoodTime(), the antiderivative of g²/σ² over b is uniform: ln(e^b - 1), or 2 ln sinh(b / 2) for subvp.
  const position = (t: number) => (sub ? 2 * Math.log(Math.sinh(totalAt(t) / 2)) : Math.log(Math.expm1(totalAt(t))));
  const [first, mass] = [position(earliest), position(1) - position(earliest)];
  const root = Math.sqrt(earliest);
  const total1 = totalAt(1);
  return {
    drift: (t) => rate(t).mul(-0.5),
    diffusion: (t) => (sub ? rate(t).mul(decayed(total(t).mul(2))) : rate(t)),
    scale: (t) => exp(total(t).mul(-0.5)),
    deviation: (t) => (sub ? decayed(total(t)) : decayed(total(t)).sqrt()),
    likelihoodTime: (u) => {
      const at = u.mul(mass).add(first);
      const b = sub ? twiceArsinh(exp(at.mul(0.5))) : logOnePlus(exp(at), at);
      // b = t (β_min + t growth / 2) solved for t, in the form that loses no digits at small b.
      const t = b.mul(2).div(
        b
          .mul(2 * growth)
          .add(betaMin ** 2)
          .sqrt()
          .add(betaMin),
      );
      return t.clip(earliest, 1);
    },
    likelihoodMass: mass,
    totalDrift: -(total1 - totalAt(earliest)) / 2,
    last: { scale: Math.exp(-total1 / 2), deviation: sub ? -Math.expm1(-total1) : Math.sqrt(-Math.expm1(-total1)) },
    prior: 1,
    warp: (u) => {
      const rooted = u.mul(1 - root).add(root);
      return { t: rooted.square(), speed: rooted.mul(2 * (1 - root)) };
    },
    time: (u) => (u * (1 - root) + root) ** 2,
    earliest,
  };
}

/** ln(1 + y) = softplus(ln y), precise for small y > 0 too. */
function logOnePlus(y: Tensor, logY: Tensor): Tensor {
  return where(y.less(1e-3), y.sub(y.square().mul(0.5)), logY.softplus());
}

/** 2 arsinh(y) for y > 0, precise for small y too. */
function twiceArsinh(y: Tensor): Tensor {
  return where(y.less(1e-3), y, y.add(y.square().add(1).sqrt()).log()).mul(2);
}

/** One number an example, [B], in the rank of x [B, ...]: [B, 1, ...]. */
export function perExample(values: Tensor, x: Tensor): Tensor {
  return values.reshape([values.shape[0], ...x.shape.slice(1).map(() => 1)]);
}

/** x(t) = m(t) x(0) + σ(t) z. (Eq. 29.) x and noise [B, ...], t [B] -> [B, ...]. */
export function diffuse(sde: Sde, x: Tensor, t: Tensor, noise: Tensor): Tensor {
  return x.mul(perExample(sde.scale(t), x)).add(noise.mul(perExample(sde.deviation(t), x)));
}
