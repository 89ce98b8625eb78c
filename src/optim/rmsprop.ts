import { type Optimizer, type Update, withDecay } from "./optimizer.ts";

export interface RmspropOptions {
  /** Decay of the mean square. Default 0.99. */
  alpha?: number;
  /** Added to the root. Default 1e-8. */
  epsilon?: number;
  momentum?: number;
}

/**
 * RMSProp (Tieleman and Hinton 2012): s = α s + (1 - α) g²; p = p - lr g / (√s + ε), with optional momentum on the step.
 * The same update as torch.optim.RMSprop (not centred).
 */
export function rmsprop({ alpha = 0.99, epsilon = 1e-8, momentum = 0 }: RmspropOptions = {}): Optimizer {
  return {
    name: "rmsprop",
    slots: momentum === 0 ? ["square"] : ["square", "momentum"],
    settings: { alpha, epsilon, momentum },
    coefficients: (_step, learningRate, weightDecay) => ({ learningRate, ...(weightDecay === undefined ? {} : { weightDecay }) }),
    update: (p, gradient, slots, { learningRate, weightDecay }): Update => {
      const g = withDecay(gradient, p, weightDecay);
      const square = slots.square.mul(alpha).add(g.mul(g).mul(1 - alpha));
      const scaled = g.div(square.sqrt().add(epsilon));
      if (slots.momentum === undefined) return { parameter: p.sub(scaled.mul(learningRate)), slots: { square } };
      const velocity = slots.momentum.mul(momentum).add(scaled);
      return { parameter: p.sub(velocity.mul(learningRate)), slots: { square, momentum: velocity } };
    },
  };
}
