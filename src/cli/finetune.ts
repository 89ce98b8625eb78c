import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import { UsageError, unknownName } from "../core/errors.ts";
import { fileError } from "../core/node/files.ts";
import type { LoraOptions } from "../nn/lora.ts";
import type { FinetuneOptions as LearnOptions, TextSides } from "../runs/finetune.ts";
import type { LoadedText } from "../runs/text-engine.ts";
import type { Backend } from "../runtime/backend.ts";
import { showActivity } from "./activity.ts";
import { onInterrupt } from "./interrupt.ts";
import { checkDevice, numberAbove, wholeNumber } from "./options.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface FinetuneOptions {
  task: string;
  data: string;
  test?: string;
  field?: string;
  labelField?: string;
  passages?: boolean;
  out: string;
  full?: boolean;
  lora?: number;
  alpha?: number;
  targets?: string;
  epochs: number;
  steps?: number;
  batch?: number;
  length?: number;
  learningRate?: number;
  seed: string;
  device: string;
}

/** Tokens of a conversation where the context allows it, and conversations a step. */
const [LENGTH, BATCH] = [256, 4] as const;
/** Of adapters. */
const RANK = 8;
const tasks = ["chat", "text", "classify"];
/** What is learned from, by task, as reports call it. */
const words = { chat: ["conversations", "held-out answers"], text: ["blocks", "held-out text"] } as const;

export const verb: Verb = {
  name: "finetune",
  summary: "Train a language model further on texts or conversations, or a BERT to tell classes of texts apart",
  register(program, io) {
    addCommand(program, "finetune", verb.summary)
      .argument("<run|folder>", "a run's name or folder, or a folder in Hugging Face's form")
      .option(
        "--task <task>",
        "chat: learn to answer from conversations; text: go on with plain texts; classify: learn from texts with labels (BERT)",
        "chat",
      )
      .requiredOption(
        "--data <file>",
        'chat: lines of {"messages": [...]}, {"prompt", "completion"} or {"instruction", "input", "output"}; text: a file, a folder or a text set; classify: .csv, .jsonl or .tsv with texts and labels, or brown',
      )
      .requiredOption("--out <folder>", "where the adapter, or the model, goes")
      .option("--lora <rank>", `train low-rank adapters of this rank (default: ${RANK})`, wholeNumber(1))
      .option("--alpha <alpha>", "factor of the adapters, divided by the rank (default: twice the rank)", numberAbove(0))
      .option("--targets <names>", "linear maps to adapt, as c_attn,c_proj (default: all but the head)")
      .option("--full", "train all weights instead")
      .option("--epochs <n>", "passes over the data", numberAbove(0), 3)
      .option("--steps <n>", "stop after so many steps instead", wholeNumber(1))
      .option("--batch <n>", `conversations, blocks or texts a step (default: ${BATCH}; classify: 16)`, wholeNumber(1))
      .option(
        "--length <n>",
        `tokens of each; longer ones lose their end, plain texts are cut into blocks (default: ${LENGTH}, or the context)`,
        wholeNumber(2),
      )
      .option(
        "--learning-rate <rate>",
        "at its highest (default: 2e-4, with --full 2e-5; classify: by the network's width)",
        numberAbove(0),
      )
      .option("--test <file>", "classify: the texts to measure on (default: a tenth of the others)")
      .option("--field <name>", "text, classify: the column or field of the text (default: text)")
      .option("--label-field <name>", "classify: the column or field of the label (default: label)")
      .option("--passages", "classify: cut long texts into passages instead of cutting their end off (default for sets by name)")
      .option("--seed <seed>", "the same seed gives the same result", "0")
      .option("--device <name>", "cpu, webgpu, cuda, coreml or dml", "cpu")
      .action((target: string, options: FinetuneOptions, self: Command) => run(target, options, io, wantsJson(self)));
  },
};

async function run(target: string, options: FinetuneOptions, io: Io, json: boolean): Promise<void> {
  checkDevice(options.device);
  const { task, full = false, data } = options;
  if (!tasks.includes(task)) throw unknownName("task", task, tasks);
  const out = path.resolve(options.out);
  await requireNew(out);
  const lora = loraOf(options);
  if (task === "classify") {
    const { finetuneClasses } = await import("./finetune-classifier.ts");
    const { loaded, backend } = await open(target, options, io, json);
    return finetuneClasses(loaded, backend, { ...options, out, lora }, io, json);
  }
  refuseClassify(options);
  const texts = task === "text" ? await textsOf(data, options.field) : await chatsOf(data);
  const { loaded, backend } = await open(target, options, io, json);
  if (full && loaded.configJson === undefined)
    throw new UsageError({
      what: "All weights can be trained of models in Hugging Face's folders.",
      got: target,
      hint: "leave --full out: adapters go with any",
    });
  await finetuneTexts({ loaded, backend, texts, lora, out }, options, io, json);
}

/** @throws UsageError for options that the task does not know */
function refuseClassify({ task, test, field, labelField, passages }: FinetuneOptions): void {
  const given = { test, field: task === "text" ? undefined : field, "label-field": labelField, passages };
  for (const [name, value] of Object.entries(given))
    if (value !== undefined) throw new UsageError({ what: `--${name} is for texts with labels.`, hint: "--task classify" });
}

