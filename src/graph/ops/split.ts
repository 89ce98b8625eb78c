import { forEachIndex, ndZeros } from "../nd.ts";
import { I } from "../onnx.ts";
import { type Attrs, defineOp } from "../op.ts";
import { normalizeAxis, shapeError, stridesOf } from "../shape.ts";
import { apply, type Tensor } from "../tensor.ts";
import { concat, full } from "./movement.ts";

interface SplitAttrs extends Attrs {
  readonly axis: number;
  /** Length of each part. */
  readonly sizes: readonly number[];
}

/** Parts of a tensor along one axis. dx joins what comes back; a part that nothing uses gives zeros. */
const splitOp = defineOp<SplitAttrs>({
  name: "split",
  shape: ([x], { axis, sizes }) => {
    if (sizes.length === 0 || sizes.some((n) => !Number.isInteger(n) || n < 0) || sizes.reduce((a, b) => a + b, 0) !== x.shape[axis])
      throw shapeError("split", [x], `parts of [${sizes.join(",")}] do not make up axis ${axis}`);
    return sizes.map((size) => ({ shape: x.shape.map((dim, i) => (i === axis ? size : dim)), dtype: x.dtype }));
  },
  gradient: ({ outputs, attrs, dOutputs }) => [
    concat(
      outputs.map((part, i) => dOutputs[i] ?? full(part.shape, 0)),
      attrs.axis,
    ),
  ],
  lower: ({ onnx, inputs: [x], attrs: { axis, sizes } }) => onnx.nodes("Split", [x, onnx.ints(sizes)], sizes.length, { axis: I(axis) }),
  evaluate: ([x], { axis }, specs) => {
    const strides = stridesOf(x.shape);
    let offset = 0;
    return specs.map(({ shape, dtype }) => {
      const out = ndZeros(shape, dtype);
      forEachIndex(shape, (index, flat) => {
        out.data[flat] = x.data[index.reduce((sum, at, i) => sum + (i === axis ? at + offset : at) * strides[i], 0)];
      });
      offset += shape[axis];
      return out;
    });
  },
  examples: [
    { inputs: [{ shape: [2, 6] }], attrs: { axis: 1, sizes: [1, 3, 2] } },
    { inputs: [{ shape: [4, 3] }], attrs: { axis: 0, sizes: [2, 2] } },
  ],
});

/**
 * Parts of `x` along `axis`: a number for that many equal parts, or the length of each.
 * @throws ShapeError when the parts do not make up the axis
 */
export function split(x: Tensor, parts: number | readonly number[], axis = -1): readonly Tensor[] {
  const at = normalizeAxis(axis, x.rank, "split");
  const sizes = typeof parts === "number" ? new Array<number>(parts).fill(x.shape[at] / parts) : [...parts];
  return apply(splitOp, [x], { axis: at, sizes });
}

export const splitOps = { split: splitOp };
