import { create } from "@bufbuild/protobuf";
import { type F, I } from "../graph/onnx.ts";
import { attributeProto } from "./emitter.ts";
import {
  type ModelProto,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from "./onnx_pb.ts";

/** How weights of matrix products are kept: as they are, or as whole numbers of 8 or 4 bits with a scale for each block of 32. */
export type Precision = "float32" | "int8" | "int4";

/** Neighbouring weights of one output that share a scale. */
const block = 32;
/** Products of activations in 8-bit whole numbers, which the runtime's kernels do several times as fast as in float32. */
const accuracyLevel = 4;

/** A matrix in whole numbers. */
export interface QuantizedMatrix {
  /** [N, K / 32, 32 · bits / 8]: of two 4-bit numbers in a byte the first is the lower one; zero is at 2^(bits - 1). */
  readonly packed: Uint8Array;
  /** [N · K / 32] */
  readonly scales: Float32Array;
}

/**
 * Round a weight [N, K] (or [K, N], `transposed`) to whole numbers in blocks of 32 along K, symmetric about zero: the weight of largest magnitude in a
 * block is met exactly. K is a multiple of 32.
 */
export function quantizeMatrix(weight: Float32Array, N: number, K: number, bits: 4 | 8, transposed = false): QuantizedMatrix {
  const packed = new Uint8Array((N * K * bits) / 8);
  const scales = new Float32Array((N * K) / block);
  const zero = 2 ** (bits - 1);
  const values = new Float32Array(block);
  for (let n = 0; n < N; n++) {
    for (let b = 0; b < K / block; b++) {
      let extreme = 0;
      for (let i = 0; i < block; i++) {
        const k = b * block + i;
        const value = transposed ? weight[k * N + n] : weight[n * K + k];
        values[i] = value;
        if (Math.abs(value) > Math.abs(extreme)) extreme = value;
      }
      // The range has one more number below zero than above: the extreme goes to its end.
      const scale = extreme / -zero;
      const at = (n * K) / block + b;
      scales[at] = scale;
      for (let i = 0; i < block; i++) {
        const q = scale === 0 ? zero : Math.max(0, Math.min(2 * zero - 1, Math.round(values[i] / scale) + zero));
        if (bits === 8) packed[at * block + i] = q;
        else packed[(at * block + i) >> 1] |= i % 2 === 0 ? q : q << 4;
      }
    }
  }
  return { packed, scales };
}

/** The weight [N, K] that a quantized one stands for. */
export function dequantizeMatrix({ packed, scales }: QuantizedMatrix, bits: 4 | 8): Float32Array {
  const zero = 2 ** (bits - 1);
  return Float32Array.from({ length: scales.length * block }, (_, i) => {
    const q = bits === 8 ? packed[i] : (packed[i >> 1] >> (4 * (i % 2))) & 15;
    return (q - zero) * scales[Math.floor(i / block)];
  });
}

/**
 * Put `MatMulNBits` in the places of a model's products with baked weights whose inner size is a multiple of 32. In place; weights that other nodes read,
 * too, such as an embedding that is also the head's, stay beside their rounded form.
 * @returns how many products were replaced
 */
export function quantizeProducts({ graph, opsetImport }: ModelProto, precision: Exclude<Precision, "float32">): number {
  const bits = precision === "int8" ? 8 : 4;
  const weights = new Map(graph!.initializer.map((weight) => [weight.name, weight]));
  const made = new Map<string, TensorProto[]>();
  let count = 0;
  graph!.node = graph!.node.map((node) => {
    const weight = weights.get(node.input[1] ?? "");
    const form = weight === undefined ? undefined : productForm(node, weight);
    if (form === undefined) return node;
    count++;
    const [N, K] = form.transposed ? [Number(weight!.dims[1]), Number(weight!.dims[0])] : weight!.dims.map(Number);
    const key = `${weight!.name}/${precision}${form.transposed ? "/turned" : ""}`;
    if (!made.has(key)) made.set(key, quantizedTensors(key, weight!, N, K, bits, form.transposed));
    return productNode(node, key, { N: I(N), K: I(K), bits: I(bits), block_size: I(block), accuracy_level: I(accuracyLevel) });
  });
  const read = new Set(graph!.node.flatMap((node) => node.input));
  graph!.initializer = [...graph!.initializer, ...[...made.values()].flat()].filter(({ name }) => read.has(name));
  if (!opsetImport.some(({ domain }) => domain === "com.microsoft"))
    opsetImport.push(create(OperatorSetIdProtoSchema, { domain: "com.microsoft", version: 1n }));
  return count;
}

/** How a node multiplies rows with a weight; undefined where it does not, or in a way that the kernel has not. */
function productForm(node: NodeProto, weight: TensorProto): { transposed: boolean } | undefined {
  if (!["MatMul", "Gemm", "FusedMatMul"].includes(node.opType) || weight.dims.length !== 2 || weight.dataType !== 1) return undefined;
  const attribute = (name: string) => node.attribute.find((a) => a.name === name);
  const alpha = attribute("alpha")?.f ?? 1;
  if (attribute("transA")?.i === 1n || alpha !== 1) return undefined;
  const turned = attribute("transB")?.i === 1n;
  const K = Number(weight.dims[turned ? 1 : 0]);
  return K % block === 0 ? { transposed: !turned } : undefined;
}

function quantizedTensors(key: string, weight: TensorProto, N: number, K: number, bits: 4 | 8, transposed: boolean): TensorProto[] {
  const { buffer, byteOffset } = weight.rawData;
  const { packed, scales } = quantizeMatrix(new Float32Array(buffer as ArrayBuffer, byteOffset, N * K), N, K, bits, transposed);
  const dims = [N, K / block, (block * bits) / 8].map(BigInt);
  return [
    create(TensorProtoSchema, { name: key, dims, dataType: 2, rawData: packed }),
    create(TensorProtoSchema, {
      name: `${key}/scales`,
      dims: [BigInt(scales.length)],
      dataType: 1,
      rawData: new Uint8Array(scales.buffer),
    }),
  ];
}

function productNode(node: NodeProto, key: string, attributes: Record<string, ReturnType<typeof F>>): NodeProto {
  const bias = node.opType === "Gemm" && node.input[2] !== undefined && node.input[2] !== "" ? ["", "", node.input[2]] : [];
  return create(NodeProtoSchema, {
    name: node.name,
    opType: "MatMulNBits",
    domain: "com.microsoft",
    input: [node.input[0], key, `${key}/scales`, ...bias],
    output: node.output,
    attribute: Object.entries(attributes).map(([name, value]) => attributeProto(name, value)),
  });
}
