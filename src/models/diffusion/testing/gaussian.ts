import { constant } from "../../../graph/ops/source.ts";
import type { ScoreModel } from "../probability-flow.ts";
import { paperSde, perExample, type SdeConfig, sdeOf } from "../sde.ts";

/** Data whose score is known at every t: independent normal numbers. */
export const gaussian = { mean: [0.5, -1], deviation: [0.3, 1.2] } as const;

/** The perfect model of {@link gaussian}: p_t is N(m μ, m² s² + σ²), so the expected noise in x is σ (x - m μ) / (m² s² + σ²). */
export function gaussianModel(settings: Partial<SdeConfig>): ScoreModel {
  const sde = sdeOf({ ...paperSde, ...settings });
  const row = (values: readonly number[]) => constant(values, "float32", [1, values.length]);
  return {
    sde,
    noise(x, t) {
      const [scale, deviation] = [perExample(sde.scale(t), x), perExample(sde.deviation(t), x)];
      const variance = scale.square().mul(row(gaussian.deviation).square()).add(deviation.square());
      return x
        .sub(scale.mul(row(gaussian.mean)))
        .mul(deviation)
        .div(variance);
    },
  };
}

/** log density of {@link gaussian} in nats. */
export function gaussianLogDensity(x: readonly number[]): number {
  const { mean, deviation } = gaussian;
  return x.reduce(
    (total, value, i) => total - 0.5 * ((value - mean[i]) / deviation[i]) ** 2 - Math.log(deviation[i]) - 0.5 * Math.log(2 * Math.PI),
    0,
  );
}
