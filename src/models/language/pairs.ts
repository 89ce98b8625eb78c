/** What models of pairs share: their settings, padding, the loss of a target given its source, and figures per token. */
import { z } from "zod";
import { softmaxCrossEntropy } from "../../graph/ops/cross-entropy.ts";
import { where } from "../../graph/ops/elementwise.ts";
import { concat } from "../../graph/ops/movement.ts";
import { constant } from "../../graph/ops/source.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { never } from "../../nn/attention.ts";
import { tokenizerKinds } from "../../tokenizers/learn.ts";
import type { MetricInfo, TokenizerWish } from "../model.ts";

/** Settings of the pairs that a model learns from. */
export const pairFields = {
  sourceLength: z.int().min(1).max(4096).describe("S, tokens of a source with its end token; longer pairs are left out"),
  targetLength: z.int().min(2).max(4096).describe("T, tokens of a target with its begin and end tokens"),
  sourceTokenizer: z
    .enum([...tokenizerKinds, "same"])
    .describe("kind of the sources' tokenizer that is trained where none is given; same: the targets' is for both"),
  tokenizer: z.enum(tokenizerKinds).describe("kind of the targets' tokenizer that is trained where none is given (--tokenizer)"),
  sourceVocabulary: z.int().min(2).max(1_000_000).describe("tokens at most of sources; afterwards the tokenizer's own number"),
  vocabulary: z.int().min(2).max(1_000_000).describe("tokens at most of targets; afterwards the tokenizer's own number"),
};
const pairSettings = z.object(pairFields);
export type PairConfig = Readonly<z.infer<typeof pairSettings>>;

/** Tokens of sources: with one tokenizer for both sides they are the targets'. */
export function sourceVocabularyOf({ sourceTokenizer, sourceVocabulary, vocabulary }: PairConfig): number {
  return sourceTokenizer === "same" ? vocabulary : sourceVocabulary;
}

/** The part of a record's `data` that follows from these settings. */
export const pairData = {
  labels: false,
  shape: (settings: PairConfig) => ({
    ...{ source: settings.sourceLength, target: settings.targetLength, vocabulary: settings.vocabulary },
    ...(settings.sourceTokenizer === "same" ? {} : { sourceVocabulary: settings.sourceVocabulary }),
  }),
  tokenizer: ({ tokenizer, vocabulary }: PairConfig): TokenizerWish => ({ kind: tokenizer, size: vocabulary }),
  sourceTokenizer: ({ sourceTokenizer: kind, sourceVocabulary: size }: PairConfig): TokenizerWish | undefined =>
    kind === "same" ? undefined : { kind, size },
} as const;

/** The id of padding. */
const PAD = 0;

/** [B, S] ids -> boolean [B, S], true where there is padding. */
export function paddingOf(ids: Tensor): Tensor {
  return ids.equal(PAD);
}

/** [B, S] ids -> [B, S] of 0, and at padding of so little that no softmax gives it anything. */
export function paddingBias(ids: Tensor): Tensor {
  return where(paddingOf(ids), constant(never), 0);
}

/** What a decoder reads and what it shall say: target [B, T] -> inputs and labels [B, T - 1], and 1 where a label counts. */
export function shifted(target: Tensor): { inputs: Tensor; labels: Tensor; counted: Tensor } {
  const [, T] = target.dims("B T");
  const labels = target.slice(1, 1, T);
  return { inputs: target.slice(1, 0, T - 1), labels, counted: where(paddingOf(labels), 0, constant(1)) };
}

/**
 * -log p(target | source) of each pair, in nats: [B, T, V] logits, [B, T] labels -> [B], padding left out. With smoothing ε a label is worth 1 - ε, and
 * every token of the vocabulary ε / V more (Szegedy et al. 2016, section 7).
 */
export function pairNats(logits: Tensor, labels: Tensor, counted: Tensor, smoothing = 0): Tensor {
  const [B, T, V] = logits.dims("B T V");
  const nats = softmaxCrossEntropy(logits.reshape([B * T, V]), labels.flatten(0)).reshape([B, T]);
  if (smoothing === 0) return nats.mul(counted).sum(1);
  const even = logits.logSoftmax(-1).mean(-1).neg();
  return nats
    .mul(1 - smoothing)
    .add(even.mul(smoothing))
    .mul(counted)
    .sum(1);
}

/** The objective of pairs: nats per token of the whole batch, so that a long target counts as much as its tokens. Per example [B], to be averaged. */
export function perToken(nats: Tensor, counted: Tensor): Tensor {
  return nats.div(counted.sum().mul(1 / counted.shape[0]));
}

/** Held-out figures of pairs, [B, 2] each: sums over a pair, and how many tokens it has. */
export function pairMetrics(logits: Tensor, labels: Tensor, counted: Tensor): Record<string, Tensor> {
  const [B] = labels.dims("B T");
  const tokens = counted.sum(1);
  const nats = pairNats(logits, labels, counted);
  const right = where(logits.argmax(-1).cast("int32").equal(labels), counted, 0).sum(1);
  const beside = (sum: Tensor) => stackPairs(sum, tokens, B);
  return { nats: beside(nats), perplexity: beside(nats), tokenAccuracy: beside(right) };
}

function stackPairs(a: Tensor, b: Tensor, B: number): Tensor {
  return concat([a.reshape([B, 1]), b.reshape([B, 1])], 1);
}

const ratio = ([sum, tokens]: readonly number[]): number => sum / tokens;

/** Of {@link pairMetrics}. */
export const pairMetricInfo: Readonly<Record<string, MetricInfo>> = {
  nats: {
    unit: "nats per token",
    better: "lower",
    about: "-log p of a held-out target's tokens, its end token included, each with the true ones before it",
    reduce: ratio,
  },
  perplexity: {
    unit: "perplexity",
    better: "lower",
    about: "exp of these nats: how many equally likely tokens would be as hard to tell",
    reduce: (means) => Math.exp(ratio(means)),
  },
  tokenAccuracy: {
    unit: "share",
    better: "higher",
    about: "how often the likeliest token is the right one, with the true ones before it",
    reduce: ratio,
  },
};
