import { create } from "@bufbuild/protobuf";
import type { DType, Shape, TypedArray } from "../core/dtype.ts";
import { type Graph, isInput } from "../graph/graph.ts";
import {
  type Emitter,
  F,
  I,
  type KernelRequest,
  type KernelSource,
  type OnnxAttr,
  type OnnxAttrs,
  onnxType,
  type ScanBody,
  type Target,
} from "../graph/onnx.ts";
import type { Spec } from "../graph/shape.ts";
import type { GraphNode, Tensor } from "../graph/tensor.ts";
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
import { webgpuReplacements } from "./webgpu.ts";

/** The operator domain of our own kernels. */
export const kernelDomain = "atelier";

/**
 * What the ONNX nodes of each op are named after: the layer, the op and its place in the graph (`encoder.convs.0/conv#12`), so that a runtime's profile
 * and errors can be read in the user's words. Where an op becomes several nodes, the second is `...#12.1` and so on.
 */
export function nodeLabels(graph: Graph): Map<GraphNode, string> {
  return new Map(
    graph.nodes
      .filter((node) => !isInput(node))
      .map((node, i) => [node, `${node.layer === undefined ? "" : `${node.layer}/`}${node.op.name}#${i}`]),
  );
}

/**
 * Lower a graph's nodes in order, from and into the names of values.
 * @param prefix before the nodes' labels; without one they keep the label that the emitter has
 */
export function emitNodes(graph: Graph, values: Map<Tensor, string>, onnx: GraphEmitter, prefix?: string): void {
  const labels = prefix === undefined ? undefined : nodeLabels(graph);
  for (const node of graph.nodes) {
    if (isInput(node)) continue;
    if (labels !== undefined) onnx.label = prefix + labels.get(node)!;
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
  protos: NodeProto[] = [];
  /** Shapes of values that the runtime cannot infer: those of our own kernels. */
  readonly shapes: { name: string; shape: Shape }[] = [];
  readonly initializers: TensorProto[] = [];
  readonly #constants = new Map<string, string>();
  /** The emitter of the whole model; a body's names and constants are its. */
  readonly #root: GraphEmitter;
  readonly #ones = new Map<number, string>();
  #label = "";
  #labelled = 0;
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

  /** What the nodes written from now on are named after. */
  set label(label: string) {
    this.#label = label;
    this.#labelled = 0;
  }

  node(opType: string, inputs: readonly string[], attrs: OnnxAttrs = {}, domain = ""): string {
    return this.nodes(opType, inputs, 1, attrs, domain)[0];
  }

  nodes(opType: string, inputs: readonly string[], outputs: number, attrs: OnnxAttrs = {}, domain = ""): string[] {
    const replacement = this.target === "webgpu" && domain === "" ? webgpuReplacements[opType] : undefined;
    if (replacement !== undefined) return [replacement(this, inputs, attrs)];
    const names = Array.from({ length: outputs }, () => this.#name());
    const attribute = Object.entries(attrs).map(([name, attr]) => attributeProto(name, attr));
    const name = this.#labelled++ === 0 ? this.#label : `${this.#label}.${this.#labelled - 1}`;
    this.protos.push(create(NodeProtoSchema, { name, opType, input: [...inputs], output: names, attribute, domain }));
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
    // A body's nodes are told from those of the graph around it, whose times count them already.
    emitNodes(body, values, inner, `${this.#label}>`);
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

  inline(body: Graph, inputs: readonly string[]): string[] {
    const values = new Map<Tensor, string>(body.inputs.map(({ tensor }, i) => [tensor, inputs[i]]));
    emitNodes(body, values, this);
    return body.outputs.map(({ tensor }) => values.get(tensor)!);
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

  /** A constant with a name of its own. */
  weight(name: string, dtype: DType, shape: Shape, data: TypedArray): void {
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.initializers.push(create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType: onnxType[dtype], rawData }));
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
    if (this.target === "webgpu") return this.node("Expand", [this.scalar(0), this.ints(shape)]);
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

  scan(state: readonly string[], sequences: readonly string[], body: ScanBody): string[] {
    const own = [...state, ...sequences].map(() => this.#name());
    let kept = 0;
    const graph = this.#branch(own, () => {
      const step = body(own.slice(0, state.length), own.slice(state.length));
      kept = step.outputs.length;
      return [...step.state, ...step.outputs];
    });
    const names = Array.from({ length: state.length + kept }, () => this.#name());
    const attribute = [attributeProto("num_scan_inputs", I(sequences.length)), graphAttribute("body", graph)];
    this.protos.push(create(NodeProtoSchema, { opType: "Scan", input: [...state, ...sequences], output: names, attribute }));
    return names;
  }

  choose(condition: string, then: () => readonly string[], otherwise: () => readonly string[]): string[] {
    const [yes, no] = [this.#branch([], then), this.#branch([], otherwise)];
    const names = yes.output.map(() => this.#name());
    const attribute = [graphAttribute("then_branch", yes), graphAttribute("else_branch", no)];
    this.protos.push(create(NodeProtoSchema, { opType: "If", input: [condition], output: names, attribute }));
    return names;
  }

  /** Nodes that `build` emits, as a graph of their own. Constants stay with the whole model. Results are copied: a graph may not hand on an outer value. */
  #branch(inputs: readonly string[], build: () => readonly string[]): GraphProto {
    const outer = this.protos;
    this.protos = [];
    const results = build().map((value) => this.node("Identity", [value]));
    const info = (name: string) => create(ValueInfoProtoSchema, { name });
    const graph = create(GraphProtoSchema, {
      name: "body",
      node: this.protos,
      input: inputs.map(info),
      output: results.map(info),
    });
    this.protos = outer;
    return graph;
  }

  ones(count: number): string {
    const known = this.#ones.get(count);
    if (known !== undefined) return known;
    const name = this.constant("float32", [count], new Float32Array(count).fill(1));
    this.#ones.set(count, name);
    return name;
  }

  matmul(a: string, b: string, rankA: number, rankB: number, transA: boolean, transB: boolean, alpha = 1): string {
    if (!transA && !transB && alpha === 1) return this.node("MatMul", [a, b]);
    const attrs = { transA: I(Number(transA)), transB: I(Number(transB)), ...(alpha === 1 ? {} : { alpha: F(alpha) }) };
    if (rankA === 2 && rankB === 2) return this.node("Gemm", [a, b], attrs);
    if (this.target === "cpu" || this.target === "wasm") return this.node("FusedMatMul", [a, b], attrs, "com.microsoft");
    const turned = (x: string, rank: number) => this.node("Transpose", [x], { perm: I([...Array(rank - 2).keys(), rank - 1, rank - 2]) });
    const product = this.node("MatMul", [transA ? turned(a, rankA) : a, transB ? turned(b, rankB) : b]);
    return alpha === 1 ? product : this.node("Mul", [product, this.scalar(alpha)]);
  }
}

function graphAttribute(name: string, g: GraphProto): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.GRAPH, g });
}

/** An attribute as ONNX writes it. */
export function attributeProto(name: string, attr: OnnxAttr): AttributeProto {
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
