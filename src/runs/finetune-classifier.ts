/** Teaching a BERT to tell classes of texts apart: all weights, or low-rank adapters and the head. */
import { copyFile, stat } from "node:fs/promises";
import path from "node:path";
import { UsageError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/node/files.ts";
import { RandomStream } from "../core/random.ts";
import { type LabelBalance, type LabelledSplits, type LabelledText, labelBalance } from "../data/text/labelled.ts";
import { LabelledBatches } from "../data/text/labelled-batches.ts";
import { softmaxCrossEntropy } from "../graph/ops/cross-entropy.ts";
import { type ClassificationFigures, classificationFigures, majorityBaseline } from "../metrics/classification.ts";
import { normal } from "../nn/init.ts";
import { Linear } from "../nn/linear.ts";
import { Lora, type LoraOptions } from "../nn/lora.ts";
import { Module, namedModules, namedParameters } from "../nn/module.ts";
import { Bert } from "../nn/transformers/bert.ts";
import { adamw } from "../optim/adam.ts";
import { linear, warmup } from "../optim/schedule.ts";
import { writeModelFolder } from "../pretrained/node/index.ts";
import type { Backend } from "../runtime/backend.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { Trainer } from "../train/trainer.ts";
import { classifyTexts, classLogits, idsWithin, likeliestClass, paddingId, requireLength } from "./classify.ts";
import type { LoadedText } from "./text-engine.ts";

export interface FinetuneClassifierOptions {
  backend: Backend;
  /** Adapters beside the head; without them all weights are trained. */
  lora?: LoraOptions | undefined;
  /** Passes over the texts. */
  epochs: number;
  /** Stop after this many steps instead. */
  steps?: number | undefined;
  /** Texts a step. Default 16. */
  batch?: number | undefined;
  /** The most tokens of a text; longer ones lose their end. Default 256, or the context. */
  length?: number | undefined;
  /** Default {@link classifierRate}. */
  learningRate?: number | undefined;
  seed: number | string;
  /** After each step: its number, of how many, and the loss of its batch in nats a text. */
  onStep?: ((step: number, of: number, loss: number) => void) | undefined;
  /** Asked before each step. */
  stopped?: (() => boolean) | undefined;
}

/** What came of it; figures are of held-out texts. */
export interface ClassifierReport extends ClassificationFigures {
  labels: readonly string[];
  balance: LabelBalance;
  texts: number;
  heldOut: number;
  repeated: number;
  /** Texts of both sides that were longer than `length`. */
  cut: number;
  length: number;
  batch: number;
  learningRate: number;
  trained: number;
  steps: number;
  /** Of saying the commonest label of the training texts each time. */
  baseline: { label: string; accuracy: number };
}

/** Tokens of a text where the context allows it, and texts a step. */
const [LENGTH, BATCH] = [256, 16] as const;

/** How many tokens of a text are read where nothing else is asked for. @throws UsageError for a network that is no BERT, or a length that does not fit it */
export function classifierLength(network: Module, length?: number): number {
  const bert = requireBert(network);
  return requireLength(length ?? Math.min(LENGTH, bert.config.context), bert);
}

/** 5e-5 · 768 / width: what BERT base is fine-tuned with, and more for narrower networks; ten times that for adapters. */
export function classifierRate(width: number, adapters: boolean): number {
  return ((adapters ? 10 : 1) * 5e-5 * 768) / width;
}

/**
 * Train a BERT's encoder with a head for the labels of the texts.
 * @returns the network as it is to be kept, adapters merged into it, and what was measured of it
 * @throws UsageError for a network that is no BERT, settings out of range, fewer texts than a batch takes
 */
export async function finetuneClassifier(
  { network: base, tokenizer }: Pick<LoadedText, "network" | "tokenizer">,
  splits: LabelledSplits,
  options: FinetuneClassifierOptions,
): Promise<{ network: Bert; report: ClassifierReport }> {
  const { backend, seed, epochs } = options;
  const most = classifierLength(base, options.length);
  const { network, fresh } = withClasses(requireBert(base), splits.labels, new RandomStream(seed, "classes"));
  const labels = network.config.labels!;
  const { rows, cut, length } = encoded(splits.train, labels, tokenizer, most);
  const batch = Math.min(options.batch ?? BATCH, rows.length);
  const batches = new LabelledBatches(rows, { batch, length, seed, pad: paddingId(tokenizer) });
  const lora = adaptersOf(network, options.lora, fresh, new RandomStream(seed, "lora"));
  const module = lora === undefined ? network : new Adapted(lora, network, fresh);
  const learningRate = options.learningRate ?? classifierRate(network.config.width, lora !== undefined);
  const steps = options.steps ?? Math.max(1, Math.round(epochs * batches.stepsPerEpoch));
  const done = await train(module, network, batches, { ...options, steps, batch, length, learningRate });
  lora?.merge();
  const measured = await measure({ network, tokenizer }, backend, splits, { length: most, batch });
  const counts = { texts: splits.train.length, heldOut: splits.test.length, repeated: splits.repeated, cut: cut + measured.cut };
  const about = { length: most, batch, learningRate, trained: module.parameterCount, steps: done };
  return { network, report: { ...measured.figures, labels, balance: labelBalance(splits), ...counts, ...about } };
}

interface TrainOptions extends FinetuneClassifierOptions {
  steps: number;
  batch: number;
  length: number;
  learningRate: number;
}

async function train(module: Module, network: Bert, batches: LabelledBatches, options: TrainOptions): Promise<number> {
  const { backend, steps, batch, length, learningRate, seed } = options;
  const warm = Math.min(100, Math.floor(steps / 10));
  const trainer = await Trainer.create<"tokens" | "mask" | "labels">({
    ...{ backend, module, learningRate, seed, name: "fine-tuning step" },
    objective: ({ tokens, mask, labels }) => {
      const nats = softmaxCrossEntropy(classLogits(network, tokens, mask), labels).mean();
      return { total: nats, terms: { nats } };
    },
    inputs: {
      tokens: { shape: [batch, length], dtype: "int32" },
      mask: { shape: [batch, length], dtype: "bool" },
      labels: { shape: [batch], dtype: "int32" },
    },
    optimizer: adamw({}),
    weightDecay: 0.01,
    schedule: warm > 0 ? warmup(warm, linear(steps - warm)) : linear(steps),
    clipNorm: 1,
  });
  let step = 0;
  try {
    for (; step < steps && !options.stopped?.(); step++) {
      const { terms } = await trainer.advance(batches.at(step));
      options.onStep?.(step + 1, steps, terms.nats);
    }
  } finally {
    await trainer.dispose();
  }
  return step;
}

/** Held-out figures, and those of saying one label always. */
async function measure(
  { network, tokenizer }: { network: Bert; tokenizer: Tokenizer },
  backend: Backend,
  { train: learned, test }: LabelledSplits,
  options: { length: number; batch: number },
) {
  const labels = network.config.labels!;
  const texts = test.map(({ text }) => text);
  const { probabilities, cut } = await classifyTexts({ network, tokenizer, independent: false }, backend, texts, options);
  const numbers = (side: readonly LabelledText[]) => side.map(({ label }) => labels.indexOf(label));
  const figures = classificationFigures(numbers(test), probabilities.map(likeliestClass), labels.length);
  const { label, accuracy } = majorityBaseline(numbers(test), numbers(learned), labels.length);
  return { figures: { ...figures, baseline: { label: labels[label], accuracy } }, cut };
}

/**
 * Write what was trained as Hugging Face's folder of a BertForSequenceClassification, with what was said of it in `finetune.json`.
 * @throws FileError when it cannot be written
 */
export async function writeClassifier(
  folder: string,
  network: Bert,
  { tokenizer, configJson = {}, folder: base, model }: Pick<LoadedText, "tokenizer" | "configJson" | "folder" | "model">,
  about: Record<string, unknown>,
): Promise<void> {
  const kept = { ...configJson, problem_type: "single_label_classification", pad_token_id: paddingId(tokenizer) };
  await writeModelFolder(folder, { network, tokenizer, configJson: kept });
  const settings = path.join(base, "tokenizer_config.json");
  const target = path.join(folder, "tokenizer_config.json");
  const own = model === undefined && (await stat(settings).catch(() => undefined))?.isFile();
  if (own) await copyFile(settings, target);
  else await writeFileAtomic(target, `${JSON.stringify(tokenizerSettings(tokenizer, network.config.context), null, 2)}\n`);
  await writeFileAtomic(path.join(folder, "finetune.json"), `${JSON.stringify(about, null, 2)}\n`);
}

/** What `tokenizer_config.json` says of special tokens. */
function tokenizerSettings(tokenizer: Tokenizer, context: number): Record<string, unknown> {
  const special = Object.entries({ pad: "[PAD]", unk: "[UNK]", cls: "[CLS]", sep: "[SEP]", mask: "[MASK]" });
  const tokens = special.filter(([, token]) => tokenizer.idOf(token) !== undefined).map(([name, token]) => [`${name}_token`, token]);
  return { tokenizer_class: "PreTrainedTokenizerFast", model_max_length: context, ...Object.fromEntries(tokens) };
}

function requireBert(network: Module): Bert {
  if (network instanceof Bert) return network;
  throw new UsageError({
    what: "Classes of texts are told apart by a BERT.",
    got: network.constructor.name,
    expected: "a run of bert, or a folder with a BERT in Hugging Face's form",
  });
}

/** A head has its first weights drawn as BERT's are. */
const firstWeights = normal(0.02);

/**
 * The same encoder with a head for classes alone; one that already tells these labels apart goes on with its own head and their order.
 * @returns with the names of maps that were not trained before
 */
function withClasses(base: Bert, labels: readonly string[], rng: RandomStream): { network: Bert; fresh: string[] } {
  const own = base.config.labels;
  const same = base.classifier !== undefined && own?.length === labels.length && labels.every((label) => own.includes(label));
  const heads = { masked: false, nextSentence: false, pooled: true, classes: labels.length, labels: same ? own : labels };
  const network = new Bert({ ...base.config, ...heads });
  const weights = namedParameters(base);
  const fresh = new Set<string>();
  for (const [name, parameter] of namedParameters(network)) {
    const from = same || !name.startsWith("classifier.") ? weights.get(name) : undefined;
    if (from !== undefined) parameter.data.set(from.data);
    else {
      const map = name.replace(/\.(weight|bias)$/, "");
      fresh.add(map);
      if (name.endsWith(".weight")) parameter.data.set(firstWeights(parameter.shape, { fanIn: 1, fanOut: 1 }, rng.fork(name)));
    }
  }
  return { network, fresh: [...fresh] };
}

/** Adapters, and the maps beside them that are trained whole: the head, and a pooler that the base had not. */
class Adapted extends Module {
  readonly lora: Lora;
  readonly whole: readonly Linear[];

  constructor(lora: Lora, network: Bert, fresh: readonly string[]) {
    super();
    this.lora = lora;
    this.whole = [...namedModules(network, Linear)].flatMap(([name, map]) => (name === "classifier" || fresh.includes(name) ? [map] : []));
  }
}

function adaptersOf(network: Bert, options: LoraOptions | undefined, fresh: readonly string[], rng: RandomStream): Lora | undefined {
  if (options === undefined) return undefined;
  const maps = [...namedModules(network, Linear).keys()].filter((name) => name !== "classifier" && !fresh.includes(name));
  return Lora.create(network, { ...options, targets: options.targets ?? maps }, rng);
}

function encoded(texts: readonly LabelledText[], labels: readonly string[], tokenizer: Tokenizer, most: number) {
  const found = texts.map(({ text, label }) => ({ ...idsWithin(tokenizer, text, most), label: labels.indexOf(label) }));
  const length = found.reduce((longest, { ids }) => Math.max(longest, ids.length), 1);
  return { rows: found, cut: found.filter(({ cut }) => cut).length, length };
}
