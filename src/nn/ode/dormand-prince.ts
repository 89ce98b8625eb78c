import { and, maximum, minimum, not, or, where } from "../../graph/ops/elementwise.ts";
import { concat, full } from "../../graph/ops/movement.ts";
import { greaterOrEqual, lessOrEqual } from "../../graph/ops/rounding.ts";
import { constant } from "../../graph/ops/source.ts";
import { whileLoop } from "../../graph/ops/while.ts";
import type { Tensor } from "../../graph/tensor.ts";

// Dormand and Prince's pair of orders 5 and 4 with step-size control, on one flat vector. (Hairer, Nørsett and Wanner, "Solving ordinary differential
// equations I", 2nd edition: II.4 for the control and the first step, table II.5.2 for the method. Dormand and Prince 1980.)

/** Where each stage looks, as a part of the step. */
const times = [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1] as const;
/** What each stage after the first adds up of the slopes before it. The last row is the step itself: its slope is the next step's first. */
const stages = [
  [1 / 5],
  [3 / 40, 9 / 40],
  [44 / 45, -56 / 15, 32 / 9],
  [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
  [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
  [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
] as const;
/** The step of order 5 minus that of order 4. */
const errors = [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40] as const;

/** Slopes that a turn takes; two more are taken before the first. */
export const slopesATurn = 6;
export const slopesBefore = 2;

/** Lund's stabilisation, beta of 0.04, and the exponent that goes with it. (Hairer's code dopri5.) */
const [alpha, beta] = [0.2 - 0.75 * 0.04, 0.04];
const [safety, smallestFactor, largestFactor] = [0.9, 0.2, 10];
/** A part of the whole time that is too short for float32 to add up. */
const shortest = 2e-7;

export interface AdaptiveSettings {
  /** Tolerated error of a step, relative to each number. */
  readonly rtol: number;
  /** Tolerated error of a step of numbers near 0. */
  readonly atol: number;
  /** Turns at most, refused steps among them. */
  readonly maxSteps: number;
}

/** Where a solve has ended. */
export interface Integrated {
  /** [N]. Where it has not arrived, these numbers are those of an earlier time. */
  readonly y: Tensor;
  /** Slopes taken: a float32 scalar. */
  readonly evaluations: Tensor;
  /** Whether it has come to the end: a bool scalar. */
  readonly arrived: Tensor;
}

/** Root mean square of x over the tolerance at each of its first numbers. Their number is counted, so that a graph does for any size of a batch. */
function norm(x: Tensor, scale: Tensor): Tensor {
  const count = full(scale.shape, 1).sum();
  return x.slice(0, 0, scale.size).div(scale).square().sum().div(count).sqrt();
}

/** atol + rtol |y| of the numbers that the error is measured on. */
function toleranceOf(y: Tensor, { rtol, atol }: AdaptiveSettings, measured: number): Tensor {
  return y.slice(0, 0, measured).abs().mul(rtol).add(atol);
}

/** A first step that neither overlooks nor creeps (II.4, "starting step size"): a part of the whole time. One more slope is taken. */
function firstStep(slope: (s: Tensor, y: Tensor) => Tensor, y: Tensor, k: Tensor, settings: AdaptiveSettings, measured: number): Tensor {
  const scale = toleranceOf(y, settings, measured);
  const [d0, d1] = [norm(y, scale), norm(k, scale)];
  const tiny = or(d0.less(1e-5), d1.less(1e-5));
  const guess = minimum(where(tiny, constant(1e-6), d0.mul(0.01).div(maximum(d1, 1e-5))), 1);
  const d2 = norm(slope(guess, y.add(k.mul(guess))).sub(k), scale).div(guess);
  const steepest = maximum(d1, d2);
  const bent = where(
    lessOrEqual(steepest, 1e-15),
    maximum(guess.mul(1e-3), 1e-6),
    maximum(steepest, 1e-15).reciprocal().mul(0.01).pow(0.2),
  );
  return minimum(minimum(guess.mul(100), bent), 1);
}

/**
 * y at s = 1 from y at s = 0 and dy/ds, with steps as long as the tolerance allows: the root mean square of the estimated error over `atol + rtol |y|` is at
 * most 1 in every step. The weighing of the last step against the one before (proportional and integral) keeps the steps from swinging.
 * @param slope dy/ds of a scalar s in [0, 1] and y [N]
 * @param y [N]
 * @param measured of how many of the first numbers the error is measured; the others follow
 */
export function integrate(slope: (s: Tensor, y: Tensor) => Tensor, y: Tensor, settings: AdaptiveSettings, measured = y.size): Integrated {
  const k = slope(constant(0), y);
  const h = firstStep(slope, y, k, settings, measured);
  const [last, rejected, turns] = [constant(1e-4), constant(0), constant(0)];
  const init = [constant(1), h, y, k, last, rejected, turns];
  const [left, , end, , , , count] = whileLoop(
    init,
    ([rest, length]) => and(rest.greater(0), length.greater(shortest)),
    (state) => turn(slope, state, settings, measured),
    { most: settings.maxSteps },
  );
  return { y: end, evaluations: count.mul(slopesATurn).add(slopesBefore), arrived: lessOrEqual(left, 0) };
}

/** One step, which is kept or refused, and the length of the next. */
function turn(
  slope: (s: Tensor, y: Tensor) => Tensor,
  [left, h, y, k, last, rejected, turns]: readonly Tensor[],
  settings: AdaptiveSettings,
  measured: number,
): readonly Tensor[] {
  const ends = greaterOrEqual(h.mul(1.01), left);
  const length = where(ends, left, h);
  const start = left.neg().add(1);
  const rows = [k.reshape([1, -1])];
  const weighed = (weights: readonly number[]) =>
    constant(weights, "float32", [1, weights.length])
      .matmul(concat([...rows]))
      .reshape(y.shape)
      .mul(length);
  let next = y;
  stages.forEach((weights, i) => {
    next = y.add(weighed(weights));
    rows.push(slope(start.add(length.mul(times[Math.min(i + 1, 5)])), next).reshape([1, -1]));
  });
  const scale = maximum(toleranceOf(y, settings, measured), toleranceOf(next, settings, measured));
  const measuredError = norm(weighed(errors), scale);
  // What is not finite compares as false: such a step is refused, and the next is as much shorter as it may be.
  const error = where(measuredError.less(1e10), maximum(measuredError, 1e-10), constant(1e10));
  const kept = lessOrEqual(error, 1);
  const ideal = error.pow(-alpha).mul(safety);
  const longer = minimum(
    maximum(ideal.mul(last.pow(beta)), smallestFactor),
    where(rejected.greater(0), constant(1), constant(largestFactor)),
  );
  const factor = where(kept, longer, maximum(ideal, smallestFactor));
  const rest = where(kept, where(ends, constant(0), left.sub(length)), left);
  return [
    rest,
    length.mul(factor),
    where(kept, next, y),
    where(kept, rows[6].reshape(y.shape), k),
    where(kept, maximum(error, 1e-4), last),
    not(kept).cast("float32"),
    turns.add(1),
  ];
}
