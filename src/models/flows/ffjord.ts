/**
 * FFJORD: free-form continuous dynamics for scalable reversible generative models.
 * Papers: Grathwohl, Chen, Bettencourt, Sutskever and Duvenaud 2019, arXiv:1810.01367; Chen, Rubanova, Bettencourt and Duvenaud, "Neural ordinary
 * differential equations", 2018, arXiv:1806.07366.
 *
 * A flow of water instead of a chain of maps: a network says how fast a point moves at each place and time, and points drawn from a normal distribution
 * drift until they lie as the data do. What is not torn can be undone, so the network may be any; how much the water is compressed around a point, the
 * integral of the trace of the network's Jacobian, is its log-density's change.
 *
 *   paper        here                  shape        range or unit
 *   z(t)         points, z             [B, D]       the plane; z(0) normal noise, z(T) data
 *   f(z, t; θ)   Field                 [B, D]       speed
 *   Tr(∂f/∂z)    divergence            [B]          1 / time
 *   ε            noise                 [B, D]       ±1 or N(0, I), the same all along a solve
 *   log p(z)     logDensity()          [B]          nats
 *   t0, t1       0, time               numbers      no unit
 *
 * Departs from the paper: the end of time is fixed (its code can train it); the adjoint's error is not measured on the parameters' gradients (nn/ode). `paper`
 * is what its code does for points in the plane: dynamics of 64-64-64 softplus units whose layers are scaled and shifted by the time (`concatsquash`), one
 * flow, 10,000 steps of 200 points. The kinetic penalty is Finlay et al. 2020, arXiv:2002.02798, Eq. 7.
 * Before: realnvp.ts, whose maps are in steps.
 */
import { z } from "zod";
import { gradients } from "../../autodiff/gradient.ts";
import type { RandomStream } from "../../core/random.ts";
import type { Parameter } from "../../graph/leaf.ts";
import { full } from "../../graph/ops/movement.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { Linear } from "../../nn/linear.ts";
import { type Terms, terms } from "../../nn/losses.ts";
import { Module, namedParameters } from "../../nn/module.ts";
import { type OdeOptions, odeSolve } from "../../nn/ode/index.ts";
import { type Batch, defineModel, type SampleContext, type Samples } from "../model.ts";

const tolerance = z.number().min(1e-7).max(0.1);
const config = z.strictObject({
  dimensions: z.int().min(1).max(64).describe("numbers of a point"),
  hidden: z.array(z.int().min(1).max(4096)).min(1).max(16).describe("units of each hidden layer of the field"),
  activation: z.enum(["softplus", "tanh"]).describe("between the field's layers; both are smooth, as a solver needs it"),
  time: z.number().positive().max(100).describe("when the points arrive at the data; at 0 they are noise"),
  trace: z.enum(["exact", "hutchinson"]).describe("the divergence in training: all its terms, or an estimate from one random direction"),
  noise: z.enum(["rademacher", "gaussian"]).describe("what that direction is drawn from"),
  method: z
    .enum(["dopri5", "rk4", "midpoint", "euler"])
    .describe("the solver: steps to a tolerance with gradients by the adjoint, or equal steps with gradients through them"),
  equalSteps: z.int().min(1).max(10_000).describe("equal steps of the other methods (dopri5: not used)"),
  rtol: tolerance.describe("tolerated error of a solver's step relative to each number"),
  atol: tolerance.describe("tolerated error of a solver's step of numbers near 0"),
  maxSteps: z.int().min(1).max(1_000_000).describe("solver's steps at most, in each direction"),
  kinetic: z.number().min(0).max(100).describe("weight of the kinetic energy, the integral of |f|² in time; 0 for the paper"),
});
export type FfjordConfig = z.infer<typeof config>;

/** A dense layer that the time scales and shifts: (W x + b) σ(w t + c) + v t. (The authors' `concatsquash`.) */
class TimedLinear extends Module {
  readonly linear: Linear;
  readonly gate: Linear;
  readonly shift: Linear;

  constructor({ in: size, out, rng }: { in: number; out: number; rng: RandomStream }) {
    super();
    this.linear = new Linear({ in: size, out, rng });
    this.gate = new Linear({ in: 1, out, rng });
    this.shift = new Linear({ in: 1, out, bias: false, rng });
  }

  /** t [1, 1], x [B, in] -> [B, out] */
  call(t: Tensor, x: Tensor): Tensor {
    return this.linear.call(x).mul(this.gate.call(t).sigmoid()).add(this.shift.call(t));
  }
}

/** f(z, t; θ): how fast a point moves. */
class Field extends Module {
  readonly layers: readonly TimedLinear[];
  readonly #activation: FfjordConfig["activation"];

  constructor({ dimensions, hidden, activation }: FfjordConfig, rng: RandomStream) {
    super();
    const sizes = [dimensions, ...hidden, dimensions];
    this.layers = sizes.slice(1).map((out, i) => new TimedLinear({ in: sizes[i], out, rng }));
    this.#activation = activation;
  }

