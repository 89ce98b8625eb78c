/** What language models share: the sizes of their text, the loss per token, and the metrics. */
import { z } from "zod";
import type { Tensor } from "../../graph/tensor.ts";
import { crossEntropy, type Terms, terms } from "../../nn/losses.ts";
import type { Module } from "../../nn/module.ts";
import { tokenizerKinds } from "../../tokenizers/learn.ts";
import type { Batch, MetricInfo, TrainingSettings } from "../model.ts";

/** Settings of the text that a model reads. */
export const textFields = {
  context: z.int().min(1).max(65_536).describe("tokens of a window: how far back training looks"),
  tokenizer: z.enum(tokenizerKinds).describe("kind of the tokenizer that is trained where none is given (--tokenizer)"),
  vocabulary: z
    .int()
    .min(2)
    .max(1_000_000)
    .describe("tokens at most of the tokenizer that is trained; unless it is set, the tokenizer's own number afterwards"),
};

export interface TextConfig {
  readonly context: number;
  readonly tokenizer: (typeof tokenizerKinds)[number];
  readonly vocabulary: number;
}

/** The part of a record's `data` that follows from these settings: windows of a long text. */
export const textData = {
  labels: false,
  shape: ({ context, vocabulary }: TextConfig) => ({ tokens: context, vocabulary }),
  tokenizer: ({ tokenizer, vocabulary }: TextConfig) => ({ kind: tokenizer, size: vocabulary }),
} as const;

/** What is read and what is to be said: windows [B, T + 1] -> inputs and targets [B, T], the targets one token on. */
export function inputsAndTargets(tokens: Tensor): { inputs: Tensor; targets: Tensor } {
  const [, length] = tokens.shape;
  return { inputs: tokens.slice(1, 0, length - 1), targets: tokens.slice(1, 1, length) };
}

/** -log p of each window's tokens, in nats per token: the mean over T. logits [B, T, V], targets [B, T] -> [B]. */
export function natsPerToken(logits: Tensor, targets: Tensor): Tensor {
  return crossEntropy(logits, targets).mul(1 / targets.shape[1]);
}

/** A network that reads ids [B, T] and scores what comes after each, [B, T, V]. */
type Decoder = Module & { call(tokens: Tensor): Tensor };

/** -log p of each window [B, T + 1], in nats per token: [B]. */
export function windowNats(network: Decoder, { tokens }: Batch): Tensor {
  const { inputs, targets } = inputsAndTargets(tokens);
  return natsPerToken(network.call(inputs), targets);
}

/** What a decoder minimises: {@link windowNats}. */
export function windowObjective(network: Decoder, batch: Batch): Terms {
  return terms({ nats: windowNats(network, batch) });
}

/** nanoGPT's training of small models. */
export const nano: Partial<TrainingSettings> = {
  ...{ optimizer: "adamw", learningRate: 1e-3, beta2: 0.99, weightDecay: 0.1, clipNorm: 1 },
  ...{ schedule: "cosine", warmup: 100, finalRate: 0.1, windows: "random" },
};

/** The held-out metrics of a language model, all from nats per token [B]. */
export function languageMetrics(nats: Tensor): Record<keyof typeof languageMetricInfo, Tensor> {
  // One output cannot have several names.
  return { nats, perplexity: nats.mul(1), bitsPerByte: nats.mul(1) };
}

/** Perplexity is the exponential of the mean over all tokens, not a mean of windows' perplexities. */
export const languageMetricInfo = {
  nats: { unit: "nats per token", better: "lower", about: "-log p of held-out tokens, each given those before it in its window" },
  perplexity: {
    unit: "tokens",
    better: "lower",
    about: "exp of the nats per token: as hard as an even guess among so many",
    reduce: ([nats]) => Math.exp(nats),
  },
  bitsPerByte: {
    unit: "bits per byte",
    better: "lower",
    about: "nats per token / (ln 2 · bytes of UTF-8 a token): the same measure for every tokenizer that keeps all of the text",
    reduce: ([nats], facts) => nats / (Math.LN2 * (facts?.bytesPerToken ?? Number.NaN)),
  },
} as const satisfies Record<string, MetricInfo>;
