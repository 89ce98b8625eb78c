import { toBinary } from "@bufbuild/protobuf";
import type { Shape, TypedArray } from "../core/dtype.ts";
import { sizeOf } from "../core/dtype.ts";
import { collect, type Graph, type Named } from "../graph/graph.ts";
import { isLeaf } from "../graph/leaf.ts";
import { gather } from "../graph/ops/gather.ts";
import { input } from "../graph/ops/source.ts";
import { simplify } from "../graph/passes/simplify.ts";
import { Trace, withTrace } from "../graph/trace.ts";
import { freeDims, type Sizes } from "../lower/free-dims.ts";
import { lowerProto } from "../lower/lower.ts";
import { ModelProtoSchema } from "../lower/onnx_pb.ts";
import { takeOutWeights } from "../lower/outside-weights.ts";
import { type Precision, quantizeProducts } from "../lower/weight-only.ts";
import type { DecoderNetwork, DecoderSizes } from "../nn/decoder.ts";
import type { Backend, Binding, Executable } from "../runtime/backend.ts";
import { nameLeaves } from "../runtime/program.ts";

const axes = ["rows", "tokens", "places", "wanted"] as const;

/** Sizes of one call: texts B, new tokens of each T, places of the cache S, and tokens whose logits are wanted M. All at least 1. */
export type CallSizes = Sizes<(typeof axes)[number]>;

/** A cache's arrays for the rows of a call: per layer [B, K, S, D]. They are read where they lie. */
export interface CacheArrays {
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}

/** Arrays of one call: write the inputs, run, read the outputs. */
export interface DecoderCall {
  readonly sizes: CallSizes;
  /** [B, T] */
  readonly tokens: Int32Array;
  /** [B, T] */
  readonly positions: Int32Array;
  /** [B, 1, T, S + T], 1 where a token looks. */
  readonly mask: Uint8Array;
  /** [M], row · T + token. */
  readonly wanted: Int32Array;
  /** [M, V] */
  readonly logits: Float32Array;
  /** [B, T, C]; absent unless asked for. */
  readonly hidden: Float32Array | undefined;
  /** Of the new tokens, per layer [B, K, T, D]. */
  readonly made: CacheArrays;
  run(): Promise<void>;
  /** Run on this thread: for measurements, and steps of around a millisecond. */
  runSync: (() => void) | undefined;
  dispose(): void;
}

export interface DecoderSessionOptions {
  /** How weights of products are kept. Default float32. */
  precision?: Precision | undefined;
  /** Shown in errors. Default `decoder`. */
  name?: string | undefined;
}

/**
 * A decoder as one program for all sizes: its weights are there once, and batches of any number of rows, tokens and places of the cache are calls of it.
 * Nothing is compiled again while texts grow.
 */
export class DecoderSession {
  readonly sizes: DecoderSizes;
  /** Width of hidden states, C. */
  readonly width: number;
  readonly #executable: Executable;

  private constructor(executable: Executable, sizes: DecoderSizes, width: number) {
    this.#executable = executable;
    this.sizes = sizes;
    this.width = width;
  }

  /** Trace, lower and load a network, whose weights are copied. @throws AtelierError where its graph cannot be used for all sizes; RuntimeError */
  static async open(backend: Backend, network: DecoderNetwork, options: DecoderSessionOptions = {}): Promise<DecoderSession> {
    const { precision = "float32", name = "decoder" } = options;
    const first = traceDecoder(network, { rows: 1, tokens: 2, places: 3, wanted: 1 });
    await backend.memory?.read(Object.values(weightsOf(first)));
    const hidden = first.outputs.find((output) => output.name === "hidden")!.tensor;
    const model = freeDims(axes, [["rows", "tokens"]], (sizes) => {
      const graph = traceDecoder(network, sizes);
      return lowerProto(graph, { target: backend.target, baked: weightsOf(graph) });
    });
    if (precision !== "float32") quantizeProducts(model, precision);
    const weights = backend.takesWeights ? takeOutWeights(model) : undefined;
    const executable = await backend.load(toBinary(ModelProtoSchema, model), { name, optimize: "all", weights });
    return new DecoderSession(executable, network.decoder, hidden.shape[2]);
  }

