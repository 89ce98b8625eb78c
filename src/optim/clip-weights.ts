import { clip } from "../graph/ops/clip.ts";
import type { Optimizer } from "./optimizer.ts";

/**
 * The same optimizer, with every new parameter limited to [-limit, limit]. (Arjovsky, Chintala and Bottou, "Wasserstein GAN", 2017, Algorithm 1, line 7.)
 * @param limit above 0
 */
export function clippedWeights(optimizer: Optimizer, limit: number): Optimizer {
  return {
    ...optimizer,
    settings: { ...optimizer.settings, clipWeights: limit },
    update(parameter, gradient, slots, coefficients) {
      const result = optimizer.update(parameter, gradient, slots, coefficients);
      return { ...result, parameter: clip(result.parameter, -limit, limit) };
    },
  };
}
