import { type Optimizer, type Update, withDecay } from "./optimizer.ts";

export interface SgdOptions {
  /** Default 0: plain gradient descent. */
  momentum?: number;
  nesterov?: boolean;
}

/**
 * Stochastic gradient descent: g' = g + decay p; v = μ v + g'; p = p - lr v (with Nesterov: p - lr (g' + μ v)).
 * The same update as torch.optim.SGD (dampening 0); its first step sets v = g, which a zero start also gives.
 */
export function sgd({ momentum = 0, nesterov = false }: SgdOptions = {}): Optimizer {
  return {
    name: "sgd",
    slots: momentum === 0 ? [] : ["momentum"],
    settings: { momentum, nesterov },
    coefficients: (_step, learningRate, weightDecay) => ({ learningRate, ...(weightDecay === undefined ? {} : { weightDecay }) }),
    update: (p, gradient, { momentum: velocity }, { learningRate, weightDecay }): Update => {
      const g = withDecay(gradient, p, weightDecay);
      if (velocity === undefined) return { parameter: p.sub(g.mul(learningRate)), slots: {} };
      const v = velocity.mul(momentum).add(g);
      const direction = nesterov ? g.add(v.mul(momentum)) : v;
      return { parameter: p.sub(direction.mul(learningRate)), slots: { momentum: v } };
    },
  };
}
