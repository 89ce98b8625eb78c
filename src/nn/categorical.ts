import type { Tensor } from "../graph/tensor.ts";
import type { Rng } from "../graph/trace.ts";

/**
 * A draw from softmax(logits) over one axis, as the place of the largest logit with Gumbel noise: [..., K, ...] -> [..., ...], int64 in [0, K).
 * (The Gumbel-max trick: Gumbel 1954; Maddison, Tarlow and Minka, "A* sampling", 2014, arXiv:1411.0030, section 2.)
 * @param name of the random stream
 * @param axis of the classes
 */
export function sampleCategorical(logits: Tensor, rng: Rng, name: string, axis: number): Tensor {
  // 0 has no logarithm, and would be drawn once in 2^24 numbers.
  const noise = rng.uniform(name, logits.shape).clip(1e-20, 1).log().neg().log().neg();
  return logits.add(noise).argmax(axis);
}