type Chats = Parameters<typeof import("../runs/finetune.ts").finetune>[1];

async function chatsOf(data: string): Promise<{ chats: Chats }> {
  const { readChats } = await import("../data/text/chat.ts");
  return { chats: readChats(await readText(data), path.basename(data)) };
}

async function textsOf(data: string, field: string | undefined): Promise<TextSides> {
  const { loadText } = await import("../data/node/text.ts");
  const [train, test] = [await loadText(data, { field }), await loadText(data, { field, split: "test" })];
  return { train: train.documents, test: test.documents };
}

async function open(target: string, { device }: FinetuneOptions, io: Io, json: boolean): Promise<{ loaded: LoadedText; backend: Backend }> {
  const { loadText } = await import("../runs/text-engine.ts");
  const { openDevice } = await import("./device.ts");
  const activity = showActivity(io, json);
  activity.onProgress(`loading ${target}`);
  const loaded = await loadText(target, { onWarning: (text) => io.stderr.write(`warning: ${text}\n`) });
  const backend = await openDevice(device, io, activity.onProgress);
  activity.end();
  return { loaded, backend };
}

interface TextWork {
  loaded: LoadedText;
  backend: Backend;
  texts: { chats: Chats } | TextSides;
  lora: LoraOptions | undefined;
  out: string;
}

async function finetuneTexts(
  { loaded, backend, texts, lora, out }: TextWork,
  options: FinetuneOptions,
  io: Io,
  json: boolean,
): Promise<void> {
  const { finetune, finetuneText, writeFinetuned } = await import("../runs/finetune.ts");
  const { data, epochs, steps, batch = BATCH, seed, learningRate = lora === undefined ? 2e-5 : 2e-4 } = options;
  const length = options.length ?? Math.min(LENGTH, contextOf(loaded.network) - 1);
  let interrupted = false;
  const release = onInterrupt(() => {
    interrupted = true;
  }, io);
  const started = performance.now();
  const settings: LearnOptions = {
    ...{ backend, lora, epochs, steps, batch, length, learningRate, seed },
    stopped: () => interrupted,
    onStep: (step, of, loss) => {
      if (!json && (step === of || step % Math.max(1, Math.floor(of / 20)) === 0))
        io.stderr.write(`step ${step} of ${of}: ${loss.toFixed(3)} nats a token\n`);
    },
  };
  const learned = "chats" in texts ? finetune(loaded, texts.chats, settings) : finetuneText(loaded, texts, settings);
  const report = await learned.finally(release);
  const seconds = (performance.now() - started) / 1000;
  const about = { base: path.resolve(loaded.folder), data: path.basename(data), epochs, batch, length, learningRate, seed };
  await writeFinetuned(out, loaded, report, about);
  if (interrupted) io.exitCode = 130;
  const { lora: _, ...figures } = report;
  if (json) return printJson(io, { folder: out, ...figures, seconds });
  if (report.dropped > 0)
    io.stderr.write(`note: ${report.dropped} conversations have no answer in their first ${length} tokens and were left out\n`);
  const [kind, held] = "chats" in texts ? words.chat : words.text;
  io.stdout.write(
    `${report.trained} numbers trained in ${report.steps} steps of ${batch} ${kind}, ${seconds.toFixed(1)} s\n` +
      `${held}: ${report.before.toFixed(3)} nats a token before, ${report.after.toFixed(3)} after\n${out}\n`,
  );
}

/** What is trained: adapters, or undefined for all weights. @throws UsageError for settings of adapters where there are none */
function loraOf({ full = false, lora, alpha, targets }: FinetuneOptions): LoraOptions | undefined {
  if (full) {
    const given = Object.entries({ "--lora": lora, "--alpha": alpha, "--targets": targets }).filter(([, value]) => value !== undefined);
    if (given.length === 0) return undefined;
    const got = `--full with ${given.map(([flag]) => flag).join(", ")}`;
    throw new UsageError({ what: "All weights are trained, or adapters.", got, hint: "leave --full out, or the others" });
  }
  const rank = lora ?? RANK;
  return {
    rank,
    ...(alpha === undefined ? {} : { alpha }),
    ...(targets === undefined ? {} : { targets: targets.split(",").map((name) => name.trim()) }),
  };
}

function contextOf(network: object): number {
  const { decoder } = network as { decoder?: { context: number } };
  return decoder?.context ?? LENGTH + 1;
}

async function readText(file: string): Promise<string> {
  return readFile(file, "utf8").catch((error) => {
    throw fileError(error, `Could not read ${file}.`);
  });
}

/** @throws UsageError for a folder that holds something: a model is never written over another */
async function requireNew(folder: string): Promise<void> {
  for (const name of ["adapter_config.json", "config.json", "run.json"]) {
    if (await stat(path.join(folder, name)).catch(() => undefined))
      throw new UsageError({ what: "The folder already holds a model.", got: folder, hint: "choose another with --out" });
  }
}
