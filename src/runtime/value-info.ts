import type { DType } from "../core/dtype.ts";
import { RuntimeError } from "../core/errors.ts";
import type { ValueInfo } from "./backend.ts";

const dtypes: ReadonlySet<string> = new Set<DType>(["float32", "int32", "int64", "bool", "uint8"]);

/** An input or output as ONNX Runtime's JavaScript packages describe it. */
export interface ValueMetadata {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

/** @throws RuntimeError for values that are no tensors or have an element type that we do not use */
export function readValueInfo({ name, isTensor, type = "", shape = [] }: ValueMetadata, program: string): ValueInfo {
  if (!isTensor || !dtypes.has(type)) {
    throw new RuntimeError({
      what: `The program "${program}" has an input or output of a kind that is not supported.`,
      where: `value "${name}"`,
      got: isTensor ? `element type ${type}` : "not a tensor",
      expected: `a tensor of ${[...dtypes].join(", ")}`,
    });
  }
  return { name, dtype: type as DType, shape: shape.map((dim) => (typeof dim === "number" ? dim : -1)) };
}
