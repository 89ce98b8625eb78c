import { allocate, type DType, type Shape, sizeOf, type TypedArray } from "../../core/dtype.ts";
import { AtelierError } from "../../core/errors.ts";
import { ndZeros } from "../nd.ts";
import { type Attrs, defineOp } from "../op.ts";
import { shapeError } from "../shape.ts";
import { applyOne, type Tensor } from "../tensor.ts";

/** What fills a graph input: the batch, a setting that changes while training, a random draw, a trained parameter, or other state. */
export type Role = "batch" | "setting" | "random" | "parameter" | "state";

interface InputAttrs extends Attrs {
  readonly name: string;
  readonly role: Role;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** A value that comes from outside the graph. */
export const inputOp = defineOp<InputAttrs>({
  name: "input",
  shape: (_inputs, { shape, dtype }) => [{ shape, dtype }],
  gradient: { because: "an input depends on nothing" },
  lower: () => {
    throw new AtelierError(
      "An input is bound by the graph's edge and has no lowering of its own: it was not named when the graph was collected.",
    );
  },
  evaluate: (_inputs, attrs) => {
    throw new AtelierError({
      what: `The interpreter was given no value for the input "${attrs.name}".`,
      expected: "an entry in the feeds",
    });
  },
  examples: [],
});

/** A graph input with a static shape. @param name appears in the program's signature; two inputs of one graph need different names. */
export function input(name: string, shape: Shape, dtype: DType = "float32", role: Role = "batch"): Tensor {
  const bad = shape.find((dim) => !Number.isInteger(dim) || dim < 0);
  if (bad !== undefined) throw shapeError("input", [{ shape, dtype }], `a dimension must be a whole number of at least 0, got ${bad}`);
  return applyOne(inputOp, [], { name, role, shape: [...shape], dtype });
}

interface ConstantAttrs extends Attrs {
  readonly data: TypedArray;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Numbers that are part of the graph. */
export const constantOp = defineOp<ConstantAttrs>({
  name: "constant",
  shape: (_inputs, { shape, dtype }) => [{ shape, dtype }],
  gradient: { because: "a constant depends on nothing" },
  lower: ({ onnx, attrs }) => [onnx.constant(attrs.dtype, attrs.shape, attrs.data)],
  evaluate: (_inputs, { data, shape, dtype }) => {
    const out = ndZeros(shape, dtype);
    for (let i = 0; i < data.length; i++) out.data[i] = Number(data[i]);
    return [out];
  },
  examples: [{ inputs: [], attrs: { data: new Float32Array([1, 2]), shape: [2], dtype: "float32" } }],
});

/**
 * A constant: a number, or nested into `shape` from a flat list.
 * @throws ShapeError when the list's length is not the shape's size
 */
export function constant(value: number | ArrayLike<number>, dtype: DType = "float32", shape?: Shape): Tensor {
  const list = typeof value === "number" ? [value] : value;
  const resolved = shape ?? (typeof value === "number" ? [] : [list.length]);
  if (sizeOf(resolved) !== list.length)
    throw shapeError("constant", [{ shape: resolved, dtype }], `${list.length} values do not fill this shape`);
  const data = allocate(dtype, list.length);
  for (let i = 0; i < list.length; i++) data[i] = dtype === "int64" ? BigInt(Math.trunc(list[i])) : list[i];
  return applyOne(constantOp, [], { data, shape: [...resolved], dtype });
}

/** The constant value of a scalar constant, or undefined for any other tensor. */
export function scalarValue(x: Tensor): number | undefined {
  if (x.node.op !== (constantOp as unknown) || x.size !== 1) return undefined;
  return Number((x.node.attrs as unknown as ConstantAttrs).data[0]);
}

export const sourceOps = { input: inputOp, constant: constantOp };