  /** t scalar, points [B, D] -> [B, D] */
  call(t: Tensor, points: Tensor): Tensor {
    const at = t.reshape([1, 1]);
    const between = (x: Tensor) => (this.#activation === "tanh" ? x.tanh() : x.softplus());
    return this.layers.reduce((x, layer, i) => layer.call(at, i === 0 ? x : between(x)), points);
  }
}

export class Ffjord extends Module {
  readonly field: Field;
  readonly config: FfjordConfig;

  constructor(settings: FfjordConfig, rng: RandomStream) {
    super();
    this.field = new Field(settings, rng);
    this.config = settings;
  }

  get weights(): Parameter[] {
    return [...namedParameters(this.field).values()];
  }
}

/** Tr(∂f/∂z) in a number of backward passes, one for each dimension. speed [B, D], a function of points [B, D] -> [B] */
export function exactDivergence(speed: Tensor, points: Tensor): Tensor {
  const [, size] = points.dims("B D");
  const parts = Array.from({ length: size }, (_, i) => {
    const [row] = gradients(speed.slice(1, i, i + 1), [points]);
    return row.slice(1, i, i + 1).flatten(0);
  });
  return parts.reduce((a, b) => a.add(b));
}

/** εᵀ (∂f/∂z) ε, whose mean over ε is the trace. (Grathwohl et al. 2019, Eq. 6; Hutchinson 1989.) -> [B] */
export function hutchinsonDivergence(speed: Tensor, points: Tensor, noise: Tensor): Tensor {
  const [product] = gradients(speed, [points], noise);
  return product.mul(noise).sum(1);
}

/** What a solve of a flow has found: the points at its end [B, D], ∫ Tr(∂f/∂z) dt from 0 to T [B] and ∫ |f|² dt [B]. */
interface Flowed {
  readonly points: Tensor;
  readonly logDet: Tensor;
  readonly energy: Tensor;
  readonly evaluations: Tensor;
}

function solverOf({ method, equalSteps, rtol, atol, maxSteps }: FfjordConfig): OdeOptions {
  return method === "dopri5" ? { rtol, atol, maxSteps } : { method, steps: equalSteps };
}

/**
 * Points along the flow from one time to another, with what they are compressed by on the way. (Grathwohl et al. 2019, Eq. 4.)
 * @param noise [B, D] for Hutchinson's estimate; without it the trace is exact
 */
function flow(model: Ffjord, points: Tensor, [from, to]: readonly [number, number], noise?: Tensor): Flowed {
  const nothing = full([points.shape[0]], 0);
  const { state, evaluations } = odeSolve(
    (t, [at]) => {
      const speed = model.field.call(t, at);
      const divergence = noise === undefined ? exactDivergence(speed, at) : hutchinsonDivergence(speed, at, noise);
      return [speed, divergence, speed.square().sum(1)].slice(0, model.config.kinetic > 0 ? 3 : 2);
    },
    [points, nothing, nothing].slice(0, model.config.kinetic > 0 ? 3 : 2),
    [from, to],
    solverOf(model.config),
    model.weights,
  );
  const [end, trace, energy = nothing] = state;
  const forwards = (integral: Tensor) => (to > from ? integral : integral.neg());
  return { points: end, logDet: forwards(trace), energy: forwards(energy), evaluations };
}

/** log N(z; 0, I): [B, D] -> [B], nats. */
function normalLogDensity(noise: Tensor): Tensor {
  return noise
    .square()
    .add(Math.log(2 * Math.PI))
    .sum(1)
    .mul(-0.5);
}

/** log p(x) = log p(z(0)) - ∫ Tr(∂f/∂z) dt: points [B, D] -> [B], nats. */
function logDensityOf(model: Ffjord, points: Tensor, noise?: Tensor): Flowed & { readonly logDensity: Tensor } {
  const flowed = flow(model, points, [model.config.time, 0], noise);
  return { ...flowed, logDensity: normalLogDensity(flowed.points).sub(flowed.logDet) };
}

/** Points [B, D] at the end of time from noise [B, D] at 0, and log p of each [B]. */
export function forward(model: Ffjord, noise: Tensor): { points: Tensor; logDensity: Tensor } {
  const { points, logDet } = flow(model, noise, [0, model.config.time]);
  return { points, logDensity: normalLogDensity(noise).sub(logDet) };
}

/** Noise [B, D] at time 0 from points [B, D], and log p of each point [B]. */
export function inverse(model: Ffjord, points: Tensor): { noise: Tensor; logDensity: Tensor } {
  const { points: noise, logDensity } = logDensityOf(model, points);
  return { noise, logDensity };
}

/** ε of Hutchinson's estimate, drawn once a solve. */
function direction({ config: { noise, trace } }: Ffjord, points: Tensor, rng: Rng): Tensor | undefined {
  if (trace === "exact") return undefined;
  if (noise === "gaussian") return rng.normal("trace", points.shape);
  return rng.bernoulli("trace", points.shape, 0.5).mul(2).sub(1);
}

export function objective(model: Ffjord, { points }: Batch, rng: Rng): Terms {
  const { logDensity, energy } = logDensityOf(model, points, direction(model, points, rng));
  const { kinetic } = model.config;
  return kinetic === 0 ? terms({ nats: logDensity.neg() }) : terms({ nats: logDensity.neg(), energy }, { energy: kinetic });
}

/** Held-out nats a point with the exact trace, and what they took: [B] each. */
export function metrics(model: Ffjord, { points }: Batch): Record<string, Tensor> {
  const { logDensity, evaluations } = logDensityOf(model, points);
  return { nats: logDensity.neg(), evaluations: full([points.shape[0]], 1).mul(evaluations) };
}

/** Times at which points on their way are shown, the last at the data. */
const SHOWN = 24;

/** Noise that drifts to the data; yields where it is on the way. */
export async function* sample(model: Ffjord, { count, compile }: SampleContext): AsyncGenerator<Samples> {
  const { dimensions, time } = model.config;
  const shape = [count, dimensions] as const;
  const first = await compile((_inputs, rng) => ({ noise: rng.normal("prior", shape) }));
  const drift = await compile<"points" | "from" | "to", "points">(
    ({ points, from, to }) => {
      const { state } = odeSolve((t, [at]) => [model.field.call(t, at)], [points], [from, to], solverOf(model.config), model.weights);
      return { points: state[0] };
    },
    { inputs: { points: { shape }, from: { shape: [], role: "setting" }, to: { shape: [], role: "setting" } } },
  );
  let points = ((await first.run()).noise as Float32Array).slice();
  yield { data: points, shape };
  for (let i = 0; i < SHOWN; i++) {
    const at = (step: number) => [(time * step) / SHOWN];
    points = ((await drift.run({ points, from: at(i), to: at(i + 1) })).points as Float32Array).slice();
    yield { data: points, shape };
  }
  await Promise.all([first.dispose(), drift.dispose()]);
}

const plane: FfjordConfig = {
  dimensions: 2,
  hidden: [64, 64, 64],
  activation: "tanh",
  time: 1,
  trace: "hutchinson",
  noise: "rademacher",
  method: "dopri5",
  equalSteps: 16,
  rtol: 1e-5,
  atol: 1e-5,
  maxSteps: 1000,
  kinetic: 0,
};

export const ffjord = defineModel<FfjordConfig, Ffjord>({
  name: "ffjord",
  title: "FFJORD, a continuous normalising flow",
  family: "flows",
  year: 2019,
  paper: "1810.01367",
  summary:
    "A network says how fast each point moves, and a solver follows the stream from noise to data, in steps as long as its tolerance allows. The density of any point comes from how the stream spreads around it.",
  config,
  presets: {
    smoke: {
      config: { ...plane, hidden: [8], trace: "exact", rtol: 1e-4, atol: 1e-4 },
      training: { epochs: 1, batch: 32 },
      about: "seconds; for tests",
    },
    small: {
      config: plane,
      training: { epochs: 60, batch: 256, learningRate: 5e-3, schedule: "cosine" },
      about: "4,700 steps on points in the plane; about six minutes on one thread",
    },
    exact: {
      config: { ...plane, trace: "exact" },
      training: { epochs: 60, batch: 256, learningRate: 5e-3, schedule: "cosine" },
      about: "`small` with the exact trace in training, which in the plane costs one backward pass more and calms the gradient",
    },
    regularised: {
      config: { ...plane, kinetic: 0.05 },
      training: { epochs: 60, batch: 256, learningRate: 5e-3, schedule: "cosine" },
      about: "`small` with a price on speed, so that the streams are nearly straight and the solver takes fewer steps",
    },
    paper: {
      config: { ...plane, activation: "softplus" },
      training: { epochs: 100, batch: 200 },
      about: "as the authors' code on points in the plane: softplus, 10,000 steps of 200; about half an hour",
    },
  },
  data: { sets: ["moons", "circles", "ring", "checkerboard", "spirals"], labels: false, shape: ({ dimensions }) => [dimensions] },
  build: (settings, rng) => new Ffjord(settings, rng),
  objective,
  metrics,
  metricInfo: {
    nats: { unit: "nats per point", better: "lower", about: "-log p of held-out points, exact trace, to the solver's tolerance" },
    evaluations: { unit: "evaluations", better: "lower", about: "evaluations of the field that a batch's solve took" },
  },
  prior: "normal",
  encode: (model, points) => inverse(model, points).noise,
  decode: (model, codes) => forward(model, codes).points,
  logDensity: (model, points) => inverse(model, points).logDensity,
  sample,
});
