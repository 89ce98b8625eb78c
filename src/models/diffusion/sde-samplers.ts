import { z } from "zod";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { sumPerExample } from "../../nn/losses.ts";
import type { SampleContext } from "../model.ts";
import { rungeKutta, type ScoreModel, scoreOf, velocity } from "./probability-flow.ts";
import { perExample } from "./sde.ts";

// From noise to data: the stochastic equation run backwards in steps (predictor), each preceded by some of Langevin's at the same noise (corrector), or the
// probability-flow equation solved backwards.

export const samplerFields = {
  sampler: z
    .enum(["reverse", "ancestral", "euler", "langevin", "ode"])
    .default("reverse")
    .describe(
      "reverse, ancestral, euler: predictors of the stochastic equation; langevin: no predictor, annealed Langevin steps only; ode: the equation without noise",
    ),
  steps: z
    .int()
    .min(1)
    .max(10_000)
    .default(100)
    .describe("steps from noise to data; ode has four evaluations of the network a step, the others one"),
  correctorSteps: z
    .int()
    .min(0)
    .max(100)
    .default(0)
    .describe("Langevin steps at each noise level, an evaluation of the network each; none for ode"),
  snr: z
    .number()
    .positive()
    .max(10)
    .default(0.16)
    .describe("signal-to-noise ratio of a Langevin step, which sets its size; 0.16 in the paper"),
};

export interface SdeSampling {
  sampler: "reverse" | "ancestral" | "euler" | "langevin" | "ode";
  steps: number;
  correctorSteps: number;
  snr: number;
}

interface Moved {
  readonly x: Tensor;
  /** x before noise was added to it. */
  readonly mean: Tensor;
}

interface StepTimes {
  /** [B], where x is. */
  readonly t: Tensor;
  /** [B], where it goes: nearer to the data. */
  readonly next: Tensor;
}

/** The factor m(t) / m(next) and the variance of the transition from `next` to t: [B] each. */
function transition({ sde }: ScoreModel, { t, next }: StepTimes): { ratio: Tensor; variance: Tensor } {
  const ratio = sde.scale(t).div(sde.scale(next));
  return {
    ratio,
    variance: sde
      .deviation(t)
      .square()
      .sub(ratio.mul(sde.deviation(next)).square()),
  };
}

/** One step backwards of the stochastic equation. (Appendix D and E: reverse diffusion Eq. 46, ancestral Eq. 4 and 47, Euler-Maruyama on Eq. 6.) */
function predict(model: ScoreModel, kind: "reverse" | "ancestral" | "euler", x: Tensor, times: StepTimes, rng: Rng): Moved {
  const { sde } = model;
  const { t, next } = times;
  const score = scoreOf(model, x, t);
  const noise = rng.normal("predictor", x.shape);
  const spread = (values: Tensor) => perExample(values, x);
  if (kind === "euler") {
    const h = t.sub(next);
    const push = sde.diffusion(t).mul(h);
    const mean = x.sub(x.mul(spread(sde.drift(t).mul(h)))).add(score.mul(spread(push)));
    return { mean, x: mean.add(noise.mul(spread(push.sqrt()))) };
  }
  const { ratio, variance } = transition(model, times);
  const pushed = score.mul(spread(variance));
  if (kind === "reverse") {
    const mean = x.mul(spread(ratio.neg().add(2))).add(pushed);
    return { mean, x: mean.add(noise.mul(spread(variance.sqrt()))) };
  }
  const mean = x.add(pushed).div(spread(ratio));
  const left = variance.sqrt().mul(sde.deviation(next)).div(sde.deviation(t));
  return { mean, x: mean.add(noise.mul(spread(left))) };
}

/** ‖x‖ of each example, its mean over the batch: a scalar. */
const meanNorm = (x: Tensor) => sumPerExample(x.square()).sqrt().mean();

/** A Langevin step at one noise level (Algorithms 4 and 5): ε = 2 α (snr ‖z‖ / ‖score‖)². */
function correct(model: ScoreModel, x: Tensor, t: Tensor, alpha: Tensor, snr: number, rng: Rng): Moved {
  const score = scoreOf(model, x, t);
  const noise = rng.normal("corrector", x.shape);
  const ratio = meanNorm(noise).div(meanNorm(score)).mul(snr);
  const size = perExample(alpha.mul(2).mul(ratio.square()), x);
  const mean = x.add(score.mul(size));
  return { mean, x: mean.add(noise.mul(size.mul(2).sqrt())) };
}

/**
 * Corrector steps at t, then the predictor's to `next`. (Algorithm 1, with the corrector first as in the authors' code, so that each step ends with a mean.)
 * x [B, ...], t and next [B].
 */
export function predictorCorrectorStep(model: ScoreModel, sampling: SdeSampling, x: Tensor, times: StepTimes, rng: Rng): Moved {
  const { sampler, correctorSteps, snr } = sampling;
  const alpha = transition(model, times).ratio.square();
  let at: Moved = { x, mean: x };
  const langevin = sampler === "langevin" ? Math.max(1, correctorSteps) : sampler === "ode" ? 0 : correctorSteps;
  for (let i = 0; i < langevin; i++) at = correct(model, at.x, times.t, alpha, snr, rng);
  return sampler === "langevin" || sampler === "ode" ? at : predict(model, sampler, at.x, times, rng);
}

/** One Runge-Kutta step of the probability-flow equation, from u to next [1]. */
export function flowStep(model: ScoreModel, x: Tensor, u: Tensor, next: Tensor): Tensor {
  return rungeKutta(([at], place) => [velocity(model, at, place)], [x], u, next.sub(u))[0];
}

/**
 * Fresh examples: [count, ...shape] after each step, scaled to the size of the data while noise is large; the last ones are the result.
 * @param shape of one example
 */
export async function* sampleSde(
  model: ScoreModel,
  sampling: SdeSampling,
  shape: readonly number[],
  { count, compile }: Pick<SampleContext, "count" | "compile">,
): AsyncGenerator<Float32Array> {
  const { sde } = model;
  const { steps, sampler } = sampling;
  const whole = [count, ...shape];
  const start = await compile((_inputs, rng) => ({ x: rng.normal("start", whole).mul(sde.prior) }));
  const { x: drawn } = await start.run();
  const program = await compile(
    ({ x, u, next }: Record<"x" | "u" | "next", Tensor>, rng) => {
      const at = (place: Tensor) => sde.warp(place).t.expand([count]);
      const { deviation, scale } = { deviation: sde.deviation(at(next)), scale: sde.scale(at(next)) };
      const size = perExample(deviation.square().add(scale.square()).sqrt(), x);
      const moved = sampler === "ode" ? flowStep(model, x, u, next) : undefined;
      const { x: after, mean } =
        moved === undefined ? predictorCorrectorStep(model, sampling, x, { t: at(u), next: at(next) }, rng) : { x: moved, mean: moved };
      return { after, mean, shown: after.div(size) };
    },
    { inputs: { x: { shape: whole }, u: { shape: [1] }, next: { shape: [1] } }, frozen: true },
  );
  try {
    (program.inputs.x as Float32Array).set(drawn as Float32Array);
    for (let i = 0; i < steps; i++) {
      const last = i === steps - 1;
      const { after, mean, shown } = await program.run({ u: [1 - i / steps], next: [1 - (i + 1) / steps] });
      // The noise of the last step is left out (appendix G).
      yield ((last ? mean : shown) as Float32Array).slice();
      if (!last) (program.inputs.x as Float32Array).set(after as Float32Array);
    }
  } finally {
    await start.dispose();
    await program.dispose();
  }
}
