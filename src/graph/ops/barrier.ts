import { I } from "../onnx.ts";
import { type Attrs, defineOp } from "../op.ts";
import { apply, type Tensor } from "../tensor.ts";

// The op that recomputation is made of.

interface BarrierAttrs extends Attrs {
  /** How many of the inputs are values; the others are only waited for. */
  readonly count: number;
}

/**
 * The first `count` inputs as they are, but not before the others exist. What is computed from these outputs is never merged with the same computation on
 * the inputs. The gradient passes through; what is waited for gets none.
 */
const barrierOp = defineOp<BarrierAttrs>({
  name: "barrier",
  shape: (inputs, { count }) => inputs.slice(0, count),
  gradient: ({ inputs, dOutputs }) => inputs.map((_, i) => dOutputs[i] ?? null),
  // A Reshape shares its input's memory. Its shape is the one the value has, joined to no entries of the shapes of what is waited for.
  lower: ({ onnx, inputs, attrs: { count }, node }) => {
    const nothing = inputs.slice(count).map((after) => onnx.node("Shape", [after], { start: I(0), end: I(0) }));
    return inputs.slice(0, count).map((x, i) => {
      const { shape } = node.inputs[i];
      const late = onnx.node("Concat", [...nothing, onnx.ints(shape)], { axis: I(0) });
      return onnx.node("Reshape", [x, late], shape.includes(0) ? { allowzero: I(1) } : {});
    });
  },
  evaluate: (inputs, { count }) => inputs.slice(0, count),
  examples: [
    { inputs: [{ shape: [2, 3] }, { shape: [] }, { shape: [4] }], attrs: { count: 2 } },
    { inputs: [{ shape: [2, 3] }, { shape: [2] }, { shape: [2, 2] }], attrs: { count: 1 } },
  ],
});

/** `values` unchanged, as tensors that depend on all of `after`. Shapes are any. */
export function barrier(values: readonly Tensor[], after: readonly Tensor[]): readonly Tensor[] {
  return apply(barrierOp, [...values, ...after], { count: values.length });
}

export const barrierOps = { barrier: barrierOp };
