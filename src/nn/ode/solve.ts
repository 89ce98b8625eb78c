import { gradients } from "../../autodiff/gradient.ts";
import { sizeOf } from "../../core/dtype.ts";
import { AtelierError, type Problem } from "../../core/errors.ts";
import { Parameter } from "../../graph/leaf.ts";
import { customGradient, stopGradient } from "../../graph/ops/control.ts";
import { maximum, where } from "../../graph/ops/elementwise.ts";
import { concat, full } from "../../graph/ops/movement.ts";
import { constant } from "../../graph/ops/source.ts";
import { split } from "../../graph/ops/split.ts";
import { sameShape, shapeError } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { presentTrace } from "../../graph/trace.ts";
import { type AdaptiveSettings, integrate } from "./dormand-prince.ts";
import { type FixedMethod, march, slopesAStep } from "./fixed-grid.ts";

/** What changes a state: d state / dt at a time, a float32 scalar; as many tensors as the state has, of the same shapes. It is traced several times. */
export type TimeDerivative = (t: Tensor, state: readonly Tensor[]) => readonly Tensor[];

/** Dormand-Prince 5(4), the steps as long as the tolerance allows; gradients by the adjoint method. */
export interface AdaptiveOptions {
  method?: "dopri5";
  /** Tolerated error of a step relative to each number. Default 1e-5; float32 knows no less than 1e-7. */
  rtol?: number;
  /** Tolerated error of a step of numbers near 0. Default 1e-5. */
  atol?: number;
  /** Steps tried at most, in each direction. Default 1000. */
  maxSteps?: number;
  /** Tolerances of the way back. Default: those of the way there. */
  backward?: { rtol: number; atol: number };
}

/** Equal steps; gradients through them. */
export interface FixedOptions {
  method: FixedMethod;
  steps: number;
}

export type OdeOptions = AdaptiveOptions | FixedOptions;

export interface OdeSolution {
  /** At the last time, in the first state's shapes; NaN where the solver did not get there. */
  readonly state: readonly Tensor[];
  /** How often the derivative was evaluated: a float32 scalar. */
  readonly evaluations: Tensor;
}

/**
 * The state at time t1 from the state at t0 and its derivative: d state / dt = derivative(t, state). (Chen et al., "Neural ordinary differential equations",
 * 2018, arXiv:1806.07366.)
 *
 * Adaptive (default): the number of steps is found while the program runs, and is no part of the graph. Gradients for `y0` and `parameters` come from the
 * adjoint method, which solves state and adjoint back from t1 to t0 (Algorithm 1 there) and keeps nothing of the way. Two things differ from the paper: the
 * adjoint is scaled to a root mean square of 1 at t1, so that the tolerances do not depend on how a loss is scaled; and the error is measured on the
 * state and the adjoint only, not on the parameters' gradients, which are sums along the way (Kidger et al. 2021, arXiv:2009.09457). Times get no
 * gradient, and second derivatives need a method of fixed steps.
 *
 * Where a solver does not arrive in `maxSteps` steps, a traced program ends in an error that says what to change. Inside a trace the evaluations of both
 * directions are noted as `forwardEvaluations` and `backwardEvaluations`.
 *
 * @param y0 float32 tensors, at least one
 * @param times t0 and t1, numbers or float32 scalars, in either order
 * @param parameters everything trained that the derivative reads
 * @throws ShapeError when the derivative's tensors do not have the state's shapes; AtelierError for tolerances, steps or times that are none, and for a
 *   parameter that the derivative reads and `parameters` lacks
 */
