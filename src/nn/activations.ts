import { erf, exp, maximum, minimum, relu as reluOp, sigmoid } from "../graph/ops/elementwise.ts";
import type { Tensor } from "../graph/tensor.ts";

export { leakyRelu, relu, sigmoid, softplus, tanh } from "../graph/ops/elementwise.ts";
export { logSoftmax, softmax } from "../graph/ops/softmax.ts";

/** x where x > 0, else alpha (exp(x) - 1). (Clevert, Unterthiner and Hochreiter 2015.) */
export function elu(x: Tensor, alpha = 1): Tensor {
  return reluOp(x).add(exp(minimum(x, 0)).sub(1).mul(alpha));
}

/** x Φ(x) with the exact normal distribution function. (Hendrycks and Gimpel 2016.) */
export function gelu(x: Tensor): Tensor {
  return x.mul(erf(x.mul(Math.SQRT1_2)).add(1).mul(0.5));
}

/** x sigmoid(x), also called swish. */
export function silu(x: Tensor): Tensor {
  return x.mul(sigmoid(x));
}

/** 0 below -3, 1 above 3, linear between: torch.nn.functional.hardsigmoid. */
export function hardSigmoid(x: Tensor): Tensor {
  return minimum(maximum(x.mul(1 / 6).add(0.5), 0), 1);
}
