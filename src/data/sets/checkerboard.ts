import type { PlaneDensity } from "../points.ts";
import { planeSet } from "./plane.ts";

/** Squares a side, each of side 1, around the origin. */
const SIDE = 4;
const HALF = SIDE / 2;
/** Filled squares, column by column from the left, each column from below: [left, bottom]. */
const squares = Array.from({ length: SIDE * SIDE }, (_, i) => [Math.floor(i / SIDE), i % SIDE] as const)
  .filter(([column, row]) => (column + row) % 2 === 0)
  .map(([column, row]) => [column - HALF, row - HALF] as const);

function modeOf(x: number, y: number): number {
  const [left, bottom] = [Math.floor(x), Math.floor(y)];
  return squares.findIndex(([column, row]) => column === left && row === bottom);
}

const density: PlaneDensity = {
  logDensity: (x, y) => (modeOf(x, y) < 0 ? Number.NEGATIVE_INFINITY : -Math.log(squares.length)),
  bounds: { x: [-HALF - 0.5, HALF + 0.5], y: [-HALF - 0.5, HALF + 0.5] },
  entropy: Math.log(squares.length),
  modes: { count: squares.length, of: modeOf },
};

/** Eight squares of a board of sixteen: edges and corners, which smooth densities blur. */
export const checkerboard = planeSet({
  name: "checkerboard",
  title: "Checkerboard",
  summary: "Points spread evenly over every second square of a board of four by four: sharp edges, and corners that touch.",
  source: "generated here, as in Grathwohl et al., FFJORD, 2019, arXiv:1810.01367, at half the size",
  formula: "p = 1/8 on eight squares of side 1 within [-2, 2] x [-2, 2], 0 elsewhere; the entropy is log 8 = 2.0794 nats",
  classes: squares.map((_, k) => `square ${k}`),
  bias: "Not standardised: the mean is (0, 0), both deviations are about 1.15. Where the density is 0 its logarithm is minus infinity.",
  make: () => ({
    density,
    draw: (random) => {
      const label = random.below(squares.length);
      const [left, bottom] = squares[label];
      return { x: left + random.uniform(), y: bottom + random.uniform(), label };
    },
  }),
});
