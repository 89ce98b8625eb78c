import { type Curve, curveDensity } from "../curve-density.ts";
import { planeSet } from "./plane.ts";

const circle = (radius: number): Curve => ({
  at: (t) => [radius * Math.cos(t), radius * Math.sin(t)],
  from: 0,
  to: 2 * Math.PI,
  speed: radius,
});
const curves = [circle(1), circle(0.5)];

/** One circle within another: two rings with holes, which a smooth one-to-one map of a Gaussian cannot quite make. */
export const circles = planeSet({
  name: "circles",
  title: "Two circles",
  summary: "Points on a circle of radius 1 and one of radius 1/2 around the same centre, with Gaussian noise.",
  source: "generated here; scikit-learn's make_circles with factor 0.5, with angles drawn uniformly",
  formula: "p = 1/2 Σ_r 1/(2π) ∫_0^2π N((x, y); (r cos t, r sin t), σ² I) dt with r = 1 and 1/2, σ = 0.08; the integral by quadrature",
  classes: ["outer", "inner"],
  bias: "Not standardised: the mean is (0, 0), both deviations are about 0.56. Rings have holes, which flows of a Gaussian have to tear open.",
  noise: { least: 2, standard: 8 },
  make: (noise) => ({
    density: curveDensity(curves, noise),
    draw: (random) => {
      const label = random.below(2);
      const [x, y] = curves[label].at(2 * Math.PI * random.uniform());
      return { x: x + noise * random.normal(), y: y + noise * random.normal(), label };
    },
  }),
});
