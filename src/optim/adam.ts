import type { Tensor } from "../graph/tensor.ts";
import { type Optimizer, type Slots, type Update, withDecay } from "./optimizer.ts";

export interface AdamOptions {
  /** Decay of the mean of gradients. Default 0.9. */
  beta1?: number;
  /** Decay of the mean of squares. Default 0.999. */
  beta2?: number;
  /** Added to the root. Default 1e-8 (PyTorch); Keras uses 1e-7. */
  epsilon?: number;
}

/** lr / (1 - β1ᵗ) and √(1 - β2ᵗ): the bias corrections, folded into two scalars on the host. */
function corrections(step: number, learningRate: number, beta1: number, beta2: number): { stepSize: number; inverseRoot: number } {
  return { stepSize: learningRate / (1 - beta1 ** step), inverseRoot: 1 / Math.sqrt(1 - beta2 ** step) };
}

function adamStep(
  p: Tensor,
  g: Tensor,
  { mean, square }: Slots,
  { stepSize, inverseRoot }: Slots,
  { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions,
): Update {
  const m = mean.mul(beta1).add(g.mul(1 - beta1));
  const v = square.mul(beta2).add(g.mul(g).mul(1 - beta2));
  return { parameter: p.sub(m.mul(stepSize).div(v.sqrt().mul(inverseRoot).add(epsilon))), slots: { mean: m, square: v } };
}

/**
 * Adam (Kingma and Ba 2014, Algorithm 1): m = β1 m + (1-β1) g; v = β2 v + (1-β2) g²; p = p - lr m̂ / (√v̂ + ε).
 * Weight decay, if any, is added to the gradient, as torch.optim.Adam does.
 */
export function adam(options: AdamOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  return {
    name: "adam",
    slots: ["mean", "square"],
    settings: { beta1, beta2, epsilon },
    coefficients: (step, learningRate, weightDecay) => ({
      ...corrections(step, learningRate, beta1, beta2),
      ...(weightDecay === undefined ? {} : { weightDecay }),
    }),
    update: (p, gradient, slots, coefficients) =>
      adamStep(p, withDecay(gradient, p, coefficients.weightDecay), slots, coefficients, options),
  };
}

/**
 * AdamW (Loshchilov and Hutter 2017, Algorithm 2): Adam with the decay applied to the parameters themselves, p = p (1 - lr decay), before
 * the step.
 */
export function adamw(options: AdamOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  return {
    name: "adamw",
    slots: ["mean", "square"],
    settings: { beta1, beta2, epsilon },
    coefficients: (step, learningRate, weightDecay) => ({
      ...corrections(step, learningRate, beta1, beta2),
      ...(weightDecay === undefined ? {} : { keep: 1 - learningRate * weightDecay }),
    }),
    update: (p, gradient, slots, coefficients) =>
      adamStep(coefficients.keep === undefined ? p : p.mul(coefficients.keep), gradient, slots, coefficients, options),
  };
}
