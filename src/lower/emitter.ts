import { create } from "@bufbuild/protobuf";
import type { DType, Shape, TypedArray } from "../core/dtype.ts";
import { type Graph, isInput } from "../graph/graph.ts";
import {
  type Emitter,
  I,
  type KernelRequest,
  type KernelSource,
  type OnnxAttr,
  type OnnxAttrs,
  onnxType,
  type Target,
} from "../graph/onnx.ts";
import type { Spec } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "./onnx_pb.ts";

/** The operator domain of our own kernels. */
export const kernelDomain = "atelier";

/** Lower a graph's nodes in order, from and into the names of values. */
export function emitNodes(graph: Graph, values: Map<Tensor, string>, onnx: Emitter): void {
  for (const node of graph.nodes) {
    if (isInput(node)) continue;
    const names = node.op.lower({ onnx, inputs: node.inputs.map((input) => values.get(input)!), attrs: node.attrs, node });
    node.outputs.forEach((output, i) => {
      values.set(output, names[i]);
    });
  }
}

/** Name, dtype and shape of a value at a graph's edge. */
export function valueInfo(name: string, { shape, dtype }: Spec): ValueInfoProto {
  const dim = shape.map((size) => create(TensorShapeProto_DimensionSchema, { value: { case: "dimValue", value: BigInt(size) } }));
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: "tensorType", value: { elemType: onnxType[dtype], shape: create(TensorShapeProtoSchema, { dim }) } } },
  });
}

/** A list of nodes and of the nodes inside their bodies. */
export function withBodies(nodes: readonly NodeProto[]): NodeProto[] {
  return nodes.flatMap((node) => [node, ...node.attribute.flatMap((attr) => (attr.g === undefined ? [] : withBodies(attr.g.node)))]);
}

/** Collects ONNX nodes and constants while a graph is lowered. */
export class GraphEmitter implements Emitter {
  readonly target: Target;
  readonly channelBlock: number;
  readonly protos: NodeProto[] = [];
  /** Shapes of values that the runtime cannot infer: those of our own kernels. */
  readonly shapes: { name: string; shape: Shape }[] = [];
  readonly initializers: TensorProto[] = [];
  readonly #constants = new Map<string, string>();
  /** The emitter of the whole model; a body's names and constants are its. */
  readonly #root: GraphEmitter;
  readonly #kernels: KernelSource | undefined;
  #count = 0;

  constructor(target: Target, channelBlock = 0, kernels?: KernelSource, root?: GraphEmitter) {
    this.target = target;
    this.#kernels = target === "cpu" ? kernels : undefined;
    this.channelBlock = target === "cpu" ? channelBlock : 0;
    this.#root = root ?? this;
  }

