import { ndMap } from "../nd.ts";
import { type Attrs, defineOp, type OpRecord } from "../op.ts";
import { broadcastShapes, shapeError } from "../shape.ts";
import { applyOne, type Tensor, type TensorLike } from "../tensor.ts";
import { cast, div, equal, floor, mul, not, sub } from "./elementwise.ts";
import { constant } from "./source.ts";

// Rounding, remainders and the comparisons that include equality.

const none: Attrs = {};

function step(name: string, onnx: string, evaluate: (x: number) => number): OpRecord<Attrs> {
  return defineOp<Attrs>({
    name,
    shape: ([x]) => {
      if (x.dtype !== "float32") throw shapeError(name, [x], "a float32 tensor was expected", 'convert it first: x.cast("float32")');
      return [x];
    },
    gradient: { because: "rounding is flat almost everywhere" },
    lower: (args) => [args.onnx.node(onnx, args.inputs)],
    evaluate: ([x]) => [ndMap([x], x.shape, x.dtype, evaluate)],
    examples: [{ inputs: [{ shape: [9], values: [-2.5, -1.5, -1.2, -0.5, 0, 0.5, 1.5, 1.7, 2.5] }], attrs: none }],
  });
}

const ceilOp = step("ceil", "Ceil", Math.ceil);
/** To the nearest whole number; halves go to the even one, as in PyTorch. */
const roundOp = step("round", "Round", (x) => {
  const nearest = Math.round(x);
  return nearest - x === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
});

function comparison(name: string, onnx: string, holds: (a: number, b: number) => boolean): OpRecord<Attrs> {
  return defineOp<Attrs>({
    name,
    shape: (inputs) => {
      const [a, b] = inputs;
      const shape = broadcastShapes(a.shape, b.shape);
      if (a.dtype !== b.dtype) throw shapeError(name, inputs, "the operands have different dtypes", "convert one of them with cast()");
      if (shape === undefined)
        throw shapeError(name, inputs, "these shapes do not broadcast", "axes align from the right and must be equal or 1");
      return [{ shape, dtype: "bool" }];
    },
    gradient: { because: "a comparison is flat almost everywhere" },
    lower: (args) => [args.onnx.node(onnx, args.inputs)],
    evaluate: (inputs, _attrs, [out]) => [ndMap(inputs, out.shape, "bool", (a, b) => Number(holds(a, b)))],
    examples: [
      {
        inputs: [
          { shape: [2, 2], values: [1, 2, 3, 2] },
          { shape: [2], values: [1, 3] },
        ],
        attrs: none,
      },
      {
        inputs: [
          { shape: [3], dtype: "int64", values: [1, 2, 3] },
          { shape: [], dtype: "int64", values: [2] },
        ],
        attrs: none,
      },
    ],
  });
}

const lessOrEqualOp = comparison("lessOrEqual", "LessOrEqual", (a, b) => a <= b);
const greaterOrEqualOp = comparison("greaterOrEqual", "GreaterOrEqual", (a, b) => a >= b);

/** The next whole number upwards. */
export const ceil = (x: Tensor): Tensor => applyOne(ceilOp, [x], none);
/** The nearest whole number; halves go to the even one. */
export const round = (x: Tensor): Tensor => applyOne(roundOp, [x], none);
/** A boolean tensor: true where a ≤ b. */
export const lessOrEqual = (a: Tensor, b: TensorLike): Tensor => applyOne(lessOrEqualOp, [a, operand(a, b)], none);
/** A boolean tensor: true where a ≥ b. */
export const greaterOrEqual = (a: Tensor, b: TensorLike): Tensor => applyOne(greaterOrEqualOp, [a, operand(a, b)], none);
/** A boolean tensor: true where the two differ; NaN differs from everything. */
export const notEqual = (a: Tensor, b: TensorLike): Tensor => not(equal(a, b));

function operand(a: Tensor, b: TensorLike): Tensor {
  return typeof b === "number" ? constant(b, a.dtype) : b;
}

/** Remainder of a / b with the sign of b: a - b·⌊a/b⌋ (torch.remainder). Its gradient passes a's through. */
export const mod = (a: Tensor, b: TensorLike): Tensor => sub(a, mul(b, floor(div(a, b))));

/** Rounded towards zero (torch.trunc). */
export const trunc = (x: Tensor): Tensor => cast(cast(x, "int32"), "float32");

export const roundingOps = { ceil: ceilOp, round: roundOp, lessOrEqual: lessOrEqualOp, greaterOrEqual: greaterOrEqualOp };
