import { type Curve, curveDensity } from "../curve-density.ts";
import { planeSet } from "./plane.ts";

const arcs: readonly Curve[] = [
  { at: (t) => [Math.cos(t), Math.sin(t)], from: 0, to: Math.PI, speed: 1 },
  { at: (t) => [1 - Math.cos(t), 0.5 - Math.sin(t)], from: 0, to: Math.PI, speed: 1 },
];

/** Two half circles that reach into each other: the picture of a flow's first page. */
export const moons = planeSet({
  name: "moons",
  title: "Two moons",
  summary: "Points on two half circles that reach into each other, with Gaussian noise: bent, and in two pieces.",
  source: "generated here; the half circles of scikit-learn's make_moons, with angles drawn uniformly",
  formula:
    "p = 1/2 Σ_k 1/π ∫_0^π N((x, y); c_k(t), σ² I) dt with c_1 = (cos t, sin t), c_2 = (1 - cos t, 1/2 - sin t), σ = 0.1; the integral by quadrature",
  classes: ["upper", "lower"],
  bias: "Not standardised: the mean is (0.5, 0.25), deviations are about 0.87 and 0.50. Nothing of it says how a model does in many dimensions.",
  noise: { least: 2, standard: 10 },
  make: (noise) => ({
    density: curveDensity(arcs, noise),
    draw: (random) => {
      const label = random.below(2);
      const [x, y] = arcs[label].at(Math.PI * random.uniform());
      return { x: x + noise * random.normal(), y: y + noise * random.normal(), label };
    },
  }),
});
