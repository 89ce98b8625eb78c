/**
 * The original Transformer: an encoder and a decoder made of attention alone.
 * Paper: Vaswani et al., "Attention is all you need", 2017, arXiv:1706.03762.
 *
 *   paper        here                      shape             meaning
 *   x            source                    [B, S]            ids, the end token, padding 0
 *   y            target                    [B, T]            the begin token, ids, the end token, padding 0
 *   z            memory                    per layer [B, S, C]  keys and values that the decoder makes of what the encoder says
 *   d_model      width                     C
 *   h, d_k       heads, width / heads
 *   N, d_ff      layers, hidden
 *   ε_ls         smoothing                                   of the labels (section 5.4)
 *
 * The network is `nn/transformers/encoder-decoder.ts`, in the paper's order there. `paper` is the base model: post-norm, one table for both languages and the
 * logits, warm-up over 4,000 steps, then a rate that falls with the root of the step (Eq. 3: width^-1/2 · warmup^-1/2 = 0.0007 is its peak). Departs from the
 * paper: keys and values of both kinds of attention have biases, as their widespread implementations do; weights are one run's last, not the mean of several
 * checkpoints; beam search divides by length^α and not by ((5 + length) / 6)^α.
 */
import { z } from "zod";
import type { RandomStream } from "../../core/random.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { type Terms, terms } from "../../nn/losses.ts";
import { type Cache, EncoderDecoder, type EncoderDecoderConfig, type EncoderMemory } from "../../nn/transformers/encoder-decoder.ts";
import { type Batch, defineModel } from "../model.ts";
import { translationSampling } from "../translation.ts";
import {
  type PairConfig,
  pairData,
  pairFields,
  pairMetricInfo,
  pairMetrics,
  pairNats,
  perToken,
  shifted,
  sourceVocabularyOf,
} from "./pairs.ts";

const config = z.strictObject({
  ...pairFields,
  width: z.int().min(2).max(16_384).describe("C, width of a token's vector; an even multiple of heads"),
  heads: z.int().min(1).max(256).describe("of attention"),
  layers: z.int().min(1).max(64).describe("of the encoder, and of the decoder"),
  hidden: z.int().min(1).max(65_536).describe("width between the two maps of a feed-forward layer"),
  norm: z.enum(["post", "pre"]).describe("norms after the sums (the paper) or before the layers"),
  tied: z
    .enum(["none", "target", "all"])
    .describe("one table for the targets' embedding and the logits, or for the sources' embedding, too"),
  dropout: z.number().min(0).max(0.95).describe("of each layer's result and of embeddings with positions, while training"),
  smoothing: z.number().min(0).max(0.9).describe("what of a label is spread over all tokens, while training"),
});
export type TransformerConfig = PairConfig & EncoderDecoderConfig & { readonly smoothing: number };

/** The network, and how its labels are smoothed. */
export class Transformer extends EncoderDecoder {
  readonly smoothing: number;

  constructor(settings: TransformerConfig, rng: RandomStream) {
    super({ ...settings, sourceVocabulary: sourceVocabularyOf(settings) }, rng);
    this.smoothing = settings.smoothing;
  }

  /** Scores with the true tokens given (teacher forcing): source [B, S], inputs [B, T] -> logits [B, T, V]. */
  call(source: Tensor, inputs: Tensor): Tensor {
    return this.decode(inputs, this.encode(source));
  }
}

export function objective(network: Transformer, { source, target }: Batch): Terms {
  const { inputs, labels, counted } = shifted(target);
  const nats = pairNats(network.call(source, inputs), labels, counted, network.smoothing);
  return terms({ nats: perToken(nats, counted) });
}

export function metrics(network: Transformer, { source, target }: Batch): Record<string, Tensor> {
  const { inputs, labels, counted } = shifted(target);
  return pairMetrics(network.call(source, inputs), labels, counted);
}

type Named = Readonly<Record<string, Tensor>>;

