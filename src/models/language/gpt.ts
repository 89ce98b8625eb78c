/**
 * GPT: a decoder-only Transformer with GPT-2's architecture (Radford et al., "Language models are unsupervised multitask learners", 2019; attention of Vaswani
 * et al., "Attention is all you need", 2017, arXiv:1706.03762). Every token looks back at those before it, layer upon layer, and says which comes next.
 *
 *   paper        here                        shape               range or unit
 *   U            tokens[:, :T]               [B, T] int32        ids in [0, V)
 *   W_e          transformer.wte.weight      [V, C]              a vector a token; the logits are products with it, too
 *   W_p          transformer.wpe.weight      [T, C]              a vector a position
 *   h_l          Gpt2Block.call()            [B, T, C]           the stream that layers add to
 *   Q, K, V      attn.c_attn                 [B, H, T, C / H]    queries, keys, values of each head
 *   softmax(QK^T/√d)  attention()            [B, H, T, T]        where a token looks; rows sum to 1
 *   P(u)         call()                      [B, T, V]           logits of the next token
 *   -log P       objective(), `nats`         scalar              nats per token, mean over B and T
 *
 * The network itself is `nn/transformers/gpt2.ts`, whose parameters have the names of Hugging Face's files. `nanogpt` is nanoGPT's setting for a processor
 * (github.com/karpathy/nanoGPT, README, "I only have a macbook"), which reports a validation loss of 1.88; `small` is the same at twice the learning rate,
 * which small networks bear; `paper` is GPT-2 small, 124,439,808 parameters.
 * Departs from nanoGPT: weight decay also acts on the gains of the norms, and characters are taken from both splits.
 */
import { z } from "zod";
import { Gpt2 } from "../../nn/transformers/gpt2.ts";
import { defineModel } from "../model.ts";
import { languageMetricInfo, languageMetrics, nano, type TextConfig, textData, textFields, windowNats, windowObjective } from "./blocks.ts";

const config = z.strictObject({
  ...textFields,
  width: z.int().min(2).max(65_536).describe("numbers of a token's vector, a multiple of heads"),
  layers: z.int().min(1).max(512).describe("blocks of attention and feed-forward layer on top of each other"),
  heads: z.int().min(1).max(1024).describe("attentions side by side in a block"),
  bias: z.boolean().describe("linear maps and norms have biases, as GPT-2's have"),
  activation: z.enum(["gelu", "gelu-tanh"]).describe("between the maps of a feed-forward layer: exact, or GPT-2's approximation"),
  dropout: z.number().min(0).max(0.95).describe("probability of zeroing, while training: embeddings, attention weights, what blocks add"),
});

export interface GptConfig extends TextConfig {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly bias: boolean;
  readonly activation: "gelu" | "gelu-tanh";
  readonly dropout: number;
}

const characters: GptConfig = {
  ...{ context: 64, tokenizer: "char", vocabulary: 256 },
  ...{ width: 128, layers: 4, heads: 4, bias: false, activation: "gelu", dropout: 0 },
};

export const gpt = defineModel<GptConfig, Gpt2>({
  name: "gpt",
  title: "GPT",
  family: "language",
  year: 2019,
  paper: "Radford, Wu, Child, Luan, Amodei and Sutskever, Language models are unsupervised multitask learners, 2019",
  summary:
    "Every token looks back at all those before it, layer upon layer, and says which comes next. Drawn from again and again, it writes; where it looks can be seen.",
  config,
  presets: {
    smoke: {
      config: { ...characters, context: 8, vocabulary: 24, width: 12, layers: 2, heads: 3, bias: true, activation: "gelu-tanh" },
      training: { epochs: 1, batch: 4 },
      about: "seconds; for tests",
      data: "tinyshakespeare",
    },
    small: {
      config: characters,
      training: { ...nano, learningRate: 2e-3, steps: 2000, batch: 12 },
      about: "a play letter by letter: nanoGPT's setting for a processor at twice its learning rate; about a minute",
      data: "tinyshakespeare",
    },
    nanogpt: {
      config: characters,
      training: { ...nano, steps: 2000, batch: 12 },
      about: "nanoGPT's setting for a processor as it is; about a minute",
      data: "tinyshakespeare",
    },
    minutes: {
      config: { ...characters, context: 128, width: 256, layers: 6, heads: 8, dropout: 0.15 },
      training: { ...nano, steps: 1800, batch: 32 },
      about: "the same play with what twenty minutes on two cores allow",
      data: "tinyshakespeare",
    },
    shakespeare: {
      config: { ...characters, context: 256, width: 384, layers: 6, heads: 6, dropout: 0.2 },
      training: { ...nano, steps: 5000, batch: 64 },
      about: "nanoGPT's setting for a graphics card, which reports 1.4697; many hours on two cores",
      data: "tinyshakespeare",
    },
    words: {
      config: { ...characters, context: 128, tokenizer: "byte-bpe", vocabulary: 4096, width: 192, layers: 4, heads: 6, dropout: 0.1 },
      training: { ...nano, steps: 1500, batch: 16 },
      about: "American prose in 4,096 byte-level tokens; about eight minutes",
      data: "brown",
    },
    paper: {
      config: {
        ...{ context: 1024, tokenizer: "byte-bpe", vocabulary: 50_257 },
        ...{ width: 768, layers: 12, heads: 12, bias: true, activation: "gelu-tanh", dropout: 0.1 },
      },
      training: { ...nano, learningRate: 6e-4, beta2: 0.95, warmup: 2000, steps: 600_000, batch: 480 },
      about: "GPT-2 small, 124,439,808 parameters, with nanoGPT's training: days on eight graphics cards",
      data: "brown",
    },
  },
  data: { sets: ["tinyshakespeare", "brown", "moby-dick", "sotu"], ...textData },
  build: (settings, rng) => new Gpt2(settings, rng),
  objective: windowObjective,
  metrics: (model, batch) => languageMetrics(windowNats(model, batch)),
  metricInfo: languageMetricInfo,
  logits: (model, tokens) => model.call(tokens),
  attends: true,
});
