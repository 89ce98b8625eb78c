import { create, toBinary } from "@bufbuild/protobuf";
import { type DType, sizeOf, type TypedArray } from "../core/dtype.ts";
import { AtelierError, UsageError } from "../core/errors.ts";
import { collect, type Graph, type Named } from "../graph/graph.ts";
import { input } from "../graph/ops/source.ts";
import { simplify } from "../graph/passes/simplify.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Trace, withTrace } from "../graph/trace.ts";
import { freeBatch } from "../lower/free-batch.ts";
import { lowerProto, opset as newestOpset } from "../lower/lower.ts";
import { type ModelProto, ModelProtoSchema, StringStringEntryProtoSchema, type ValueInfoProto } from "../lower/onnx_pb.ts";
import { type Module, namedParameters, namedStates } from "../nn/module.ts";
import type { Build, InputSpec } from "../runtime/program.ts";

/** Operator sets that the ops we write exist in unchanged, with the oldest file format version that may name each. */
const formatVersions: Readonly<Record<number, bigint>> = { 18: 8n, 19: 9n, 20: 9n, 21: 10n };

/** A serialized message may not be larger; weights beyond it would need files of their own. */
const largestModel = 2 ** 31 - 1;

export interface FileNotes {
  /** Texts for the file's metadata: model, run, checkpoint ... */
  metadata?: Readonly<Record<string, string>> | undefined;
  /** What each input and output means, by name. */
  docs?: Readonly<Record<string, string>> | undefined;
  /** 18 to 21. Default 21. */
  opset?: number | undefined;
}

export interface ExportOptions<I extends string> extends FileNotes {
  /** The module whose parameters and state are baked in, under their paths. */
  network: Module;
  /** The function's inputs at a batch size. */
  inputs: (batch: number) => Readonly<Record<I, InputSpec>>;
  /** The batch size of a model whose batch axis cannot be free. Default 1. */
  fixedBatch?: number | undefined;
}

/** A named value at the edge of an exported file; a free axis is the text "batch". */
export interface ExportedValue {
  name: string;
  dtype: DType;
  shape: (number | "batch")[];
}

/** A function to export; it is told the batch size that its inputs have. */
export type ExportBuild<I extends string, O extends string> = (inputs: Record<I, Tensor>, trace: Trace, batch: number) => Record<O, Tensor>;

export interface ExportedGraph {
  /** A serialized ONNX ModelProto of standard operators. */
  model: Uint8Array;
  inputs: ExportedValue[];
  outputs: ExportedValue[];
  /** Whether any batch size fits, or only the one it was made with, and then why. */
  batch: { free: true } | { free: false; size: number; because: string };
}

/**
 * Write a function of a trained module as an ONNX model that needs only standard operators: weights inside, layers in their evaluation mode, random draws
 * as inputs, and a batch axis that is free wherever the function allows it.
 * @throws UsageError for an operator set that is not supported; AtelierError for a model above 2 GB; ShapeError from the function's ops
 */
export function exportFunction<I extends string, O extends string>(build: ExportBuild<I, O>, options: ExportOptions<I>): ExportedGraph {
  const { network, inputs, fixedBatch = 1 } = options;
  const names = new Map<Tensor, string>();
  const weights: Record<string, TypedArray> = {};
  for (const [path, leaf] of [...namedParameters(network), ...namedStates(network)]) {
    names.set(leaf, path);
    weights[path] = leaf.data;
  }
  let graph: Graph | undefined;
  const lowerAt = (batch: number): ModelProto => {
    graph = traceFunction((symbols: Record<I, Tensor>, trace) => build(symbols, trace, batch), inputs(batch), names);
    const used = Object.fromEntries(graph.inputs.flatMap(({ name }) => (Object.hasOwn(weights, name) ? [[name, weights[name]]] : [])));
    return lowerProto(graph, { target: "portable", baked: used });
  };
  const freed = freeBatch(lowerAt);
  const model = "model" in freed ? freed.model : lowerAt(fixedBatch);
  const batch = "model" in freed ? ({ free: true } as const) : ({ free: false, size: fixedBatch, because: freed.because } as const);
  return { ...describe(graph!, model), batch, model: serialize(model, options) };
}

/** The simplified graph of a function in evaluation mode, its leaves named by their paths. */
function traceFunction<I extends string, O extends string>(
  build: Build<I, O>,
  specs: Readonly<Record<I, InputSpec>>,
  names: ReadonlyMap<Tensor, string>,
): Graph {
  const trace = new Trace({ training: false });
  const symbols = {} as Record<I, Tensor>;
  for (const key of Object.keys(specs) as I[]) symbols[key] = input(key, specs[key].shape, specs[key].dtype ?? "float32");
  const results = withTrace(trace, () => build(symbols, trace));
  const outputs = (Object.keys(results) as O[]).map((name): Named => ({ name, tensor: results[name] }));
  return simplify(collect(outputs, names));
}

function describe(graph: Graph, { graph: proto }: ModelProto): { inputs: ExportedValue[]; outputs: ExportedValue[] } {
  const read = (infos: readonly ValueInfoProto[], named: readonly Named[]) =>
    infos.map((info): ExportedValue => {
      const { tensor } = named.find(({ name }) => name === info.name)!;
      const type = info.type!.value;
      const dims = type.case === "tensorType" ? type.value.shape!.dim : [];
      return {
        name: info.name,
        dtype: tensor.dtype,
        shape: dims.map(({ value }) => (value.case === "dimValue" ? Number(value.value) : "batch")),
      };
    });
  return { inputs: read(proto!.input, graph.inputs), outputs: read(proto!.output, graph.outputs) };
}

/**
 * Add notes to a model of standard operators, and write it.
 * @throws UsageError for an operator set that is not supported; AtelierError for an operator of another domain, or a model above 2 GB
 */
export function serialize(model: ModelProto, { metadata = {}, docs = {}, opset = newestOpset }: FileNotes): Uint8Array {
  if (!Object.hasOwn(formatVersions, opset)) {
    throw new UsageError({
      what: "This operator set cannot be written.",
      got: String(opset),
      expected: `one of: ${Object.keys(formatVersions).join(", ")}`,
      hint: "leave --opset out for the newest",
    });
  }
  const foreign = model.graph!.node.find(({ domain }) => domain !== "");
  if (foreign !== undefined) {
    throw new AtelierError({ what: "An operation has no form in standard ONNX.", where: foreign.opType, got: `domain ${foreign.domain}` });
  }
  requireWritable(model);
  model.irVersion = formatVersions[opset];
  for (const set of model.opsetImport) set.version = BigInt(opset);
  model.metadataProps = Object.entries(metadata).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }));
  for (const info of [...model.graph!.input, ...model.graph!.output]) info.docString = docs[info.name] ?? "";
  return toBinary(ModelProtoSchema, model);
}

function requireWritable({ graph }: ModelProto): void {
  const bytes = graph!.initializer.reduce((total, { rawData }) => total + rawData.length, 0);
  if (bytes < largestModel * 0.99) return;
  throw new AtelierError({
    what: "The model is too large for one ONNX file.",
    got: `${(bytes / 1e9).toFixed(2)} GB of weights`,
    expected: "less than 2 GB",
    hint: "export the weights alone: --format safetensors",
  });
}

/** Elements of an exported value at a batch size. */
export function exportedSize({ shape }: ExportedValue, batch: number): number {
  return sizeOf(shape.map((dim) => (dim === "batch" ? batch : dim)));
}
