import type { PlaneDensity } from "../points.ts";
import { planeSet } from "./plane.ts";

const COUNT = 8;
const RADIUS = 2;
const centres = Array.from({ length: COUNT }, (_, k) => {
  const angle = (2 * Math.PI * k) / COUNT;
  return [RADIUS * Math.cos(angle), RADIUS * Math.sin(angle)] as const;
});

/** A mode is left at three deviations, beyond which 1.1% of its points lie. */
const REACH = 3;

function density(noise: number): PlaneDensity {
  const squared = ([cx, cy]: readonly [number, number], x: number, y: number) => (x - cx) ** 2 + (y - cy) ** 2;
  const edge = RADIUS + 5 * noise;
  let entropy: number | undefined;
  const logDensity = (x: number, y: number): number => {
    const exponents = centres.map((centre) => -squared(centre, x, y) / (2 * noise ** 2));
    const most = Math.max(...exponents);
    const sum = exponents.reduce((total, e) => total + Math.exp(e - most), 0);
    return most + Math.log(sum / COUNT) - Math.log(2 * Math.PI * noise ** 2);
  };
  return {
    logDensity,
    bounds: { x: [-edge, edge], y: [-edge, edge] },
    get entropy() {
      entropy ??= ringEntropy(logDensity, noise);
      return entropy;
    },
    modes: { count: COUNT, of: (x, y) => centres.findIndex((centre) => squared(centre, x, y) <= (REACH * noise) ** 2) },
  };
}

/** By symmetry -∫ N(x; c_0, σ² I) log p(x) dx, by the trapezoid rule around one centre. */
function ringEntropy(logDensity: PlaneDensity["logDensity"], noise: number): number {
  const step = noise / 8;
  let sum = 0;
  for (let i = -80; i <= 80; i++) {
    for (let j = -80; j <= 80; j++) {
      const weight = Math.exp(-(i * i + j * j) / 128) / (2 * Math.PI * 64);
      sum -= weight * logDensity(RADIUS + i * step, j * step);
    }
  }
  return sum;
}

/** Eight Gaussians on a circle: the classic picture of mode collapse. */
export const ring = planeSet({
  name: "ring",
  title: "Ring of eight Gaussians",
  summary: "Eight round Gaussians on a circle of radius 2, with nothing between them: a model that drops modes shows it at once.",
  source: "generated here; Metz et al., Unrolled generative adversarial networks, 2017, arXiv:1611.02163, has them narrower",
  formula: "p = 1/8 Σ_k N((x, y); 2 (cos 2πk/8, sin 2πk/8), σ² I) with σ = 0.15",
  classes: Array.from({ length: COUNT }, (_, k) => `mode ${k}`),
  bias: "Not standardised: the mean is (0, 0), both deviations are about 1.42.",
  noise: { least: 1, standard: 15 },
  make: (noise) => ({
    density: density(noise),
    draw: (random) => {
      const label = random.below(COUNT);
      const [x, y] = centres[label];
      return { x: x + noise * random.normal(), y: y + noise * random.normal(), label };
    },
  }),
});
