import { ndMap } from "../nd.ts";
import { type Attrs, defineOp } from "../op.ts";
import { shapeError } from "../shape.ts";
import { applyOne, type Tensor } from "../tensor.ts";
import { cast, equal, mul } from "./elementwise.ts";

interface ClipAttrs extends Attrs {
  readonly low: number;
  readonly high: number;
}

/** x limited to [low, high]. The gradient is 1 inside and on the bounds, as in PyTorch, and 0 outside: where the output is the input. */
const clipOp = defineOp<ClipAttrs>({
  name: "clip",
  shape: ([x], { low, high }) => {
    if (x.dtype !== "float32") throw shapeError("clip", [x], "a float32 tensor was expected", 'convert it first: x.cast("float32")');
    if (!(low <= high)) throw shapeError("clip", [x], `the lower bound ${low} must not be above the upper bound ${high}`);
    return [x];
  },
  gradient: ({ inputs: [x], outputs: [y], dOutputs: [dy] }) => [mul(dy!, cast(equal(x, y), "float32"))],
  lower: ({ onnx, inputs: [x], attrs: { low, high } }) => [onnx.node("Clip", [x, onnx.scalar(low), onnx.scalar(high)])],
  evaluate: ([x], { low, high }) => [ndMap([x], x.shape, x.dtype, (v) => Math.min(Math.max(v, low), high))],
  examples: [{ inputs: [{ shape: [3, 4], range: [-2, 2] }], attrs: { low: -0.8, high: 1.2 } }],
});

/** x limited to [low, high], either of which may be infinite. Any shape, float32. @throws ShapeError when low is above high */
export function clip(x: Tensor, low: number, high: number): Tensor {
  return applyOne(clipOp, [x], { low, high });
}

export const clipOps = { clip: clipOp };
