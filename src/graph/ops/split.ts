import { forEachIndex, ndZeros } from "../nd.ts";
import { I } from "../onnx.ts";
import { type Attrs, defineOp } from "../op.ts";
import { normalizeAxis, shapeError, stridesOf } from "../shape.ts";
import { apply, type Tensor } from "../tensor.ts";
import { concat, full } from "./movement.ts";

interface SplitAttrs extends Attrs {
  readonly axis: number;
  readonly sizes: readonly number[];
}

/** Neighbouring pieces of one axis, each an output. The gradient joins what comes back, with zeros where nothing does. */
const splitOp = defineOp<SplitAttrs>({
  name: "split",
  shape: ([x], { axis, sizes }) => {
    if (sizes.some((size) => !Number.isInteger(size) || size < 0) || sizes.reduce((a, b) => a + b, 0) !== x.shape[axis])
      throw shapeError("split", [x], `sizes [${sizes.join(",")}] do not add up to the ${x.shape[axis]} of axis ${axis}`);
    return sizes.map((size) => ({ shape: x.shape.map((dim, i) => (i === axis ? size : dim)), dtype: x.dtype }));
  },
  gradient: ({ outputs, attrs: { axis }, dOutputs }) => [
    concat(
      dOutputs.map((d, i) => d ?? full(outputs[i].shape, 0)),
      axis,
    ),
  ],
  lower: ({ onnx, inputs: [x], attrs: { axis, sizes } }) => onnx.nodes("Split", [x, onnx.ints(sizes)], sizes.length, { axis: I(axis) }),
  evaluate: ([x], { axis, sizes }, specs) => {
    const strides = stridesOf(x.shape);
    let offset = 0;
    return specs.map(({ shape, dtype }, part) => {
      const out = ndZeros(shape, dtype);
      forEachIndex(shape, (index, flat) => {
        out.data[flat] = x.data[index.reduce((at, v, i) => at + (i === axis ? v + offset : v) * strides[i], 0)];
      });
      offset += sizes[part];
      return out;
    });
  },
  examples: [
    { inputs: [{ shape: [2, 6] }], attrs: { axis: 1, sizes: [1, 3, 2] } },
    { inputs: [{ shape: [4, 3] }], attrs: { axis: 0, sizes: [2, 2] } },
  ],
});

/**
 * Cut one axis into neighbouring pieces: of the given sizes, or `sizes` equal ones.
 * @throws ShapeError when the sizes do not add up to the axis
 */
export function split(x: Tensor, sizes: number | readonly number[], axis = -1): Tensor[] {
  const at = normalizeAxis(axis, x.rank, "split");
  const list = typeof sizes === "number" ? new Array<number>(sizes).fill(x.shape[at] / sizes) : [...sizes];
  if (list.length === 1 && list[0] === x.shape[at]) return [x];
  return [...apply(splitOp, [x], { axis: at, sizes: list })];
}

export const splitOps = { split: splitOp };
