import { gradients } from "../../src/autodiff/gradient.ts";
import { RandomStream } from "../../src/core/random.ts";
import { collect, isInput } from "../../src/graph/graph.ts";
import { input } from "../../src/graph/ops/source.ts";
import { simplify } from "../../src/graph/passes/simplify.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { Trace, withTrace } from "../../src/graph/trace.ts";
import { lower } from "../../src/lower/lower.ts";
import { crossEntropy, Embedding, gelu, LayerNorm, Linear, Module, namedParameters } from "../../src/nn/index.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { Trainer } from "../../src/train/trainer.ts";
import type { Prepared, Workload } from "../harness/workload.ts";

/** Sizes of a decoder-only Transformer. */
interface GptSize {
  layers: number;
  width: number;
  heads: number;
  /** Time steps. */
  context: number;
  vocabulary: number;
  batch: number;
}

/** A pre-norm Transformer block of plain ops, [B, T, D] -> [B, T, D]. */
class Block extends Module {
  readonly norms: readonly LayerNorm[];
  readonly qkv: Linear;
  readonly out: Linear;
  readonly up: Linear;
  readonly down: Linear;
  readonly heads: number;

  constructor({ width, heads }: GptSize, rng: RandomStream) {
    super();
    this.heads = heads;
    this.norms = [new LayerNorm({ width }), new LayerNorm({ width })];
    this.qkv = new Linear({ in: width, out: 3 * width, rng });
    this.out = new Linear({ in: width, out: width, rng });
    this.up = new Linear({ in: width, out: 4 * width, rng });
    this.down = new Linear({ in: 4 * width, out: width, rng });
  }

  call(x: Tensor): Tensor {
    const y = x.add(this.#attend(this.norms[0].call(x)));
    return y.add(this.down.call(gelu(this.up.call(this.norms[1].call(y)))));
  }

  /** Attention of each time step to all: a mask would add one node. */
  #attend(x: Tensor): Tensor {
    const [B, T, D] = x.dims("B T D");
    const size = D / this.heads;
    const all = this.qkv.call(x);
    const [q, k, v] = [0, 1, 2].map((i) =>
      all
        .slice(2, i * D, (i + 1) * D)
        .reshape([B, T, this.heads, size])
        .transpose([0, 2, 1, 3]),
    );
    const weights = q
      .matmul(k.transpose([0, 1, 3, 2]))
      .mul(1 / Math.sqrt(size))
      .softmax();
    return this.out.call(weights.matmul(v).transpose([0, 2, 1, 3]).reshape([B, T, D]));
  }
}

class Gpt extends Module {
  readonly tokens: Embedding;
  readonly positions: Embedding;
  readonly blocks: readonly Block[];
  readonly norm: LayerNorm;
  readonly head: Linear;

  constructor(size: GptSize, rng: RandomStream) {
    super();
    const { layers, width, context, vocabulary } = size;
    this.tokens = new Embedding({ count: vocabulary, width, rng });
    this.positions = new Embedding({ count: context, width, rng });
    this.blocks = Array.from({ length: layers }, () => new Block(size, rng));
    this.norm = new LayerNorm({ width });
    this.head = new Linear({ in: width, out: vocabulary, rng, bias: false });
  }

  /** ids [B, T] -> logits [B, T, V]. */
  call(ids: Tensor): Tensor {
    const x = this.tokens.call(ids).add(this.positions.weight);
    return this.head.call(this.norm.call(this.blocks.reduce((y, block) => block.call(y), x)));
  }
}

/** A training graph of 5,004 nodes after the passes; small tensors, so that running it takes no time. */
const deep: GptSize = { layers: 42, width: 32, heads: 2, context: 16, vocabulary: 65, batch: 2 };
/** 10.6 million parameters. */
const gpt: GptSize = { layers: 6, width: 384, heads: 6, context: 256, vocabulary: 65, batch: 1 };

const loss = (model: Gpt, ids: Tensor, labels: Tensor) => crossEntropy(model.call(ids), labels).mean();

/** Milliseconds of each phase from sizes to a session, and the nodes of the training graph after the passes. */
export interface Phases {
  milliseconds: Record<string, number>;
  nodes: number;
}

/** Make the training graph of a Transformer and load it, phase by phase. */
export async function compilePhases(size: GptSize): Promise<Phases> {
  const backend = await openBackend({ device: "cpu" });
  const milliseconds: Record<string, number> = {};
  let at = performance.now();
  const lap = (name: string) => {
    milliseconds[name] = performance.now() - at;
    at = performance.now();
  };
  const model = new Gpt(size, new RandomStream(0, "bench"));
  lap("weights");
  const shape = [size.batch, size.context];
  const total = withTrace(new Trace({ training: true }), () => loss(model, input("ids", shape, "int32"), input("labels", shape, "int32")));
  lap("trace");
  const derived = gradients(total, [...namedParameters(model).values()]);
  lap("gradients");
  const graph = simplify(collect([total, ...derived].map((tensor, i) => ({ name: `y${i}`, tensor }))));
  lap("passes");
  const bytes = lower(graph, { target: backend.target, channelBlock: backend.channelBlock });
  lap("lowering");
  const executable = await backend.load(bytes, { name: "compile", optimize: "none" });
  lap("session");
  await executable.dispose();
  return { milliseconds, nodes: graph.nodes.filter((node) => !isInput(node)).length };
}

/** The phases of both sizes, for `bench/compile.ts`. */
export const phaseSizes: Readonly<Record<string, GptSize>> = { "compile-5000": deep, "gpt-first-step": gpt };

/** From nothing to the first finished step. No peer does the same work. */
export async function firstStep(size: GptSize): Promise<void> {
  const model = new Gpt(size, new RandomStream(0, "bench"));
  const spec = { shape: [size.batch, size.context], dtype: "int32" } as const;
  const trainer = await Trainer.create({
    backend: await openBackend({ device: "cpu" }),
    module: model,
    objective: ({ ids, labels }) => loss(model, ids, labels),
    inputs: { ids: spec, labels: spec },
  });
  await trainer.advance();
  await trainer.dispose();
}

function workload(name: string, summary: string, step: () => Promise<unknown>): Workload {
  const prepare = async (): Promise<Prepared> => ({
    step: async () => {
      await step();
    },
    close: async () => undefined,
  });
  return { name, summary, prepare };
}

export const compileWorkloads: readonly Workload[] = [
  workload("compile-5000", "trace, gradients, passes, lowering and session of a training graph of 5,004 nodes", () => compilePhases(deep)),
  workload("gpt-first-step", "10.6 million parameters, context 256, batch 1: from sizes to the first finished step", () => firstStep(gpt)),
];
