/**
 * What a network predicts of x_t = α x + σ ε, and how each is made of the others. No sampler knows which it is.
 *
 *   epsilon      ε                    Ho et al. 2020, Eq. 11
 *   x0           x                    the picture
 *   velocity     v = α ε - σ x        Salimans and Ho 2022, Eq. 9 and Appendix D; for α² + σ² = 1
 *   flow         u = ε - x            Liu et al. 2022: dx_t/dt on the straight path x_t = (1 - t) x + t ε
 *
 * Each is a x + b ε with numbers a and b; with x_t = α x + σ ε that makes two equations for x and ε, solved here once for all of them.
 */
import type { Tensor, TensorLike } from "../../graph/tensor.ts";
import type { Level } from "./schedules.ts";

/** Prediction = a · picture + b · noise. */
interface Mixture {
  readonly a: (level: Pick<Level, "alpha" | "sigma">) => number;
  readonly b: (level: Pick<Level, "alpha" | "sigma">) => number;
}

const mixtures = {
  epsilon: { a: () => 0, b: () => 1 },
  x0: { a: () => 1, b: () => 0 },
  velocity: { a: ({ sigma }) => -sigma, b: ({ alpha }) => alpha },
  flow: { a: () => -1, b: () => 1 },
} as const satisfies Record<string, Mixture>;

export type Parameterization = keyof typeof mixtures;
export const parameterizations = ["epsilon", "x0", "velocity"] as const satisfies readonly Parameterization[];

/** Factors of the prediction and of x_t. */
export interface Factors {
  readonly prediction: number;
  readonly x: number;
}

/** x = prediction · p + x_t · q: the picture that a prediction means. */
export function pictureFactors(kind: Parameterization, level: Pick<Level, "alpha" | "sigma">): Factors {
  const [a, b] = [mixtures[kind].a(level), mixtures[kind].b(level)];
  const determinant = a * level.sigma - b * level.alpha;
  return { prediction: level.sigma / determinant, x: -b / determinant };
}

/** ε = prediction · p + x_t · q: the noise that a prediction means. */
export function noiseFactors(kind: Parameterization, level: Pick<Level, "alpha" | "sigma">): Factors {
  const [a, b] = [mixtures[kind].a(level), mixtures[kind].b(level)];
  const determinant = a * level.sigma - b * level.alpha;
  return { prediction: -level.alpha / determinant, x: a / determinant };
}

/** What the network shall predict, of a picture and its noise. Shapes as the pictures'; alpha and sigma broadcast to them. */
export function target(
  kind: Parameterization,
  picture: Tensor,
  noise: Tensor,
  { alpha, sigma }: Record<"alpha" | "sigma", TensorLike>,
): Tensor {
  switch (kind) {
    case "epsilon":
      return noise;
    case "x0":
      return picture;
    case "velocity":
      return noise.mul(alpha).sub(picture.mul(sigma));
    case "flow":
      return noise.sub(picture);
  }
}
