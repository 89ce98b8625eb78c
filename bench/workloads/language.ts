import type { RandomStream } from "../../src/core/random.ts";
import { Parameter } from "../../src/graph/leaf.ts";
import { matmul } from "../../src/graph/ops/linalg.ts";
import { full } from "../../src/graph/ops/movement.ts";
import { layerNorm } from "../../src/graph/ops/norm.ts";
import { chunk } from "../../src/graph/ops/split.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { gelu } from "../../src/nn/activations.ts";
import { scaledDotProductAttention } from "../../src/nn/attention.ts";
import { Embedding } from "../../src/nn/embedding.ts";
import { Linear } from "../../src/nn/linear.ts";
import { crossEntropy } from "../../src/nn/losses.ts";
import { Module } from "../../src/nn/module.ts";
import { LSTM } from "../../src/nn/recurrent.ts";
import { adamw } from "../../src/optim/adam.ts";
import { STREAMS, tokens } from "../harness/values.ts";
import type { Workload } from "../harness/workload.ts";
import { trainingWorkload } from "./training.ts";

// Language models: the LSTM of Generative Deep Learning, 2nd ed., ch. 5, and nanoGPT's GPT without biases and dropout.

const text = { batch: 32, steps: 200, vocabulary: 10_000, width: 100, hidden: 128 };

/** Tokens [B, T] -> logits [B · T, V]. */
class LstmLanguageModel extends Module {
  readonly embedding: Embedding;
  readonly lstm: LSTM;
  readonly head: Linear;

  constructor(rng: RandomStream) {
    super();
    this.embedding = new Embedding({ count: text.vocabulary, width: text.width, rng });
    this.lstm = new LSTM({ in: text.width, hidden: text.hidden, rng });
    this.head = new Linear({ in: text.hidden, out: text.vocabulary, rng });
  }

  call(ids: Tensor): Tensor {
    return this.head.call(this.lstm.call(this.embedding.call(ids)).outputs.reshape([-1, text.hidden]));
  }
}

function lstm(): Workload {
  const { batch, steps, vocabulary, width, hidden } = text;
  const shape = [batch, steps];
  return trainingWorkload({
    name: "lstm",
    summary: "LSTM language model, 200 steps, embedding 100, hidden 128, 10,000 words (2.4 million parameters), batch 32, Adam",
    build: (rng) => new LstmLanguageModel(rng),
    objective: (network, { ids, targets }) => crossEntropy(network.call(ids), targets.reshape([-1])).mean(),
    inputs: { ids: { shape, dtype: "int32" }, targets: { shape, dtype: "int32" } },
    batches: () => ({ ids: tokens(STREAMS.ids, shape, vocabulary), targets: tokens(STREAMS.labels, shape, vocabulary) }),
    learningRate: 1e-3,
    // Forward, and twice that backward: the gates' two products and the head's.
    flops: 3 * 2 * batch * steps * (4 * hidden * (width + hidden) + hidden * vocabulary),
  });
}

interface GptConfig {
  layers: number;
  heads: number;
  width: number;
  context: number;
  batch: number;
}

const vocabulary = 65;

/** Layer norm with a scale only. */
class Norm extends Module {
  readonly weight: Parameter;

  constructor(width: number) {
    super();
    this.weight = new Parameter([width], new Float32Array(width).fill(1));
  }

  call(x: Tensor): Tensor {
    return layerNorm(x, this.weight, full(this.weight.shape, 0), 1e-5).y;
  }
}

class Block extends Module {
  readonly norm1: Norm;
  readonly qkv: Linear;
  readonly out: Linear;
  readonly norm2: Norm;
  readonly up: Linear;
  readonly down: Linear;
  readonly #heads: number;

  constructor({ width, heads }: GptConfig, rng: RandomStream) {
    super();
    const linear = (inputs: number, out: number) => new Linear({ in: inputs, out, bias: false, rng });
    this.norm1 = new Norm(width);
    this.qkv = linear(width, 3 * width);
    this.out = linear(width, width);
    this.norm2 = new Norm(width);
    this.up = linear(width, 4 * width);
    this.down = linear(4 * width, width);
    this.#heads = heads;
  }

  /** [B, T, C] -> [B, T, C] */
  call(x: Tensor): Tensor {
    const [B, T, C] = x.dims("B T C");
    const [q, k, v] = chunk(this.qkv.call(this.norm1.call(x)), 3, 2).map((part) =>
      part.reshape([B, T, this.#heads, C / this.#heads]).transpose([0, 2, 1, 3]),
    );
    const mixed = scaledDotProductAttention(q, k, v, { causal: true }).transpose([0, 2, 1, 3]).reshape([B, T, C]);
    const attended = x.add(this.out.call(mixed));
    return attended.add(this.down.call(gelu(this.up.call(this.norm2.call(attended)))));
  }
}

/** Tokens [B, T] -> logits [B · T, V]; the head shares the embedding's weight. */
class Gpt extends Module {
  readonly tokens: Embedding;
  readonly positions: Embedding;
  readonly blocks: Block[];
  readonly norm: Norm;

  constructor(config: GptConfig, rng: RandomStream) {
    super();
    this.tokens = new Embedding({ count: vocabulary, width: config.width, rng });
    this.positions = new Embedding({ count: config.context, width: config.width, rng });
    this.blocks = Array.from({ length: config.layers }, () => new Block(config, rng));
    this.norm = new Norm(config.width);
  }

  call(ids: Tensor): Tensor {
    const embedded = this.tokens.call(ids).add(this.positions.weight);
    const features = this.norm.call(this.blocks.reduce((x, block) => block.call(x), embedded));
    return matmul(features.reshape([-1, features.shape[2]]), this.tokens.weight, { transB: true });
  }
}

function gpt(name: string, summary: string, config: GptConfig): Workload {
  const shape = [config.batch, config.context];
  return trainingWorkload({
    name,
    summary,
    build: (rng) => new Gpt(config, rng),
    objective: (network, { ids, targets }) => crossEntropy(network.call(ids), targets.reshape([-1])).mean(),
    inputs: { ids: { shape, dtype: "int32" }, targets: { shape, dtype: "int32" } },
    batches: () => ({ ids: tokens(STREAMS.ids, shape, vocabulary), targets: tokens(STREAMS.labels, shape, vocabulary) }),
    optimizer: adamw({ beta2: 0.99 }),
    learningRate: 1e-3,
    weightDecay: 0.1,
    clipNorm: 1,
  });
}

const small: GptConfig = { layers: 4, heads: 4, width: 128, context: 64, batch: 12 };
const medium: GptConfig = { layers: 6, heads: 6, width: 384, context: 256, batch: 16 };

export const languageWorkloads: readonly Workload[] = [
  lstm(),
  gpt("gpt-small", "GPT of 4 layers, 4 heads, width 128, context 64 (0.8 million parameters), batch 12, AdamW, clipped", small),
  gpt("gpt-medium", "GPT of 6 layers, 6 heads, width 384, context 256 (10.7 million parameters), batch 16, AdamW, clipped", medium),
];
