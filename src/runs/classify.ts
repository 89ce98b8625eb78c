/** Which class a text is of, in the eyes of a BERT with a head for classes. */
import { UsageError } from "../core/errors.ts";
import type { PassageCut } from "../data/node/labelled.ts";
import { type LabelledText, orderedLabels, shortList } from "../data/text/labelled.ts";
import { filledBatch } from "../data/text/labelled-batches.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type ClassificationFigures, classificationFigures, majorityBaseline } from "../metrics/classification.ts";
import type { Module } from "../nn/module.ts";
import { Bert } from "../nn/transformers/bert.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";

/** A network that tells classes of texts apart, and what belongs to it. */
export interface TextClassifier {
  readonly network: Bert;
  readonly tokenizer: Tokenizer;
  /** [K], in the order of its outputs. */
  readonly labels: readonly string[];
  /** Whether each class is told on its own, so that probabilities do not add up to 1. */
  readonly independent: boolean;
}

/**
 * What a loaded model tells apart.
 * @throws UsageError for a network without a head for classes, and one that gives numbers instead of classes
 */
export function textClassifier(loaded: {
  network: Module;
  tokenizer: Tokenizer;
  configJson?: Readonly<Record<string, unknown>> | undefined;
}): TextClassifier {
  const { network, tokenizer, configJson = {} } = loaded;
  if (!(network instanceof Bert) || network.classifier === undefined)
    throw new UsageError({
      what: "This network tells no classes of texts apart.",
      got: network.constructor.name,
      expected: "a BERT with a head for classes",
      hint: "make one: atelier finetune RUN --task classify --data labelled.csv --out FOLDER",
    });
  if (configJson.problem_type === "regression")
    throw new UsageError({ what: "This network gives numbers and no classes.", got: "problem_type: regression" });
  const { classes = 1, labels = Array.from({ length: classes }, (_, i) => `LABEL_${i}`) } = network.config;
  const independent = classes === 1 || configJson.problem_type === "multi_label_classification";
  return { network, tokenizer, labels, independent };
}

/** A text's ids with its special tokens, at most `length`: what is too long loses the end of its text, not its special tokens. */
export function idsWithin(tokenizer: Tokenizer, text: string, length: number): { ids: Int32Array; cut: boolean } {
  const ids = tokenizer.encode(text);
  if (ids.length <= length) return { ids, cut: false };
  const around = tokenizer.encode("");
  let before = 0;
  while (before < around.length && ids[before] === around[before]) before++;
  const after = Math.min(around.length - before, length);
  const cut = new Int32Array(length);
  cut.set(ids.subarray(0, length - after));
  cut.set(ids.subarray(ids.length - after), length - after);
  return { ids: cut, cut: true };
}

/**
 * How texts are cut into passages that a network reads whole: so many tokens as `length` leaves beside the special ones.
 * @throws UsageError where it leaves none
 */
export function passageCut(tokenizer: Tokenizer, length: number): PassageCut {
  const most = length - tokenizer.encode("").length;
  if (most < 1) throw new UsageError({ what: "The length leaves no room for a text.", got: `${length} tokens` });
  return { most, measure: (text) => tokenizer.encode(text, { addSpecialTokens: false }).length };
}

/** What fills texts up: the tokenizer's token for it, else id 0. */
export function paddingId(tokenizer: Tokenizer): number {
  return tokenizer.idOf("[PAD]") ?? tokenizer.idOf("<pad>") ?? 0;
}

/** Scores of classes [B, K] of texts [B, L] with a mask. */
export function classLogits(network: Bert, tokens: Tensor, mask: Tensor): Tensor {
  return network.classify(network.pooled(network.call(tokens, { mask })));
}

export interface ClassifyOptions {
  /** Tokens of a text; longer ones lose their end. Default: the network's context. */
  length?: number | undefined;
  /** Texts at once. Default 16. */
  batch?: number | undefined;
}

export interface ClassifiedTexts {
  /** [N][K], in [0, 1]. */
  probabilities: Float32Array[];
  /** Texts that were longer than the length. */
  cut: number;
}

