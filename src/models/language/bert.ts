/**
 * BERT (Devlin, Chang, Lee and Toutanova, "BERT: pre-training of deep bidirectional Transformers for language understanding", 2018, arXiv:1810.04805): an encoder that
 * reads a text in both directions at once, and learns by filling in words that were hidden from it and by telling whether two pieces follow each other.
 *
 *   paper        here                            shape             range or unit
 *   A, B         first, second                   [B, L / 2] each   two spans of the text, ids in [0, V)
 *   [CLS] A [SEP] B [SEP]  ids                   [B, L]            what is read, L = context
 *   E            bert.embeddings                 [B, L, C]         sums of the vectors of token, position and segment
 *   T_i          call()                          [B, L, C]         each token among the others
 *   C            pooled()                        [B, C]            of the first token; (-1, 1)
 *   masked LM    maskedLogits(), `masked`        scalar            nats per masked token
 *   NSP          nextSentence(), `next`          scalar            nats per pair
 *
 * The network itself is `nn/transformers/bert.ts`, whose parameters have the names of Hugging Face's files. Task 1 (section 3.1): 15% of the tokens are predicted; of these
 * 80% are replaced by [MASK], 10% by a random token, 10% stay. Task 2: half of the second spans are another example's. As in the paper's program every text has the same
 * number of predicted tokens, the whole number nearest to 15% of it, and the head reads these places alone. Departs: the spans are halves of one window, so all pairs
 * are equally long.
 */
import { z } from "zod";
import { softmaxCrossEntropy } from "../../graph/ops/cross-entropy.ts";
import { where } from "../../graph/ops/elementwise.ts";
import { gather } from "../../graph/ops/gather.ts";
import { concat } from "../../graph/ops/movement.ts";
import { topK } from "../../graph/ops/sort.ts";
import { constant } from "../../graph/ops/source.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import { type Terms, terms } from "../../nn/losses.ts";
import { Bert } from "../../nn/transformers/bert.ts";
import { type Batch, defineModel, type MetricInfo, type TrainingSettings } from "../model.ts";
import { type TextConfig, textFields } from "./blocks.ts";

const config = z.strictObject({
  ...textFields,
  context: z.int().min(7).max(4096).describe("tokens of a pair, with the three special ones"),
  width: z.int().min(2).max(65_536).describe("numbers of a token's vector, a multiple of heads"),
  layers: z.int().min(1).max(512).describe("blocks of attention and feed-forward layer on top of each other"),
  heads: z.int().min(1).max(1024).describe("attentions side by side in a block"),
  dropout: z.number().min(0).max(0.95).describe("probability of zeroing, while training: embeddings, attention weights, what blocks add"),
});

export interface BertModelConfig extends TextConfig {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly dropout: number;
}

/** Ids of the special tokens in a vocabulary that is learned here (`trainWordPiece`). */
const [CLS, SEP, MASK] = [2, 3, 4];
const CHOSEN = 0.15;

/** What pre-training reads and is to say. */
interface Task {
  /** int32 [B, L], with masks and random tokens in their places. */
  ids: Tensor;
  /** int32 [B, L]: 0 up to the first [SEP], 1 behind it. */
  segments: Tensor;
  /** int64 [B · K], the places of the tokens that are to be predicted, counted over all texts. */
  places: Tensor;
  /** int32 [B · K], the tokens that were there. */
  targets: Tensor;
  /** int32 [B], 1 where the second span is another example's. */
  foreign: Tensor;
}

/** Both tasks from windows [B, L - 2]. */
export function makeTask(tokens: Tensor, vocabulary: number, rng: Rng): Task {
  const [B] = tokens.shape;
  const words = tokens.shape[1] - 1;
  const half = Math.floor(words / 2);
  const [first, second] = [tokens.slice(1, 0, half), tokens.slice(1, half, words)];
  // A window alone has no neighbour to take a span from: all its pairs follow each other.
  const foreign = rng.bernoulli("foreign", [B, 1], B === 1 ? 0 : 0.5);
  const others = B === 1 ? second : concat([second.slice(0, 1, B), second.slice(0, 0, 1)], 0);
  const special = (id: number) => constant(Array(B).fill(id), "int32", [B, 1]);
  const whole = concat([special(CLS), first, special(SEP), where(foreign.greater(0.5), others, second), special(SEP)], 1);
  const L = words + 3;
  // The K places with the largest draws; those of special tokens come after all others.
  const K = Math.max(1, Math.round(CHOSEN * (L - 3)));
  const isSpecial = Float32Array.from({ length: L }, (_, i) => Number(i === 0 || i === half + 1 || i === L - 1));
  const drawnPlaces = rng.uniform("masked", [B, L]).sub(constant(isSpecial, "float32", [1, L]));
  const { values, indices } = topK(drawnPlaces, K);
  const isOther = drawnPlaces.less(values.slice(1, K - 1, K));
  const kind = rng.uniform("kind", [B, L]);
  const drawn = rng.uniform("token", [B, L]).mul(vocabulary).cast("int32");
  const replaced = where(kind.less(0.8), constant([MASK], "int32", [1, 1]), where(kind.less(0.9), drawn, whole));
  const segments = constant(
    Array.from({ length: B * L }, (_, i) => Number(i % L > half + 1)),
    "int32",
    [B, L],
  );
  const starts = constant(
    Array.from({ length: B }, (_, b) => b * L),
    "int64",
    [B, 1],
  );
  const places = indices.add(starts).reshape([B * K]);
  const targets = gather(whole.reshape([B * L]), places);
  return { ids: where(isOther, whole, replaced), segments, places, targets, foreign: foreign.reshape([B]).cast("int32") };
}

