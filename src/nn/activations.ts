import { erf, exp, relu as reluOp, sigmoid } from "../graph/ops/elementwise.ts";
import type { Tensor } from "../graph/tensor.ts";

export { leakyRelu, relu, sigmoid, softplus, tanh } from "../graph/ops/elementwise.ts";
export { logSoftmax, softmax } from "../graph/ops/softmax.ts";

/** x where x > 0, else alpha (exp(x) - 1); the gradient at 0 is alpha, as in PyTorch. (Clevert, Unterthiner and Hochreiter 2015.) Any shape. */
export function elu(x: Tensor, alpha = 1): Tensor {
  const positive = reluOp(x);
  // x - positive is min(x, 0) with the gradient 1 at 0, and its derivative shares the mask of the first term.
  return positive.add(exp(x.sub(positive)).sub(1).mul(alpha));
}

/** x Φ(x) with the exact normal distribution function. (Hendrycks and Gimpel 2016.) */
export function gelu(x: Tensor): Tensor {
  return x.mul(erf(x.mul(Math.SQRT1_2)).add(1).mul(0.5));
}

/** x sigmoid(x), also called swish. */
export function silu(x: Tensor): Tensor {
  return x.mul(sigmoid(x));
}

/** 0 below -3, 1 above 3, linear between: torch.nn.functional.hardsigmoid, whose gradient on both bounds is 0. Any shape. */
export function hardSigmoid(x: Tensor): Tensor {
  const floored = reluOp(x.mul(1 / 6).add(0.5));
  return reluOp(floored.neg().add(1)).neg().add(1);
}
