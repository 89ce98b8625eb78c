import { softmaxCrossEntropy } from "../graph/ops/cross-entropy.ts";
import { exp } from "../graph/ops/elementwise.ts";
import { sameShape, shapeError } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";

// One reduction for every loss of the library: the sum over an example's dimensions. Functions return one value an example, [B]; an objective
// takes the mean over the batch. Logarithms are natural, so likelihoods are in nats.

/** Sum every axis but the first: [B, ...] -> [B]. */
export function sumPerExample(x: Tensor): Tensor {
  return x.rank === 1 ? x : x.reshape([x.shape[0], -1]).sum(1);
}

function requireSame(name: string, a: Tensor, b: Tensor): void {
  if (!sameShape(a.shape, b.shape)) throw shapeError(name, [a, b], "prediction and target must have the same shape");
}

/** Squared error, Σ (prediction - target)². [B, ...] -> [B]. */
export function squaredError(prediction: Tensor, target: Tensor): Tensor {
  requireSame("squaredError", prediction, target);
  return sumPerExample(prediction.sub(target).square());
}

/** Mean squared error over all elements of an example: [B, ...] -> [B]. */
export function meanSquaredError(prediction: Tensor, target: Tensor): Tensor {
  requireSame("meanSquaredError", prediction, target);
  return squaredError(prediction, target).mul(prediction.shape[0] / prediction.size);
}

/**
 * Binary cross entropy from logits, the negative log-likelihood of a Bernoulli in nats: Σ softplus(logit) - target · logit.
 * Targets in [0, 1]. Stable for any logit. [B, ...] -> [B].
 */
export function binaryCrossEntropy(logits: Tensor, target: Tensor): Tensor {
  requireSame("binaryCrossEntropy", logits, target);
  return sumPerExample(logits.softplus().sub(target.mul(logits)));
}

/**
 * Categorical cross entropy from logits, in nats: -log softmax(logits)[label].
 * logits [B, ..., K], labels [B, ...] of int32 or int64 in [0, K) -> [B].
 */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  if (!sameShape(logits.shape.slice(0, -1), labels.shape)) {
    const hint = sameShape(logits.shape, labels.shape) ? "labels are class indices: take the argmax(-1) of one-hot rows" : undefined;
    throw shapeError("crossEntropy", [logits, labels], "labels must have the logits' shape without the last axis", hint);
  }
  if (labels.dtype !== "int32" && labels.dtype !== "int64")
    throw shapeError("crossEntropy", [logits, labels], "labels must be int32 or int64", 'convert them first: labels.cast("int32")');
  const rows = softmaxCrossEntropy(logits.reshape([-1, logits.shape[logits.rank - 1]]), labels.flatten(0));
  return sumPerExample(rows.reshape(labels.shape));
}

/** KL(N(mean, exp(logVar)) || N(0, I)) in nats: ½ Σ exp(logVar) + mean² - 1 - logVar. (Kingma and Welling 2013, Appendix B.) [B, Z] each -> [B]. */
export function gaussianKl(mean: Tensor, logVar: Tensor): Tensor {
  requireSame("gaussianKl", mean, logVar);
  return sumPerExample(exp(logVar).add(mean.square()).sub(1).sub(logVar)).mul(0.5);
}

/** Named scalar terms of an objective, and their weighted sum that is minimised. */
export interface Terms {
  readonly total: Tensor;
  /** Unweighted, scalar, as they are logged. */
  readonly terms: Readonly<Record<string, Tensor>>;
}

/**
 * Take the mean of per-example terms over the batch and add them up.
 * @param perExample [B] each
 * @param weights by name; 1 where left out
 */
export function terms(perExample: Readonly<Record<string, Tensor>>, weights: Readonly<Record<string, number | Tensor>> = {}): Terms {
  const means = Object.fromEntries(Object.entries(perExample).map(([name, value]) => [name, value.mean()]));
  const total = Object.entries(means)
    .map(([name, value]) => value.mul(weights[name] ?? 1))
    .reduce((a, b) => a.add(b));
  return { total, terms: means };
}
