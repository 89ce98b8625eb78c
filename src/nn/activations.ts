import { customGradient } from "../graph/ops/control.ts";
import { exp, relu as reluOp, sigmoid, softplus } from "../graph/ops/elementwise.ts";
import { normalCdf, normalDensity } from "../graph/ops/normal-cdf.ts";
import { chunk } from "../graph/ops/split.ts";
import type { Tensor } from "../graph/tensor.ts";

export { leakyRelu, relu, sigmoid, softplus, tanh } from "../graph/ops/elementwise.ts";
export { logSoftmax, softmax } from "../graph/ops/softmax.ts";

/** x where x > 0, else alpha (exp(x) - 1); the gradient at 0 is alpha, as in PyTorch. (Clevert, Unterthiner and Hochreiter 2015.) Any shape. */
export function elu(x: Tensor, alpha = 1): Tensor {
  const positive = reluOp(x);
  // x - positive is min(x, 0) with the gradient 1 at 0, and its derivative shares the mask of the first term.
  return positive.add(exp(x.sub(positive)).sub(1).mul(alpha));
}

/** Scale and alpha of {@link selu}, which keep mean 0 and variance 1 through layers. */
const seluScale = 1.0507009873554805;
const seluAlpha = 1.6732632423543772;

/** The self-normalising ELU. (Klambauer et al. 2017, Eq. 2.) Any shape. */
export function selu(x: Tensor): Tensor {
  return elu(x, seluAlpha).mul(seluScale);
}

/** x Φ(x) with the exact normal distribution function. (Hendrycks and Gimpel 2016.) dx = dy (Φ(x) + x φ(x)). Any shape. */
export function gelu(x: Tensor): Tensor {
  const share = normalCdf(x);
  return customGradient(x.mul(share), [x], (dy) => [dy.mul(normalDensity(x).mul(x).add(share))]);
}

/** GELU's approximation by tanh, 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))), as x sigmoid of twice that argument: what GPT-2 uses. Any shape. */
export function geluTanh(x: Tensor): Tensor {
  const first = 2 * Math.sqrt(2 / Math.PI);
  const third = 0.044715 * first;
  const square = x.square();
  const share = sigmoid(square.mul(third).add(first).mul(x));
  const y = x.mul(share);
  return customGradient(y, [x], (dy) => {
    const slope = square.mul(3 * third).add(first);
    return [
      dy.mul(
        x
          .mul(slope)
          .mul(share.mul(share.neg().add(1)))
          .add(share),
      ),
    ];
  });
}

/** x sigmoid(x), also called swish. dx = dy (s + y (1 - s)). Any shape. */
export function silu(x: Tensor): Tensor {
  const share = sigmoid(x);
  const y = x.mul(share);
  return customGradient(y, [x], (dy) => [dy.mul(y.mul(share.neg().add(1)).add(share))]);
}

/** x tanh(softplus(x)). (Misra 2020.) Any shape. */
export function mish(x: Tensor): Tensor {
  return x.mul(softplus(x).tanh());
}

/** The first half of the last axis times the sigmoid of the second. (Dauphin et al. 2017.) [..., 2 D] -> [..., D]. @throws ShapeError */
export function glu(x: Tensor): Tensor {
  const [value, gate] = chunk(x, 2, -1);
  return value.mul(sigmoid(gate));
}

/** SiLU of the first half of the last axis times the second (Shazeer 2020, Eq. 5, in Llama's order of gate and value). [..., 2 D] -> [..., D]. @throws ShapeError */
export function swiglu(x: Tensor): Tensor {
  const [gate, value] = chunk(x, 2, -1);
  return silu(gate).mul(value);
}

/** GELU of the first half of the last axis times the second (Shazeer 2020, Eq. 5). [..., 2 D] -> [..., D]. @throws ShapeError */
export function geglu(x: Tensor): Tensor {
  const [gate, value] = chunk(x, 2, -1);
  return gelu(gate).mul(value);
}

/** 0 below -3, 1 above 3, linear between: torch.nn.functional.hardsigmoid, whose gradient on both bounds is 0. Any shape. */
export function hardSigmoid(x: Tensor): Tensor {
  const floored = reluOp(x.mul(1 / 6).add(0.5));
  return reluOp(floored.neg().add(1)).neg().add(1);
}