/** Keys and values of all layers under names of their own, and back. */
function named(layers: readonly Cache[]): Named {
  return Object.fromEntries(
    layers.flatMap(({ keys, values }, i) => [
      [`keys${i}`, keys],
      [`values${i}`, values],
    ]),
  );
}

function layersOf(arrays: Named): Cache[] {
  const count = Object.keys(arrays).filter((name) => name.startsWith("keys")).length;
  return Array.from({ length: count }, (_, i) => ({ keys: arrays[`keys${i}`], values: arrays[`values${i}`] }));
}

const g2p: TransformerConfig = {
  ...{ sourceLength: 16, targetLength: 16, sourceVocabulary: 33, vocabulary: 43, sourceTokenizer: "char", tokenizer: "symbols" },
  ...{ width: 128, heads: 4, layers: 3, hidden: 512, norm: "pre", tied: "target", dropout: 0, smoothing: 0.1 },
};
const base: TransformerConfig = {
  ...{ ...g2p, sourceLength: 100, targetLength: 101, sourceVocabulary: 37_000, vocabulary: 37_000 },
  ...{ sourceTokenizer: "same", tokenizer: "byte-bpe", width: 512, heads: 8, layers: 6, hidden: 2048 },
  ...{ norm: "post", tied: "all", dropout: 0.1 },
};
const noam = { schedule: "inverse-root", beta2: 0.98, epsilon: 1e-9 } as const;

export const transformer = defineModel<TransformerConfig, Transformer>({
  name: "transformer",
  title: "Transformer (encoder-decoder)",
  family: "language",
  year: 2017,
  paper: "1706.03762",
  summary: "Reads a whole text at once and writes another, token by token; every token looks at all others and takes what it needs.",
  config,
  presets: {
    smoke: {
      config: { ...g2p, sourceLength: 6, targetLength: 5, width: 8, heads: 2, layers: 1, hidden: 12 },
      training: { epochs: 1, batch: 16, learningRate: 1e-2 },
      about: "seconds; for tests",
    },
    small: {
      config: g2p,
      training: { epochs: 5, batch: 128, learningRate: 2e-3, schedule: "cosine", warmup: 300, beta2: 0.98, clipNorm: 1 },
      about: "the sounds of words",
    },
    original: {
      config: { ...g2p, norm: "post", dropout: 0.1 },
      training: { epochs: 6, batch: 128, learningRate: 1.4e-3, warmup: 1000, ...noam },
      about: "the sounds of words with the paper's norms, dropout and schedule",
    },
    messages: {
      config: {
        ...{ ...g2p, sourceLength: 48, targetLength: 60, sourceVocabulary: 1500, vocabulary: 1500 },
        ...{ sourceTokenizer: "same", tokenizer: "byte-bpe", tied: "all", dropout: 0.3 },
      },
      training: { epochs: 80, batch: 32, learningRate: 1e-3, schedule: "cosine", warmup: 300, beta2: 0.98, clipNorm: 1 },
      about: "a compiler's messages from English to French",
      data: "ts-diagnostics",
    },
    paper: {
      config: base,
      training: { epochs: 10, batch: 256, learningRate: 7e-4, warmup: 4000, ...noam },
      about: "the base model's sizes, for a translation corpus of your own",
      data: "ts-diagnostics",
    },
  },
  data: { sets: ["g2p", "ts-diagnostics"], ...pairData },
  build: (settings, rng) => new Transformer(settings, rng),
  objective,
  metrics,
  metricInfo: pairMetricInfo,
  sampling: translationSampling,
  translation: {
    begin(network, source, length) {
      const { layers, bias } = network.encode(source);
      return { memory: { ...named(layers), bias }, state: named(network.emptyCache(source.shape[0], length)) };
    },
    step(network, { tokens, position, memory, state }) {
      const looked: EncoderMemory = { layers: layersOf(memory), bias: memory.bias };
      const { logits, caches, weights } = network.step(tokens, position, layersOf(state), looked);
      return { logits, state: named(caches), weights };
    },
  },
});