export function odeSolve(
  derivative: TimeDerivative,
  y0: readonly Tensor[],
  [t0, t1]: readonly [number | Tensor, number | Tensor],
  options: OdeOptions,
  parameters: readonly Tensor[],
): OdeSolution {
  const shapes = y0.map(({ shape }) => shape);
  if (y0.length === 0 || y0.some(({ dtype }) => dtype !== "float32")) throw shapeError("odeSolve", y0, "the state must be float32 tensors");
  const flat: Flat = {
    slope: (t, y) => {
      const state = unpacked(y, shapes);
      const slopes = derivative(t, state);
      if (slopes.length !== shapes.length || slopes.some((slope, i) => !sameShape(slope.shape, shapes[i])))
        throw shapeError("odeSolve", [...state, ...slopes], "the derivative must have the shapes of the state");
      return packed(slopes);
    },
    from: scalarTime(t0),
    to: scalarTime(t1),
  };
  const start = packed(y0);
  const { y, evaluations } =
    "steps" in options ? solveOnGrid(flat, start, options) : solveAdaptively(flat, start, settingsOf(options), parameters);
  presentTrace()?.note("forwardEvaluations", evaluations);
  return { state: unpacked(y, shapes), evaluations };
}

/** The system as one vector. */
interface Flat {
  readonly slope: (t: Tensor, y: Tensor) => Tensor;
  readonly from: Tensor;
  readonly to: Tensor;
}

/** dy/ds in s from 0 to 1 where dy/dt is given. */
function overUnitTime({ slope, from, to }: Flat): (s: Tensor, y: Tensor) => Tensor {
  const span = to.sub(from);
  return (s, y) => slope(from.add(span.mul(s)), y).mul(span);
}

function solveOnGrid(flat: Flat, start: Tensor, { method, steps }: FixedOptions): { y: Tensor; evaluations: Tensor } {
  if (!Number.isSafeInteger(steps) || steps < 1) throw badOption("steps", steps, "a whole number above 0");
  return { y: march(overUnitTime(flat), start, method, steps), evaluations: constant(steps * slopesAStep[method]) };
}

interface Settings {
  readonly forward: AdaptiveSettings;
  readonly backward: AdaptiveSettings;
}

function solveAdaptively(flat: Flat, start: Tensor, settings: Settings, parameters: readonly Tensor[]): { y: Tensor; evaluations: Tensor } {
  const slope = requireListed(flat.slope, parameters);
  const forward = integrate(overUnitTime({ ...flat, slope }), stopGradient(start), settings.forward);
  demandArrival(forward.arrived, "forward", settings.forward);
  const end = where(forward.arrived, forward.y, Number.NaN);
  const y = customGradient(end, [start, ...parameters], (dEnd) => adjoint(flat, end, dEnd, settings.backward, parameters));
  return { y, evaluations: forward.evaluations };
}

/**
 * The gradients of the first state and of the parameters from that of the last state. (Chen et al. 2018, Appendix B, Eq. 46-51.)
 * @param dEnd dL / dy(t1), [N]
 */
function adjoint(flat: Flat, end: Tensor, dEnd: Tensor, settings: AdaptiveSettings, parameters: readonly Tensor[]): readonly Tensor[] {
  const count = end.size;
  const size = maximum(dEnd.square().mean().sqrt(), 1e-30);
  const lengths = parameters.map(({ shape }) => sizeOf(shape));
  const total = lengths.reduce((a, b) => a + b, 0);
  // dy/dt = f, da/dt = -aᵀ ∂f/∂y, dg/dt = -aᵀ ∂f/∂θ, from t1 back to t0.
  const slope = (t: Tensor, state: Tensor): Tensor => {
    // The partial derivatives of f are at these values: that time and state came from parameters, too, is not theirs to follow.
    const [y, a] = split(stopGradient(state), total === 0 ? [count, count] : [count, count, total]);
    const dy = flat.slope(stopGradient(t), y);
    return concat([dy, packed(gradients(dy, [y, ...parameters], a)).neg()]);
  };
  const init = concat([end, dEnd.div(size), ...(total === 0 ? [] : [full([total], 0)])]);
  const back = integrate(overUnitTime({ slope, from: flat.to, to: flat.from }), init, settings, 2 * count);
  demandArrival(back.arrived, "backward", settings);
  presentTrace()?.note("backwardEvaluations", back.evaluations);
  const found = where(back.arrived, back.y.slice(0, count, back.y.size), Number.NaN).mul(size);
  return unpacked(found, [end.shape, ...parameters.map(({ shape }) => shape)]);
}

