import { scan } from "../../graph/ops/scan.ts";
import { constant } from "../../graph/ops/source.ts";
import type { Tensor } from "../../graph/tensor.ts";

// Solvers of equal steps. They are differentiated through, so their gradient is that of what was computed, and memory grows with the steps.

export type FixedMethod = "euler" | "midpoint" | "rk4";

/** Slopes that each method takes a step. */
export const slopesAStep: Readonly<Record<FixedMethod, number>> = { euler: 1, midpoint: 2, rk4: 4 };

type Slope = (s: Tensor, y: Tensor) => Tensor;

/** One step of length h from y at s. */
const rules: Readonly<Record<FixedMethod, (slope: Slope, s: Tensor, y: Tensor, h: number) => Tensor>> = {
  euler: (slope, s, y, h) => y.add(slope(s, y).mul(h)),
  midpoint: (slope, s, y, h) => y.add(slope(s.add(h / 2), y.add(slope(s, y).mul(h / 2))).mul(h)),
  // Kutta 1901: the classical rule of order 4.
  rk4: (slope, s, y, h) => {
    const first = slope(s, y);
    const second = slope(s.add(h / 2), y.add(first.mul(h / 2)));
    const third = slope(s.add(h / 2), y.add(second.mul(h / 2)));
    const fourth = slope(s.add(h), y.add(third.mul(h)));
    return y.add(
      first
        .add(second.add(third).mul(2))
        .add(fourth)
        .mul(h / 6),
    );
  },
};

/**
 * y at s = 1 from y at s = 0 and dy/ds, in equal steps.
 * @param slope dy/ds of a scalar s in [0, 1] and y [N]
 * @param y [N]
 */
export function march(slope: Slope, y: Tensor, method: FixedMethod, steps: number): Tensor {
  const h = 1 / steps;
  const starts = constant(
    Array.from({ length: steps }, (_, i) => i * h),
    "float32",
    [steps],
  );
  return scan(([state], [s]) => ({ carry: [rules[method](slope, s, state, h)] }), { init: [y], xs: [starts] }).carry[0];
}
