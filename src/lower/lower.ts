import { create, toBinary } from "@bufbuild/protobuf";
import type { TypedArray } from "../core/dtype.ts";
import type { Graph, Named } from "../graph/graph.ts";
import type { KernelSource, Target } from "../graph/onnx.ts";
import type { Spec } from "../graph/shape.ts";
import type { GraphNode, Tensor } from "../graph/tensor.ts";
import { emitNodes, GraphEmitter, nodeLabels, valueInfo, withBodies } from "./emitter.ts";
import { fuse, type Unit } from "./fuse.ts";
import {
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
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
  /** Inputs that are baked into the model as constants (frozen weights), by name; they keep their names. */
  baked?: Readonly<Record<string, TypedArray>>;
}

/** Write a graph as a serialized ONNX ModelProto for a target. Inputs and outputs keep the graph's names. */
export function lower(graph: Graph, options: LowerOptions): Uint8Array {
  return toBinary(ModelProtoSchema, lowerProto(graph, options));
}

/** {@link lower} before it is serialized. Its byte arrays may be views of the baked ones. */
export function lowerProto(graph: Graph, options: LowerOptions): ModelProto {
  return lowerWithShapes(graph, options).model;
}

/** {@link lowerProto}, and what is known of its values by name: those of the graph, not those that lowerings make between them. */
export function lowerWithShapes(
  graph: Graph,
  { target, channelBlock = 0, baked = {}, kernels }: LowerOptions,
): { model: ModelProto; specs: Map<string, Spec> } {
  const onnx = new GraphEmitter(target, channelBlock, kernels);
  const values = new Map<Tensor, string>();
  for (const { name, tensor } of graph.inputs) {
    const data = baked[name];
    if (data !== undefined) onnx.weight(name, tensor.dtype, tensor.shape, data);
    values.set(tensor, name);
  }
  if (kernels === undefined) emitNodes(graph, values, onnx, "");
  else emitUnits(fuse(graph, kernels), nodeLabels(graph), values, onnx);
  // Outputs get their public names by an Identity only where the value is an input, a constant or already named.
  const renamed = nameOutputs(graph.outputs, values, onnx);
  const specs = new Map<string, Spec>([...values].map(([tensor, name]) => [name, tensor]));
  for (const { name, tensor } of graph.outputs) specs.set(name, tensor);
  const model = create(ModelProtoSchema, {
    irVersion,
    producerName: "atelier",
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: "", version: BigInt(opset) }),
      ...domainsOf(onnx).map((domain) => create(OperatorSetIdProtoSchema, { domain, version: 1n })),
    ],
    graph: create(GraphProtoSchema, {
      name: "program",
      node: leavesLast(renamed),
      initializer: onnx.initializers,
      valueInfo: onnx.shapes.map(({ name, shape }) => valueInfo(name, { shape, dtype: "float32" })),
      input: graph.inputs.filter(({ name }) => baked[name] === undefined).map(edge),
      output: graph.outputs.map(edge),
    }),
  });
  return { model, specs };
}

/**
 * Nodes whose results nothing reads go to the end, the last first. The runtime runs depth first from those, beginning with the one that stands last: so it runs
 * in the order in which the graph was built, and each gradient is finished before the next block's begins. Otherwise every gradient's parts would be kept
 * until the first layer's is done.
 */
function leavesLast(nodes: readonly NodeProto[]): NodeProto[] {
  const read = new Set(nodes.flatMap((node) => node.input));
  const isLeaf = (node: NodeProto) => !node.output.some((value) => read.has(value));
  return [...nodes.filter((node) => !isLeaf(node)), ...nodes.filter(isLeaf).reverse()];
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
function emitUnits(units: readonly Unit[], labels: ReadonlyMap<GraphNode, string>, values: Map<Tensor, string>, onnx: GraphEmitter): void {
  const named = (tensors: readonly Tensor[]) => tensors.map((tensor) => values.get(tensor)!);
  for (const unit of units) {
    onnx.label = "node" in unit ? labels.get(unit.node)! : `${labels.get(unit.results[0].node)}+`;
    const [results, names] =
      "node" in unit
        ? [unit.node.outputs, unit.node.op.lower({ onnx, inputs: named(unit.node.inputs), attrs: unit.node.attrs, node: unit.node })]
        : [unit.results, onnx.kernel(unit.request, named(unit.inputs))!];
    results.forEach((result, i) => {
      values.set(result, names[i]);
    });
  }
}
