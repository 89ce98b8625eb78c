import { AtelierError } from "../core/errors.ts";

/** A factor on the learning rate at a step counted from 0. Pure, so resuming needs no state. */
export type Schedule = (step: number) => number;

/** Always 1. */
export const constant = (): Schedule => () => 1;

/** From 1 to `end` in equal steps over `steps`, then `end`. */
export function linear(steps: number, end = 0): Schedule {
  requireSteps("linear", steps);
  return (step) => 1 + (end - 1) * Math.min(step / steps, 1);
}

/** From 1 to `end` along half a cosine over `steps`, then `end`. (Loshchilov and Hutter 2016, Eq. 5, without restarts.) */
export function cosine(steps: number, end = 0): Schedule {
  requireSteps("cosine", steps);
  return (step) => end + (1 - end) * 0.5 * (1 + Math.cos(Math.PI * Math.min(step / steps, 1)));
}

/**
 * √(start / (start + step)): with `start` steps of {@link warmup} before it, the schedule of Vaswani et al. 2017, Eq. 3, whose peak is the learning rate:
 * there width^-0.5 · start^-0.5.
 */
export function inverseRoot(start: number): Schedule {
  requireSteps("inverseRoot", start);
  return (step) => Math.sqrt(start / (start + step));
}

/** Rise from 1 / steps to 1 over `steps`, then follow `after`, whose steps count from the end of the rise. */
export function warmup(steps: number, after: Schedule = constant()): Schedule {
  requireSteps("warmup", steps);
  return (step) => (step < steps ? (step + 1) / steps : after(step - steps));
}

function requireSteps(name: string, steps: number): void {
  if (!Number.isInteger(steps) || steps < 1)
    throw new AtelierError({ what: `${name}: the number of steps must be a whole number above 0.`, got: String(steps) });
}
