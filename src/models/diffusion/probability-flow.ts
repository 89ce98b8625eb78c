import { gradients } from "../../autodiff/gradient.ts";
import { full } from "../../graph/ops/movement.ts";
import { scan } from "../../graph/ops/scan.ts";
import { constant } from "../../graph/ops/source.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { sumPerExample } from "../../nn/losses.ts";
import { perExample, type Sde } from "./sde.ts";

// The differential equation without noise whose solutions have, at every t, the same distribution as the stochastic one (Song et al. 2021, section 4.3): it
// gives exact likelihoods, and samples that are a smooth function of their start.

/** A diffusion and the noise that is learned of it: the score is -noise / σ(t). */
export interface ScoreModel {
  readonly sde: Sde;
  /** x [B, ...], t [B] -> the noise in it, [B, ...]. */
  noise(x: Tensor, t: Tensor): Tensor;
}

/** ∇ log p_t(x) as the model has it: x [B, ...], t [B] -> [B, ...]. */
export function scoreOf(model: ScoreModel, x: Tensor, t: Tensor): Tensor {
  return model
    .noise(x, t)
    .div(perExample(model.sde.deviation(t), x))
    .neg();
}

/**
 * The right-hand side of the probability-flow equation, dx/dt = a x - g² score / 2 (Eq. 13), times dt/du.
 * @param x [B, ...] @param u [] or [1], place on the way from `earliest` to 1 (`Sde.warp`), in [0, 1]
 */
export function velocity(model: ScoreModel, x: Tensor, u: Tensor): Tensor {
  const { sde } = model;
  const { t, speed } = sde.warp(u.reshape([1]).expand([x.shape[0]]));
  const push = sde.diffusion(t).div(sde.deviation(t)).mul(0.5);
  const flow = x.mul(perExample(sde.drift(t), x)).add(model.noise(x, t).mul(perExample(push, x)));
  return flow.mul(perExample(speed, x));
}

/** One step of the classical Runge-Kutta method from u to u + h, for values that move together. */
export function rungeKutta(f: (values: readonly Tensor[], u: Tensor) => readonly Tensor[], from: readonly Tensor[], u: Tensor, h: Tensor) {
  const moved = (slopes: readonly Tensor[], by: number) => from.map((value, i) => value.add(slopes[i].mul(h).mul(by)));
  const k1 = f(from, u);
  const k2 = f(moved(k1, 0.5), u.add(h.mul(0.5)));
  const k3 = f(moved(k2, 0.5), u.add(h.mul(0.5)));
  const k4 = f(moved(k3, 1), u.add(h));
  return from.map((value, i) =>
    value.add(
      k1[i]
        .add(k2[i].add(k3[i]).mul(2))
        .add(k4[i])
        .mul(h)
        .mul(1 / 6),
    ),
  );
}

/** Σ ∂y_i / ∂x_i of y = f(x): [B, ...] each -> [B]. (Eq. 40 for a direction [B, ...] of signs.) */
export function divergence(y: Tensor, x: Tensor, direction?: Tensor): Tensor {
  if (direction !== undefined) return sumPerExample(gradients(y, [x], direction)[0].mul(direction));
  const [batch, ...shape] = x.shape;
  const size = shape.reduce((a, b) => a * b, 1);
  const parts = Array.from({ length: size }, (_, i) => {
    const axis = constant(
      Float32Array.from({ length: size }, (_, j) => Number(i === j)),
      "float32",
      [1, ...shape],
    );
    return sumPerExample(gradients(y, [x], axis.expand([batch, ...shape]))[0].mul(axis));
  });
  return parts.reduce((a, b) => a.add(b));
}

/** log N(x; 0, deviation² I): [B, ...] -> [B]. */
export function normalLogDensity(x: Tensor, deviation: number): Tensor {
  const size = x.size / x.shape[0];
  return sumPerExample(x.square())
    .mul(-0.5 / deviation ** 2)
    .sub(size * (Math.log(deviation) + 0.5 * Math.log(2 * Math.PI)));
}

export interface FlowLikelihoodOptions {
  /** Steps of the Runge-Kutta method, each with four evaluations of the network. */
  steps: number;
  /** Where one direction of signs an example is drawn from, which gives the divergence in the mean (Hutchinson); undefined: exactly, by a gradient a dimension. */
  rng?: Rng | undefined;
}

/**
 * Follow examples from data to noise and count how space is stretched on the way: log p(x) = log p_1(x(1)) + ∫ ∇·(dx/dt) dt. (Eq. 39.)
 * @param x [B, ...] @returns log densities in nats, [B], and where the examples end, [B, ...]
 */
export function flowLikelihood(model: ScoreModel, x: Tensor, { steps, rng }: FlowLikelihoodOptions) {
  const direction = rng?.bernoulli("direction", x.shape, 0.5).mul(2).sub(1);
  const h = full([1], 1 / steps);
  const places = constant(
    Float32Array.from({ length: steps }, (_, i) => i / steps),
    "float32",
    [steps, 1],
  );
  const right = ([at]: readonly Tensor[], u: Tensor) => {
    const slope = velocity(model, at, u);
    return [slope, divergence(slope, at, direction)];
  };
  const { carry } = scan((now, [u]) => ({ carry: rungeKutta(right, now, u, h) }), { init: [x, full([x.shape[0]], 0)], xs: [places] });
  const [end, stretched] = carry;
  return { logDensity: normalLogDensity(end, model.sde.prior).add(stretched), end };
}