/** Losses and hits: per predicted token [B, K], and per pair [B]. */
function judge(model: Bert, { tokens }: Batch, rng: Rng) {
  const { vocabulary } = model.config;
  const { ids, segments, places, targets, foreign } = makeTask(tokens, vocabulary, rng);
  const [B, L] = ids.shape;
  const hidden = model.call(ids, { segments });
  const C = hidden.shape[2];
  const logits = model.maskedLogits(gather(hidden.reshape([B * L, C]), places));
  const nats = softmaxCrossEntropy(logits, targets).reshape([B, -1]);
  const right = logits.argmax(-1).cast("int32").equal(targets).cast("float32").reshape([B, -1]);
  const pair = model.nextSentence(model.pooled(hidden));
  const next = softmaxCrossEntropy(pair, foreign);
  const found = pair.argmax(-1).cast("int32").equal(foreign).cast("float32");
  return { nats, right, next, found };
}

export function objective(model: Bert, batch: Batch, rng: Rng): Terms {
  const { nats, next } = judge(model, batch, rng);
  return terms({ masked: nats.mean(1), next });
}

const metricInfo: Readonly<Record<string, MetricInfo>> = {
  maskedNats: { unit: "nats per masked token", better: "lower", about: "-log p of the tokens that were hidden or changed" },
  maskedAccuracy: { unit: "share", better: "higher", about: "how many of them are the likeliest in its eyes" },
  nextAccuracy: { unit: "share", better: "higher", about: "how many pairs are told to follow each other or not; 0.5 is guessing" },
};

function metrics(model: Bert, batch: Batch, rng: Rng): Record<string, Tensor> {
  const { nats, right, found } = judge(model, batch, rng);
  return { maskedNats: nats.mean(1), maskedAccuracy: right.mean(1), nextAccuracy: found };
}

const base: BertModelConfig = {
  ...{ context: 64, tokenizer: "wordpiece", vocabulary: 4096 },
  ...{ width: 128, layers: 4, heads: 4, dropout: 0 },
};
const training: Partial<TrainingSettings> = {
  ...{ optimizer: "adamw", weightDecay: 0.01, clipNorm: 1, schedule: "linear", warmup: 200 },
};

export const bert = defineModel<BertModelConfig, Bert>({
  name: "bert",
  title: "BERT",
  family: "language",
  year: 2018,
  paper: "1810.04805",
  summary:
    "Reads a text in both directions at once, with some words hidden, and learns by guessing them and by telling whether two pieces follow each other. It does not write; it understands.",
  config,
  presets: {
    smoke: {
      config: { ...base, context: 19, vocabulary: 64, width: 16, layers: 1, heads: 2 },
      training: { epochs: 1, batch: 4, learningRate: 5e-3 },
      about: "seconds; for tests",
      data: "brown",
    },
    small: {
      config: base,
      training: { ...training, learningRate: 1e-3, steps: 6000, batch: 32 },
      about: "0.8 million parameters beside 4,096 pieces of words, American prose; about ten minutes",
      data: "brown",
    },
    paper: {
      config: { ...base, context: 512, vocabulary: 30_522, width: 768, layers: 12, heads: 12, dropout: 0.1 },
      training: { ...training, learningRate: 1e-4, warmup: 10_000, steps: 1_000_000, batch: 256 },
      about: "BERT base, 110,106,428 parameters: four days on sixteen tensor processors",
      data: "brown",
    },
  },
  data: {
    sets: ["brown", "moby-dick", "sotu"],
    labels: false,
    shape: ({ context, vocabulary }) => ({ tokens: context - 3, vocabulary }),
    tokenizer: ({ tokenizer, vocabulary }) => ({ kind: tokenizer, size: vocabulary }),
  },
  build: (settings, rng) => new Bert(settings, rng),
  objective,
  metrics,
  metricInfo,
  attends: true,
});