  /**
   * Bind arrays for calls of these sizes. The call's own arrays are new unless given in `reuse`, whose arrays may be longer.
   * @param withHidden whether hidden states are wanted
   */
  bind(sizes: CallSizes, cache: CacheArrays, { withHidden = false } = {}): DecoderCall {
    const { rows: B, tokens: T, places: S, wanted: M } = sizes;
    const { keyValueHeads: K, headSize: D, vocabulary: V, layers } = this.sizes;
    const made = { keys: perLayer(layers, B * K * T * D), values: perLayer(layers, B * K * T * D) };
    const hidden = withHidden ? new Float32Array(B * T * this.width) : undefined;
    const arrays = {
      tokens: new Int32Array(B * T),
      positions: new Int32Array(B * T),
      mask: new Uint8Array(B * T * (S + T)),
      wanted: new Int32Array(M),
    };
    const logits = new Float32Array(M * V);
    const inputs: Record<string, TypedArray> = { ...arrays };
    const outputs: Record<string, TypedArray> = { logits, ...(hidden === undefined ? {} : { hidden }) };
    const shapes: Record<string, Shape> = {
      tokens: [B, T],
      positions: [B, T],
      mask: [B, 1, T, S + T],
      wanted: [M],
      logits: [M, V],
      hidden: [B, T, this.width],
    };
    for (let layer = 0; layer < layers; layer++) {
      for (const kind of ["keys", "values"] as const) {
        inputs[`past.${kind}.${layer}`] = cache[kind][layer];
        outputs[`${kind}.${layer}`] = made[kind][layer];
        shapes[`past.${kind}.${layer}`] = [B, K, S, D];
        shapes[`${kind}.${layer}`] = [B, K, T, D];
      }
    }
    const binding: Binding = this.#executable.bind(inputs, outputs, shapes);
    return {
      sizes,
      ...arrays,
      logits,
      hidden,
      made,
      run: () => binding.run(),
      runSync: binding.runSync === undefined ? undefined : () => binding.runSync?.(),
      dispose: () => binding.dispose(),
    };
  }

  /** Free the program. The calls must be disposed before. */
  dispose(): Promise<void> {
    return this.#executable.dispose();
  }
}

function perLayer(layers: number, size: number): Float32Array[] {
  return Array.from({ length: layers }, () => new Float32Array(size));
}

function weightsOf(graph: Graph): Record<string, TypedArray> {
  return Object.fromEntries(graph.inputs.flatMap(({ name, tensor }) => (isLeaf(tensor) ? [[name, tensor.data]] : [])));
}

/** The graph of a call at given sizes, its weights named in the order that they are met in. */
function traceDecoder(network: DecoderNetwork, { rows: B, tokens: T, places: S, wanted: M }: CallSizes): Graph {
  const { layers, keyValueHeads: K, headSize: D, vocabulary: V } = network.decoder;
  const outputs = withTrace(new Trace({ training: false }), () => {
    const past = (kind: string) => Array.from({ length: layers }, (_, layer) => input(`past.${kind}.${layer}`, [B, K, S, D], "float32"));
    const tokens = input("tokens", [B, T], "int32");
    const positions = input("positions", [B, T], "int32");
    const mask = input("mask", [B, 1, T, S + T], "bool");
    const decoded = network.decode(tokens, positions, { keys: past("keys"), values: past("values"), mask });
    const { hidden } = decoded;
    const width = hidden.shape[2];
    // Logits are a large product: only those that are wanted.
    const chosen = gather(hidden.reshape([sizeOf([B, T]), width]), input("wanted", [M], "int32"), 0);
    const logits = network.logitsOf(chosen.reshape([1, M, width])).reshape([M, V]);
    const made = (kind: "keys" | "values") => decoded[kind].map((tensor, layer): Named => ({ name: `${kind}.${layer}`, tensor }));
    return [{ name: "logits", tensor: logits }, { name: "hidden", tensor: hidden }, ...made("keys"), ...made("values")];
  });
  return simplify(nameLeaves(collect(outputs)));
}