function demandArrival(arrived: Tensor, direction: "forward" | "backward", { maxSteps, rtol, atol }: AdaptiveSettings): void {
  const problem: Problem = {
    what: `The ODE solver did not reach the end of its time on the ${direction === "forward" ? "way forward" : "adjoint's way back"}: the system is too stiff for it.`,
    got: `no end within maxSteps = ${maxSteps}, or steps too short for float32, at rtol ${rtol} and atol ${atol}`,
    expected: "to arrive within the step limit",
    hint: "raise the tolerances (rtol, atol) or the limit (maxSteps); in training lower the learning rate, or add a kinetic penalty, the mean of |f|² along the way, that keeps the flow simple",
  };
  presentTrace()?.demand(arrived, problem);
}

/** The slope, which fails where it reads a parameter that would get no gradient. */
function requireListed(slope: Flat["slope"], parameters: readonly Tensor[]): Flat["slope"] {
  const listed = new Set(parameters);
  return (t, y) => {
    const result = slope(t, y);
    const seen = new Set<Tensor>([result]);
    for (const tensor of seen) {
      if (tensor instanceof Parameter && !listed.has(tensor)) {
        throw new AtelierError({
          what: "odeSolve: the derivative reads a parameter that is not among `parameters`, and that would get no gradient.",
          where: tensor.path ?? `a parameter [${tensor.shape.join(", ")}]`,
          hint: "list it, for example with [...namedParameters(module).values()], or wrap it in stopGradient()",
        });
      }
      if (listed.has(tensor) || tensor.node.op.name === "stopGradient") continue;
      for (const input of tensor.node.inputs) seen.add(input);
    }
    return result;
  };
}

function settingsOf({ rtol = 1e-5, atol = 1e-5, maxSteps = 1000, backward }: AdaptiveOptions): Settings {
  for (const [name, value] of Object.entries({ rtol, atol, ...prefixed(backward) }))
    if (!(value >= 1e-9 && value < 1)) throw badOption(name, value, "at least 1e-9 and below 1");
  if (!Number.isSafeInteger(maxSteps) || maxSteps < 1) throw badOption("maxSteps", maxSteps, "a whole number above 0");
  return { forward: { rtol, atol, maxSteps }, backward: { rtol, atol, ...backward, maxSteps } };
}

function prefixed(backward: AdaptiveOptions["backward"]): Record<string, number> {
  return backward === undefined ? {} : { "backward.rtol": backward.rtol, "backward.atol": backward.atol };
}

function scalarTime(t: number | Tensor): Tensor {
  if (typeof t !== "number") {
    if (t.rank !== 0 || t.dtype !== "float32") throw shapeError("odeSolve", [t], "a time must be a float32 scalar");
    return t;
  }
  if (!Number.isFinite(t)) throw badOption("a time", t, "a finite number");
  return constant(t);
}

function badOption(name: string, got: number, expected: string): AtelierError {
  return new AtelierError({ what: `odeSolve: ${name} is out of range.`, got: String(got), expected });
}

/** Tensors as one vector. */
function packed(tensors: readonly Tensor[]): Tensor {
  const flat = tensors.map((tensor) => tensor.reshape([tensor.size]));
  return flat.length === 1 ? flat[0] : concat(flat);
}

/** The other way. */
function unpacked(flat: Tensor, shapes: readonly (readonly number[])[]): Tensor[] {
  if (shapes.length === 1) return [flat.reshape(shapes[0])];
  return split(flat, shapes.map(sizeOf)).map((part, i) => part.reshape(shapes[i]));
}
