import { create, toBinary } from "@bufbuild/protobuf";
import type { TypedArray } from "../core/dtype.ts";
import type { Graph, Named } from "../graph/graph.ts";
import type { KernelSource, Target } from "../graph/onnx.ts";
import type { Tensor } from "../graph/tensor.ts";
import { emitNodes, GraphEmitter, valueInfo, withBodies } from "./emitter.ts";
import { fuse, type Unit } from "./fuse.ts";
import { GraphProtoSchema, ModelProtoSchema, NodeProtoSchema, OperatorSetIdProtoSchema } from "./onnx_pb.ts";

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
  if (kernels === undefined) emitNodes(graph, values, onnx);
  else emitUnits(fuse(graph, kernels), values, onnx);
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
      valueInfo: onnx.shapes.map(({ name, shape }) => valueInfo(name, { shape, dtype: "float32" })),
      input: graph.inputs.filter(({ name }) => baked[name] === undefined).map(edge),
      output: graph.outputs.map(edge),
    }),
  });
  return toBinary(ModelProtoSchema, proto);
}

const edge = ({ name, tensor }: Named) => valueInfo(name, tensor);

function domainsOf(onnx: GraphEmitter): string[] {
  return [...new Set(withBodies(onnx.protos).map((node) => node.domain))].filter((domain) => domain !== "");
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
  for (const node of withBodies(onnx.protos)) {
    node.input = node.input.map((value) => rename.get(value) ?? value);
    node.output = node.output.map((value) => rename.get(value) ?? value);
  }
  const identities = copies.map(({ from, to }) =>
    create(NodeProtoSchema, { opType: "Identity", input: [rename.get(from) ?? from], output: [to] }),
  );
  return [...onnx.protos, ...identities];
}

/** Nodes as they are, clusters as one kernel each. */
function emitUnits(units: readonly Unit[], values: Map<Tensor, string>, onnx: GraphEmitter): void {
  const named = (tensors: readonly Tensor[]) => tensors.map((tensor) => values.get(tensor)!);
  for (const unit of units) {
    const [results, names] =
      "node" in unit
        ? [unit.node.outputs, unit.node.op.lower({ onnx, inputs: named(unit.node.inputs), attrs: unit.node.attrs, node: unit.node })]
        : [unit.results, onnx.kernel(unit.request, named(unit.inputs))!];
    results.forEach((result, i) => {
      values.set(result, names[i]);
    });
  }
}
