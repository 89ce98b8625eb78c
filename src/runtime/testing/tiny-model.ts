import type { DType, Shape } from "../../core/dtype.ts";
import type { ValueInfo } from "../backend.ts";

/** One ONNX node of a hand-made test model; attributes are integers. */
export interface TinyNode {
  op: string;
  inputs: string[];
  outputs: string[];
  attributes?: Record<string, number>;
}

export interface TinyGraph {
  nodes: TinyNode[];
  inputs: ValueInfo[];
  outputs: ValueInfo[];
}

const elementType: Record<DType, number> = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 };

/**
 * Serialize a small ONNX model (opset 21, IR version 10) by hand, so that tests of the runtime need no lowering. A dimension of -1
 * becomes a symbolic one.
 */
export function tinyModel({ nodes, inputs, outputs }: TinyGraph): Uint8Array {
  const graph = [
    ...nodes.flatMap((node) => field(1, encodeNode(node))),
    ...field(2, utf8("tiny")),
    ...inputs.flatMap((info) => field(11, encodeValue(info))),
    ...outputs.flatMap((info) => field(12, encodeValue(info))),
  ];
  return Uint8Array.from([...integer(1, 10), ...field(8, integer(2, 21)), ...field(7, graph)]);
}

/** Shorthand for the description of a model's input or output. */
export function value(name: string, shape: Shape, dtype: DType = "float32"): ValueInfo {
  return { name, dtype, shape };
}

function encodeNode({ op, inputs, outputs, attributes = {} }: TinyNode): number[] {
  return [
    ...inputs.flatMap((name) => field(1, utf8(name))),
    ...outputs.flatMap((name) => field(2, utf8(name))),
    ...field(4, utf8(op)),
    ...Object.entries(attributes).flatMap(([name, number]) =>
      field(5, [...field(1, utf8(name)), ...integer(3, number), ...integer(20, 2)]),
    ),
  ];
}

function encodeValue({ name, dtype, shape }: ValueInfo): number[] {
  const dims = shape.flatMap((dim, axis) => field(1, dim === -1 ? field(2, utf8(`${name}_${axis}`)) : integer(1, dim)));
  return [...field(1, utf8(name)), ...field(2, field(1, [...integer(1, elementType[dtype]), ...field(2, dims)]))];
}

/** A length-delimited protobuf field. */
function field(number: number, bytes: number[]): number[] {
  return [...varint((number << 3) | 2), ...varint(bytes.length), ...bytes];
}

function integer(number: number, content: number): number[] {
  return [...varint(number << 3), ...varint(content)];
}

function varint(content: number): number[] {
  const bytes: number[] = [];
  let rest = content;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return bytes;
}

function utf8(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}
