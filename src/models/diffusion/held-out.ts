/** Held-out figures of the diffusion models. */

import { constant } from "../../graph/ops/source.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { meanSquaredError } from "../../nn/losses.ts";
import type { Likelihood } from "../leaderboard.ts";
import { boundNats, hasBound } from "./bound.ts";
import { type Diffusion, errorOf, knownConditions, limited, look, pictureOf } from "./diffusion.ts";

/**
 * Held-out errors, [B] each: picture i of a batch is seen at step ⌊(i + ½) T / B⌋, so that a batch covers all times evenly and each picture always has the
 * same one.
 */
export function diffusionMetrics(
  model: Diffusion,
  picture: Tensor,
  conditions: Tensor | undefined,
  rng: Rng,
  beside?: Tensor,
): Record<string, Tensor> {
  const { timesteps, parameterization, loss } = model.config;
  const [B] = picture.shape;
  const index = constant(
    Int32Array.from({ length: B }, (_, i) => Math.floor(((i + 0.5) * timesteps) / B)),
    "int32",
    [B],
  );
  const known = knownConditions(model, conditions);
  const { x, prediction, wanted, rates } = look(model, picture, index, { known, picture: beside }, rng);
  const guess = limited(model, pictureOf(parameterization, prediction, x, rates));
  const errors = { error: errorOf(loss, prediction, wanted), pictureError: meanSquaredError(guess, picture) };
  if (!hasBound(model)) return errors;
  const bound = boundNats(model, picture, { known }, rng);
  return { ...errors, bound, bitsPerDim: bound.mul(B / (picture.size * Math.LN2)) };
}

export const errorInfo = {
  error: {
    unit: "squared or absolute error per picture",
    better: "lower",
    about: "error of the prediction, summed over its numbers, at times that cover the schedule evenly",
  },
  pictureError: {
    unit: "squared error per number in [-1, 1]",
    better: "lower",
    about: "how far the expected picture is from the true one, at the same times",
  },
} as const;

export const diffusionMetricInfo = {
  ...errorInfo,
  bound: {
    unit: "nats per picture",
    better: "lower",
    about:
      "upper bound on -log p of pictures in 256 levels, by one drawn step of the chain for each (conditional models: given the conditions)",
  },
  bitsPerDim: { unit: "bits per dimension", better: "lower", about: "the bound divided by the picture's numbers and ln 2" },
} as const;

/** What {@link diffusionMetrics} are a likelihood of. */
export const diffusionLikelihood = (): Likelihood => ({ metrics: ["bound"], kind: "bound", of: "256 levels" });