  #name(): string {
    return `@${this.#root.#count++}`;
  }

  node(opType: string, inputs: readonly string[], attrs: OnnxAttrs = {}, domain = ""): string {
    return this.nodes(opType, inputs, 1, attrs, domain)[0];
  }

  nodes(opType: string, inputs: readonly string[], outputs: number, attrs: OnnxAttrs = {}, domain = ""): string[] {
    const names = Array.from({ length: outputs }, () => this.#name());
    const attribute = Object.entries(attrs).map(([name, attr]) => attributeProto(name, attr));
    this.protos.push(create(NodeProtoSchema, { opType, input: [...inputs], output: names, attribute, domain }));
    return names;
  }

  hasKernel(request: KernelRequest): boolean {
    return this.#kernels?.find(request) !== undefined;
  }

  kernel(request: KernelRequest, inputs: readonly string[]): string[] | undefined {
    const found = this.#kernels?.find(request);
    if (found === undefined) return undefined;
    const names = this.nodes(found.name, inputs, found.outputs.length, {}, kernelDomain);
    names.forEach((name, i) => {
      this.shapes.push({ name, shape: found.outputs[i] });
    });
    return names;
  }

  subgraph(body: Graph, own: number, captured: readonly string[], unused: readonly Spec[] = []): OnnxAttr {
    const inner = new GraphEmitter(this.target, this.channelBlock, undefined, this.#root);
    const names = [...body.inputs.slice(0, own).map(() => this.#name()), ...captured];
    const values = new Map<Tensor, string>(body.inputs.map(({ tensor }, i) => [tensor, names[i]]));
    emitNodes(body, values, inner);
    const made = new Set(inner.protos.flatMap((node) => node.output));
    // Every output of a body is a value of its own that a node of the body makes.
    const outputs = body.outputs.map(({ tensor }) => {
      const value = values.get(tensor)!;
      return made.delete(value) ? value : inner.node("Identity", [value]);
    });
    const value = create(GraphProtoSchema, {
      name: "body",
      node: inner.protos,
      input: [
        ...body.inputs.slice(0, own).map(({ tensor }, i) => valueInfo(names[i], tensor)),
        ...unused.map((spec) => valueInfo(this.#name(), spec)),
      ],
      output: body.outputs.map(({ tensor }, i) => valueInfo(outputs[i], tensor)),
    });
    return { kind: "graph", value };
  }

  constant(dtype: DType, shape: Shape, data: TypedArray): string {
    if (this.#root !== this) return this.#root.constant(dtype, shape, data);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const key = bytes.length <= 256 ? `${dtype}[${shape.join(",")}]${bytes.join(",")}` : undefined;
    const known = key === undefined ? undefined : this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.#name();
    this.initializers.push(create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType: onnxType[dtype], rawData: bytes }));
    if (key !== undefined) this.#constants.set(key, name);
    return name;
  }

  scalar(value: number, dtype: DType = "float32"): string {
    const data =
      dtype === "float32"
        ? Float32Array.of(value)
        : dtype === "int64"
          ? BigInt64Array.of(BigInt(value))
          : dtype === "int32"
            ? Int32Array.of(value)
            : Uint8Array.of(value);
    return this.constant(dtype, [], data);
  }

  ints(values: readonly number[]): string {
    return this.constant("int64", [values.length], BigInt64Array.from(values, BigInt));
  }

  zeros(shape: Shape): string {
    return this.node("ConstantOfShape", [this.ints(shape)]);
  }

  pad(x: string, rank: number, axis: number, before: number, after: number): string {
    if (before === 0 && after === 0) return x;
    const pads = new Array<number>(2 * rank).fill(0);
    pads[axis] = before;
    pads[axis + rank] = after;
    return this.node("Pad", [x, this.ints(pads)]);
  }

  flip(x: string, axes: readonly number[]): string {
    const all = (value: number) => this.ints(axes.map(() => value));
    return this.node("Slice", [x, all(-1), all(-(2 ** 31)), this.ints(axes), all(-1)]);
  }

  matmul(a: string, b: string, rankA: number, rankB: number, transA: boolean, transB: boolean): string {
    if (!transA && !transB) return this.node("MatMul", [a, b]);
    if (rankA === 2 && rankB === 2) return this.node("Gemm", [a, b], { transA: I(Number(transA)), transB: I(Number(transB)) });
    if (this.target === "cpu" || this.target === "wasm") {
      return this.node("FusedMatMul", [a, b], { transA: I(Number(transA)), transB: I(Number(transB)) }, "com.microsoft");
    }
    const turned = (x: string, rank: number) => this.node("Transpose", [x], { perm: I([...Array(rank - 2).keys(), rank - 1, rank - 2]) });
    return this.node("MatMul", [transA ? turned(a, rankA) : a, transB ? turned(b, rankB) : b]);
  }
}

function attributeProto(name: string, attr: OnnxAttr): AttributeProto {
  const type = AttributeProto_AttributeType;
  switch (attr.kind) {
    case "int":
      return create(AttributeProtoSchema, { name, type: type.INT, i: BigInt(attr.value) });
    case "ints":
      return create(AttributeProtoSchema, { name, type: type.INTS, ints: attr.value.map(BigInt) });
    case "float":
      return create(AttributeProtoSchema, { name, type: type.FLOAT, f: attr.value });
    case "string":
      return create(AttributeProtoSchema, { name, type: type.STRING, s: new TextEncoder().encode(attr.value) });
    case "graph":
      return create(AttributeProtoSchema, { name, type: type.GRAPH, g: attr.value as GraphProto });
  }
}
