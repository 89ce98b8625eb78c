import { gradients } from "../autodiff/gradient.ts";
import type { Parameter } from "../graph/leaf.ts";
import { Tensor } from "../graph/tensor.ts";
import type { Terms } from "../nn/losses.ts";

/** The outputs `term:NAME` of an objective's result and its total as `term:loss`, and the loss's gradient for each parameter. */
export function lossAndGradients(
  result: Terms | Tensor,
  parameters: readonly Parameter[],
  loss = "loss",
): { terms: Record<string, Tensor>; derived: Tensor[] } {
  const { total, terms } = result instanceof Tensor ? { total: result.sum(), terms: {} } : result;
  const named = Object.entries(terms).map(([name, value]) => [`term:${name}`, value]);
  return { terms: { [`term:${loss}`]: total, ...Object.fromEntries(named) }, derived: gradients(total, parameters) };
}
