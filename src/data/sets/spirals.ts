import { type Curve, curveDensity } from "../curve-density.ts";
import { planeSet } from "./plane.ts";

/** One and a half turns, to a radius of π. */
const END = 3 * Math.PI;
/** Points lie evenly by t², so that the outer turns are nearly as dense as the inner ones. */
const arm = (sign: number): Curve => ({
  at: (t) => [(-sign * Math.cos(t) * t) / 3, (sign * Math.sin(t) * t) / 3],
  from: 0,
  to: END,
  weight: (t) => (2 * t) / END ** 2,
  speed: Math.hypot(1, END) / 3,
});
const arms = [arm(1), arm(-1)];

/** Two arms wound around each other: long, thin and bent. */
export const spirals = planeSet({
  name: "spirals",
  title: "Two spirals",
  summary: "Points on two arms wound around each other one and a half times, with Gaussian noise: long, thin and bent.",
  source: "generated here, after the two spirals of Grathwohl et al., FFJORD, 2019, arXiv:1810.01367, without their second, uniform noise",
  formula: "p = 1/2 Σ_± ∫_0^3π 2t/(3π)² N((x, y); ±(-t cos t, t sin t)/3, σ² I) dt with σ = 0.1; the integral by quadrature",
  classes: ["first arm", "second arm"],
  bias: "Not standardised: the mean is (0, 0), deviations are about 1.7 and 1.4. The arms end in the middle, where they touch.",
  noise: { least: 5, standard: 10 },
  make: (noise) => ({
    density: curveDensity(arms, noise),
    draw: (random) => {
      const label = random.below(2);
      const [x, y] = arms[label].at(END * Math.sqrt(random.uniform()));
      return { x: x + noise * random.normal(), y: y + noise * random.normal(), label };
    },
  }),
});
