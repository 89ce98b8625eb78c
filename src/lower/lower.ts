import { create, toBinary } from "@bufbuild/protobuf";
import type { TypedArray } from "../core/dtype.ts";
import { type Graph, isInput, type Named } from "../graph/graph.ts";
import { type KernelSource, onnxType, type Target } from "../graph/onnx.ts";
import type { Spec } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { GraphEmitter } from "./emitter.ts";
import { fuse, type Unit } from "./fuse.ts";
import {
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "./onnx_pb.ts";

/** The operator set that lowerings write, and the file format version that goes with it. */
export const opset = 21;
const irVersion = 10n;

export interface LowerOptions {
  target: Target;
  /** Channels in a block of the runtime's blocked layout, from the backend; 0 (default) to do without. */
  channelBlock?: number;
  /** Kernels of our own that may be used. */
  kernels?: KernelSource | undefined;
  /** Inputs that are baked into the model as constants (frozen weights), by name. */
  baked?: Readonly<Record<string, TypedArray>>;
}

/** Write a graph as a serialized ONNX ModelProto for a target. Inputs and outputs keep the graph's names. */
export function lower(graph: Graph, { target, channelBlock = 0, baked = {}, kernels }: LowerOptions): Uint8Array {
  const onnx = new GraphEmitter(target, channelBlock, kernels);
  const values = new Map<Tensor, string>();
  for (const { name, tensor } of graph.inputs) {
    const data = baked[name];
    values.set(tensor, data === undefined ? name : onnx.constant(tensor.dtype, tensor.shape, data));
  }
  const units = kernels === undefined ? graph.nodes.filter((node) => !isInput(node)).map((node): Unit => ({ node })) : fuse(graph, kernels);
  for (const unit of units) {
    if (!("node" in unit)) {
      const names = onnx.kernel(
        unit.request,
        unit.inputs.map((input) => values.get(input)!),
      )!;
      unit.results.forEach((result, i) => {
        values.set(result, names[i]);
      });
      continue;
    }
    const { node } = unit;
    const names = node.op.lower({ onnx, inputs: node.inputs.map((input) => values.get(input)!), attrs: node.attrs, node });
    node.outputs.forEach((output, i) => {
      values.set(output, names[i]);
    });
  }
  // Outputs get their public names by an Identity only where the value is an input, a constant or already named.
  const renamed = nameOutputs(graph.outputs, values, onnx);
  const proto = create(ModelProtoSchema, {
    irVersion,
    producerName: "atelier",
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: "", version: BigInt(opset) }),
      ...domainsOf(onnx).map((domain) => create(OperatorSetIdProtoSchema, { domain, version: 1n })),
    ],
    graph: create(GraphProtoSchema, {
      name: "program",
      node: renamed,
      initializer: onnx.initializers,
      valueInfo: onnx.shapes.map(({ name, shape }) => valueInfo({ name, shape, dtype: "float32" })),
      input: graph.inputs
        .filter(({ name }) => baked[name] === undefined)
        .map(({ name, tensor }) => valueInfo({ name, shape: tensor.shape, dtype: tensor.dtype })),
      output: graph.outputs.map(({ name, tensor }) => valueInfo({ name, shape: tensor.shape, dtype: tensor.dtype })),
    }),
  });
  return toBinary(ModelProtoSchema, proto);
}

function domainsOf(onnx: GraphEmitter): string[] {
  return [...new Set(onnx.protos.map((node) => node.domain))].filter((domain) => domain !== "");
}

function nameOutputs(outputs: readonly Named[], values: ReadonlyMap<Tensor, string>, onnx: GraphEmitter) {
  const produced = new Set(onnx.protos.flatMap((node) => node.output));
  const rename = new Map<string, string>();
  const copies: { from: string; to: string }[] = [];
  for (const { name, tensor } of outputs) {
    const value = values.get(tensor)!;
    if (produced.has(value) && !rename.has(value)) rename.set(value, name);
    else copies.push({ from: value, to: name });
  }
  for (const node of onnx.protos) {
    node.input = node.input.map((value) => rename.get(value) ?? value);
    node.output = node.output.map((value) => rename.get(value) ?? value);
  }
  const identities = copies.map(({ from, to }) =>
    create(NodeProtoSchema, { opType: "Identity", input: [rename.get(from) ?? from], output: [to] }),
  );
  return [...onnx.protos, ...identities];
}

function valueInfo({ name, shape, dtype }: { name: string } & Spec): ValueInfoProto {
  const dim = shape.map((size) => create(TensorShapeProto_DimensionSchema, { value: { case: "dimValue", value: BigInt(size) } }));
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: "tensorType", value: { elemType: onnxType[dtype], shape: create(TensorShapeProtoSchema, { dim }) } } },
  });
}
