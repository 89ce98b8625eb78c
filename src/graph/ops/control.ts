import { type Attrs, defineOp, type OpRecord } from "../op.ts";
import { sameShape, shapeError } from "../shape.ts";
import { applyOne, type GraphNode, type Tensor } from "../tensor.ts";

// Ops that change what a gradient does, and nothing else. They vanish when the graph is lowered.

const passThrough: Pick<OpRecord<Attrs>, "shape" | "lower" | "evaluate"> = {
  shape: ([x]) => [x],
  lower: ({ inputs: [x] }) => [x],
  evaluate: ([x]) => [x],
};

/** The value, with no gradient through it. */
const stopGradientOp = defineOp<Attrs>({
  name: "stopGradient",
  ...passThrough,
  gradient: { because: "that is its purpose" },
  examples: [{ inputs: [{ shape: [2, 3] }], attrs: {} }],
});

/** The value of the first input, with a gradient of the caller's making for the others. */
const customGradientOp = defineOp<Attrs>({
  name: "customGradient",
  ...passThrough,
  gradient: ({ node, dOutputs: [dy] }) => [null, ...rules.get(node)!(dy!)],
  examples: [],
});

/** Functions do not belong among attributes (they have no canonical text), so the rules live beside the graph. */
const rules = new WeakMap<GraphNode, (dy: Tensor) => readonly (Tensor | null)[]>();

/** Give a copy of a node the gradient rule that the node was made with, where it has one. */
export function copyGradientRule(from: GraphNode, to: GraphNode): void {
  const rule = rules.get(from);
  if (rule !== undefined) rules.set(to, rule);
}

/** `x` as a constant to differentiation. */
export function stopGradient(x: Tensor): Tensor {
  return applyOne(stopGradientOp, [x], {});
}

/**
 * The value `y` with your own gradient: `rule(dy)` gives one entry per tensor of `wrt` (null for none). The gradient that `y` itself
 * would have is not used. Straight-through estimators and spectral normalisation are made of this.
 * @throws ShapeError when the rule's result does not have the shape of its tensor
 */
export function customGradient(y: Tensor, wrt: readonly Tensor[], rule: (dy: Tensor) => readonly (Tensor | null)[]): Tensor {
  const out = applyOne(customGradientOp, [y, ...wrt], {});
  rules.set(out.node, (dy) => {
    const results = rule(dy);
    results.forEach((g, i) => {
      if (g !== null && !sameShape(g.shape, wrt[i].shape))
        throw shapeError("customGradient", [g, wrt[i]], `gradient ${i} must have the shape of its tensor`);
    });
    return results;
  });
  return out;
}

export const controlOps = { stopGradient: stopGradientOp, customGradient: customGradientOp };
