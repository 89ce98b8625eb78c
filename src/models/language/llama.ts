/**
 * A decoder-only Transformer in Llama's style (Touvron et al., "LLaMA: open and efficient foundation language models", 2023, arXiv:2302.13971): what a GPT is,
 * with root-mean-square norms (Zhang and Sennrich 2019), rotary positions (Su et al. 2021), SwiGLU (Shazeer 2020) and no biases.
 *
 *   paper        here                              shape             range or unit
 *   x_t          tokens[:, :T]                     [B, T] int32      ids in [0, V)
 *   q, k         self_attn.q_proj, k_proj          [B, H, T, D]      turned by their positions, so that scores know distances
 *   K            keyValueHeads                                       heads of keys and values: H (multi-head), 1 (multi-query), or between (grouped)
 *   softmax(qk^T/√D)  attention()                  [B, H, T, T]      where a token looks; rows sum to 1
 *   P(x)         call()                            [B, T, V]         logits of the next token
 *   -log P       objective(), `nats`               scalar            nats per token, mean over B and T
 *
 * Grouped-query attention: Ainslie et al., "GQA", 2023, arXiv:2305.13245; multi-query: Shazeer, "Fast Transformer decoding", 2019, arXiv:1911.02150. Query heads of
 * a group share keys and values, so that what is remembered while writing is H / K times smaller.
 * The network itself is `nn/transformers/llama.ts`, whose parameters have the names of Hugging Face's files. Departs from the paper: `paper` is the smallest
 * published network of this architecture that is trained from scratch at home (15 million parameters, github.com/karpathy/llama2.c), as 7 billion do not fit.
 */
import { z } from "zod";
import { UsageError } from "../../core/errors.ts";
import { Llama } from "../../nn/transformers/llama.ts";
import { defineModel } from "../model.ts";
import { languageMetricInfo, languageMetrics, nano, type TextConfig, textData, textFields, windowNats, windowObjective } from "./blocks.ts";

const config = z.strictObject({
  ...textFields,
  width: z.int().min(2).max(65_536).describe("numbers of a token's vector, a multiple of heads"),
  hidden: z.int().min(1).max(1_000_000).describe("numbers inside of the feed-forward layer; 8 / 3 of the width is as large as GPT's"),
  layers: z.int().min(1).max(512).describe("blocks of attention and feed-forward layer on top of each other"),
  heads: z.int().min(1).max(1024).describe("attentions side by side in a block"),
  keyValueHeads: z.int().min(1).max(1024).describe("heads of keys and values, a divisor of heads; 1 is multi-query attention"),
  tied: z.boolean().describe("the logits are products with the embeddings"),
  dropout: z.number().min(0).max(0.95).describe("probability of zeroing, while training: attention weights, what blocks add"),
});

export interface LlamaModelConfig extends TextConfig {
  readonly width: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly tied: boolean;
  readonly dropout: number;
}

const characters: LlamaModelConfig = {
  ...{ context: 64, tokenizer: "char", vocabulary: 256 },
  ...{ width: 128, hidden: 344, layers: 4, heads: 4, keyValueHeads: 4, tied: true, dropout: 0 },
};

export const llama = defineModel<LlamaModelConfig, Llama>({
  name: "llama",
  title: "Llama",
  family: "language",
  year: 2023,
  paper: "2302.13971",
  summary:
    "A GPT with what made it better since: norms without means, positions as rotations, gated feed-forward layers. Heads may share keys and values, which makes writing faster.",
  config,
  presets: {
    smoke: {
      config: { ...characters, context: 8, vocabulary: 24, width: 16, hidden: 20, layers: 2, keyValueHeads: 2, tied: false },
      training: { epochs: 1, batch: 4 },
      about: "seconds; for tests",
      data: "tinyshakespeare",
    },
    small: {
      config: characters,
      training: { ...nano, steps: 2000, batch: 12 },
      about: "as large as the small GPT, a play letter by letter; about a minute",
      data: "tinyshakespeare",
    },
    "multi-query": {
      config: { ...characters, keyValueHeads: 1 },
      training: { ...nano, steps: 2000, batch: 12 },
      about: "as small, with one head of keys and values for all queries",
      data: "tinyshakespeare",
    },
    grouped: {
      config: { ...characters, keyValueHeads: 2 },
      training: { ...nano, steps: 2000, batch: 12 },
      about: "as small, with two heads of keys and values",
      data: "tinyshakespeare",
    },
    words: {
      config: {
        ...characters,
        ...{ context: 128, tokenizer: "sentencepiece-bpe", vocabulary: 4096 },
        ...{ width: 192, hidden: 512, heads: 6, keyValueHeads: 2, dropout: 0.1 },
      },
      training: { ...nano, steps: 1500, batch: 16 },
      about: "American prose in 4,096 tokens with bytes for what is rare; about eight minutes",
      data: "brown",
    },
    hello: {
      config: {
        ...characters,
        ...{ context: 128, tokenizer: "byte-bpe", vocabulary: 3072 },
        ...{ width: 160, hidden: 368, layers: 5, heads: 5, keyValueHeads: 5, dropout: 0.1 },
      },
      training: { ...nano, learningRate: 2e-3, steps: 4000, batch: 32 },
      about: "1.9 million parameters, less than 4 MB in half precision, American prose: the model of `atelier hello` without a network",
      data: "brown",
    },
    paper: {
      config: {
        ...{ context: 256, tokenizer: "sentencepiece-bpe", vocabulary: 32_000 },
        ...{ width: 288, hidden: 768, layers: 6, heads: 6, keyValueHeads: 6, tied: true, dropout: 0 },
      },
      training: { ...nano, learningRate: 5e-4, beta2: 0.95, warmup: 1000, finalRate: 0, steps: 100_000, batch: 128 },
      about: "15 million parameters, as llama2.c trains them from scratch: days on a graphics card",
      data: "brown",
    },
  },
  data: { sets: ["tinyshakespeare", "brown", "moby-dick", "sotu"], ...textData },
  build: (settings, rng) => {
    const { heads, keyValueHeads } = settings;
    if (heads % keyValueHeads !== 0) {
      throw new UsageError({
        what: "Heads of keys and values must divide those of queries.",
        got: `heads ${heads}, keyValueHeads ${keyValueHeads}`,
      });
    }
    return new Llama(settings, rng);
  },
  objective: windowObjective,
  metrics: (model, batch) => languageMetrics(windowNats(model, batch)),
  metricInfo: languageMetricInfo,
  logits: (model, tokens) => model.call(tokens),
  attends: true,
});