/** The probabilities of the classes of each text. @throws UsageError for an empty text, or a length out of range */
export async function classifyTexts(
  { network, tokenizer, independent }: Omit<TextClassifier, "labels">,
  backend: Backend,
  texts: readonly string[],
  options: ClassifyOptions = {},
): Promise<ClassifiedTexts> {
  const empty = texts.findIndex((text) => text.trim() === "");
  if (empty >= 0) throw new UsageError({ what: "A text is empty: it cannot be of a class.", got: `text ${empty + 1} of ${texts.length}` });
  if (texts.length === 0) return { probabilities: [], cut: 0 };
  const most = requireLength(options.length ?? network.config.context, network);
  const rows = texts.map((text) => idsWithin(tokenizer, text, most));
  const length = rows.reduce((longest, { ids }) => Math.max(longest, ids.length), 1);
  const batch = Math.min(options.batch ?? 16, rows.length);
  const program = await compile<"tokens" | "mask", "scores">(
    backend,
    ({ tokens, mask }) => {
      const logits = classLogits(network, tokens, mask);
      return { scores: independent ? logits.sigmoid() : logits.softmax() };
    },
    {
      inputs: { tokens: { shape: [batch, length], dtype: "int32" }, mask: { shape: [batch, length], dtype: "bool" } },
      name: "classes of texts",
    },
  );
  const probabilities: Float32Array[] = [];
  try {
    for (let first = 0; first < rows.length; first += batch) {
      const some = rows.slice(first, first + batch).map(({ ids }) => ({ ids, label: 0 }));
      const { tokens, mask } = filledBatch(some, { batch, length, pad: paddingId(tokenizer) });
      const scores = (await program.run({ tokens, mask })).scores as Float32Array;
      const K = scores.length / batch;
      for (let b = 0; b < some.length; b++) probabilities.push(scores.slice(b * K, (b + 1) * K));
    }
  } finally {
    await program.dispose();
  }
  return { probabilities, cut: rows.filter(({ cut }) => cut).length };
}

/** Tokens of a text, as given. @throws UsageError unless they fit the network and leave room for the special tokens */
export function requireLength(length: number, { config: { context } }: Bert): number {
  if (Number.isInteger(length) && length >= 3 && length <= context) return length;
  throw new UsageError({
    what: "The length of texts is out of range.",
    got: `${length} tokens`,
    expected: `3 to ${context}, the network's context`,
  });
}

/** The place of the largest number, of equal ones the first. */
export function likeliestClass(probabilities: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < probabilities.length; i++) if (probabilities[i] > probabilities[best]) best = i;
  return best;
}

export interface MeasuredClassifier extends ClassificationFigures {
  cut: number;
  /** Of saying the commonest of the texts' own labels each time. */
  baseline: { label: string; accuracy: number };
}

/**
 * How right a classifier tells texts whose labels are known.
 * @throws UsageError for labels that it does not have, and as {@link classifyTexts}
 */
export async function measureClassifier(
  classifier: TextClassifier,
  backend: Backend,
  texts: readonly LabelledText[],
  options: ClassifyOptions = {},
): Promise<MeasuredClassifier> {
  const { labels } = classifier;
  const unknown = orderedLabels(texts).filter((label) => !labels.includes(label));
  if (unknown.length > 0)
    throw new UsageError({
      what: "The texts have labels that the network does not tell.",
      got: shortList(unknown),
      expected: `of these: ${shortList(labels)}`,
      hint: "--label-field names another column",
    });
  const whole = texts.map(({ text }) => text);
  const { probabilities, cut } = await classifyTexts(classifier, backend, whole, options);
  const truth = texts.map(({ label }) => labels.indexOf(label));
  const { label, accuracy } = majorityBaseline(truth, truth, labels.length);
  const figures = classificationFigures(truth, probabilities.map(likeliestClass), labels.length);
  return { ...figures, cut, baseline: { label: labels[label], accuracy } };
}
