import { ndMap } from "../nd.ts";
import { F } from "../onnx.ts";
import { type Attrs, defineOp } from "../op.ts";
import { shapeError } from "../shape.ts";
import { applyOne, type Tensor } from "../tensor.ts";
import { elementwiseOps, exp, mul } from "./elementwise.ts";

/**
 * Φ(x) = ½ (1 + erf(x / √2)). d Φ = dy · exp(-x² / 2) / √(2π). The half and the shift of the error function are one hard sigmoid, which is
 * nowhere at its bounds but where Φ is.
 */
const normalCdfOp = defineOp<Attrs>({
  name: "normalCdf",
  shape: ([x]) => {
    if (x.dtype !== "float32") throw shapeError("normalCdf", [x], "a float32 tensor was expected", 'convert it first: x.cast("float32")');
    return [x];
  },
  gradient: ({ inputs: [x], dOutputs: [dy] }) => [mul(dy!, normalDensity(x))],
  lower: ({ onnx, inputs: [x] }) => {
    const error = onnx.node("Erf", [onnx.node("Mul", [x, onnx.scalar(Math.SQRT1_2)])]);
    return [onnx.node("HardSigmoid", [error], { alpha: F(0.5), beta: F(0.5) })];
  },
  evaluate: ([x]) => {
    const scaled = ndMap([x], x.shape, x.dtype, (v) => v * Math.SQRT1_2);
    const [error] = elementwiseOps.erf.evaluate([scaled], {}, [x]);
    return [ndMap([error], x.shape, x.dtype, (v) => 0.5 * (1 + v))];
  },
  examples: [
    { inputs: [{ shape: [3, 4], range: [-3, 3] }], attrs: {} },
    { inputs: [{ shape: [] }], attrs: {} },
  ],
});

/** The distribution function of N(0, 1). Any shape. */
export const normalCdf = (x: Tensor): Tensor => applyOne(normalCdfOp, [x], {});

/** The density of N(0, 1), exp(-x² / 2) / √(2π). Any shape. */
export const normalDensity = (x: Tensor): Tensor => mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));

export const normalCdfOps = { normalCdf: normalCdfOp };
