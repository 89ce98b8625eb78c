/** Learning from conversations, of which only tokens of answers count, or from plain texts, of which all do: all weights, or low-rank adapters alone. */
import { copyFile, stat } from "node:fs/promises";
import path from "node:path";
import { digest } from "../core/digest.ts";
import { UsageError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/node/files.ts";
import { RandomStream } from "../core/random.ts";
import { isHeldOut } from "../data/sets/parts.ts";
import { answersWithin, type Chat, ChatBatches, type ChatTokens, chatTokens } from "../data/text/chat.ts";
import { textBlocks } from "../data/text/text-blocks.ts";
import type { TextDocument } from "../data/text/text-set.ts";
import { softmaxCrossEntropy } from "../graph/ops/cross-entropy.ts";
import type { Tensor } from "../graph/tensor.ts";
import { isDecoder } from "../nn/decoder.ts";
import { Lora, type LoraOptions } from "../nn/lora.ts";
import type { Module } from "../nn/module.ts";
import { adamw } from "../optim/adam.ts";
import { linear, warmup } from "../optim/schedule.ts";
import { writeAdapterFolder, writeModelFolder } from "../pretrained/node/index.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";
import { Trainer } from "../train/trainer.ts";
import type { LoadedText } from "./text-engine.ts";

export interface FinetuneOptions {
  backend: Backend;
  /** Adapters; without them all weights are trained. */
  lora?: LoraOptions | undefined;
  /** Passes over the conversations or blocks. */
  epochs: number;
  /** Stop after this many steps instead. */
  steps?: number | undefined;
  /** Conversations or blocks a step. */
  batch: number;
  /** Tokens of a conversation, longer ones lose their end; or of a block of text. */
  length: number;
  learningRate: number;
  seed: number | string;
  /** After each step: its number, of how many, and the loss of its batch in nats a token of an answer. */
  onStep?: ((step: number, of: number, loss: number) => void) | undefined;
  /** Asked before each step. */
  stopped?: (() => boolean) | undefined;
}

/** What came of it. Losses are in nats a token of an answer, on conversations that were held out. */
export interface FinetuneReport {
  /** Conversations or blocks of text that were learned from. */
  conversations: number;
  heldOut: number;
  /** Conversations whose answers lie beyond the length. */
  dropped: number;
  cut: number;
  trained: number;
  steps: number;
  before: number;
  after: number;
  lora: Lora | undefined;
}

type Network = Module & { call(tokens: Tensor): Tensor };

/**
 * Train a network on conversations. Its weights, or the adapters of the report, are the result.
 * @throws UsageError for a network without logits of tokens, and too few conversations
 */
export async function finetune(loaded: LoadedText, chats: readonly Chat[], options: FinetuneOptions): Promise<FinetuneReport> {
  requireTeachable(loaded, options.length);
  const { train, test } = split(chats);
  const encode = (part: readonly Chat[]) => part.map((chat) => chatTokens(chat, loaded.template, loaded.tokenizer));
  return await learn(loaded.network as Network, { train: encode(train), test: encode(test) }, options);
}

/** Plain texts of both sides. */
export interface TextSides {
  train: readonly TextDocument[];
  test: readonly TextDocument[];
}

/**
 * Go on training a network on plain texts, in blocks of `length` tokens. Its weights, or the adapters of the report, are the result.
 * @throws UsageError for a network that is no decoder, and a text shorter than a batch of blocks
 */
export async function finetuneText(loaded: LoadedText, { train, test }: TextSides, options: FinetuneOptions): Promise<FinetuneReport> {
  const { length, batch } = options;
  requireTeachable(loaded, length);
  const sides = { train: textBlocks(train, loaded.tokenizer, length), test: textBlocks(test, loaded.tokenizer, length) };
  if (sides.train.length >= batch && sides.test.length > 0) return await learn(loaded.network as Network, sides, options);
  throw new UsageError({
    what: "The text is too short to be learned from.",
    got: `${sides.train.length} blocks of at most ${length} tokens, and ${sides.test.length} held out`,
    expected: `at least ${batch}, a batch, and 1`,
    hint: "give more text, a smaller --batch or a shorter --length",
  });
}

async function learn(
  network: Network,
  { train, test }: Record<"train" | "test", ChatTokens[]>,
  options: FinetuneOptions,
): Promise<FinetuneReport> {
  const { backend, batch, length, seed, learningRate } = options;
  const [batches, held] = [train, test].map((tokens, i) => {
    const used = tokens.filter((one) => answersWithin(one, length)).length;
    // A short list of held-out conversations fills less than a batch.
    return new ChatBatches(tokens, { batch: i === 0 ? batch : Math.max(1, Math.min(batch, used)), length, seed });
  });
  const lora = options.lora === undefined ? undefined : Lora.create(network, options.lora, new RandomStream(seed, "lora"));
  const steps = options.steps ?? Math.max(1, Math.round(options.epochs * batches.stepsPerEpoch));
  const before = await lossOn(network, held, length, backend);
  const warm = Math.min(100, Math.floor(steps / 10));
  const trainer = await Trainer.create<"tokens" | "weights">({
    backend,
    module: lora ?? network,
    objective: ({ tokens, weights }) => {
      const nats = answerLoss(network, tokens, weights);
      return { total: nats, terms: { nats } };
    },
    inputs: inputsOf(batch, length),
    optimizer: adamw({}),
    schedule: warm > 0 ? warmup(warm, linear(steps - warm)) : linear(steps),
    clipNorm: 1,
    ...{ learningRate, seed, name: "fine-tuning step" },
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
  const after = await lossOn(network, held, length, backend);
  const { count: conversations, dropped, cut } = batches;
  return { conversations, heldOut: held.count, dropped, cut, trained: (lora ?? network).parameterCount, steps: step, before, after, lora };
}

/**
 * Write what was trained: adapters as PEFT's folder, a whole model as Hugging Face's, with what was said of it in `finetune.json`.
 * @throws FileError when it cannot be written
 */
export async function writeFinetuned(
  folder: string,
  loaded: LoadedText,
  report: FinetuneReport,
  about: Record<string, unknown>,
): Promise<void> {
  const { lora, ...figures } = report;
  if (lora !== undefined) await writeAdapterFolder(folder, lora, loaded.network, path.resolve(loaded.folder));
  else {
    const { network, tokenizer, configJson } = loaded;
    await writeModelFolder(folder, { network, tokenizer, configJson });
    for (const name of ["tokenizer_config.json", "chat_template.jinja", "generation_config.json"]) {
      const file = path.join(loaded.folder, name);
      if ((await stat(file).catch(() => undefined))?.isFile()) await copyFile(file, path.join(folder, name));
    }
  }
  await writeFileAtomic(path.join(folder, "finetune.json"), `${JSON.stringify({ ...about, ...figures }, null, 2)}\n`);
}

/** A tenth is held out by a hash of what is said; at least one conversation is on either side. @throws UsageError for a single one */
function split(chats: readonly Chat[]): { train: Chat[]; test: Chat[] } {
  const seen = new Map(chats.map((chat) => [digest(new TextEncoder().encode(JSON.stringify(chat))), chat]));
  if (seen.size < 2)
    throw new UsageError({ what: "At least two different conversations are needed: some are held out.", got: String(seen.size) });
  const test = [...seen].flatMap(([key, chat]) => (isHeldOut(key) ? [chat] : []));
  const train = [...seen].flatMap(([key, chat]) => (isHeldOut(key) ? [] : [chat]));
  if (test.length === 0) test.push(train.pop()!);
  if (train.length === 0) train.push(test.pop()!);
  return { train, test };
}

/** Σ weight · -log p(token): tokens [B, T + 1], weights [B, T] that add up to 1 -> a scalar, in nats. */
function answerLoss(network: Network, tokens: Tensor, weights: Tensor): Tensor {
  const T = weights.shape[1];
  const logits = network.call(tokens.slice(1, 0, T));
  const nats = softmaxCrossEntropy(logits.reshape([-1, logits.shape[2]]), tokens.slice(1, 1, T + 1).flatten(0));
  return nats.mul(weights.flatten(0)).sum();
}

/** The mean over all tokens of answers. */
async function lossOn(network: Network, batches: ChatBatches, length: number, backend: Backend): Promise<number> {
  const program = await compile<"tokens" | "weights", "nats">(
    backend,
    ({ tokens, weights }) => ({ nats: answerLoss(network, tokens, weights) }),
    {
      name: "fine-tuning loss",
      inputs: inputsOf(batches.batch, length),
    },
  );
  let [sum, count] = [0, 0];
  for (const { tokens, weights, answers } of batches.inOrder()) {
    const { nats } = await program.run({ tokens, weights });
    sum += Number(nats[0]) * answers;
    count += answers;
  }
  await program.dispose();
  return sum / count;
}

function inputsOf(batch: number, length: number) {
  return { tokens: { shape: [batch, length + 1], dtype: "int32" as const }, weights: { shape: [batch, length] } };
}

/** @throws UsageError for a network that is no decoder, and a length beyond what it reads */
function requireTeachable({ name, network }: LoadedText, length: number): void {
  if (!isDecoder(network) || !("call" in network))
    throw new UsageError({
      what: `The model "${name}" cannot be fine-tuned on texts.`,
      expected: "a decoder: a run of gpt or llama, or a folder of GPT-2 or the Llama family",
      hint: "a BERT learns classes with --task classify; others are trained anew",
    });
  if (length < network.decoder.context) return;
  throw new UsageError({
    what: "The length is beyond the model's context.",
    got: `${length} tokens`,
    expected: `at most ${network.decoder.context - 1}`,
    hint: "leave --length out: it follows the context",
  });
}
