import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import { FileError, UsageError, unknownName } from "../core/errors.ts";
import { fileError } from "../core/node/files.ts";
import type { TokenizerKind } from "../tokenizers/learn.ts";
import { showActivity } from "./activity.ts";
import { wholeNumber } from "./options.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

/** As `tokenizerKinds` of the tokenizers, which are loaded when the verb runs. */
const KINDS: readonly TokenizerKind[] = ["char", "word", "symbols", "bpe", "byte-bpe", "wordpiece", "sentencepiece-bpe", "unigram"];

interface TrainOptions {
  data: string;
  kind: string;
  size?: number;
  field?: string;
  target?: string;
  out: string;
}

export const verb: Verb = {
  name: "tokenizer",
  summary: "Tokenizers: train, encode, decode, look at, write token files",
  register(program, io) {
    const tokenizer = addCommand(program, "tokenizer", verb.summary);
    withData(addCommand(tokenizer, "train", "Learn a vocabulary from text, and write tokenizer.json"))
      .option("--kind <kind>", `one of: ${KINDS.join(", ")}`, "byte-bpe")
      .option("--size <n>", "tokens in the vocabulary (default: 4096; for char all characters)", wholeNumber(1))
      .option("--out <file>", "where it goes", "tokenizer.json")
      .action((options: TrainOptions, command: Command) => train(options, io, wantsJson(command)));
    addCommand(tokenizer, "info", "What a tokenizer is")
      .argument("<tokenizer>", "a tokenizer.json, a SentencePiece .model, or a folder with one")
      .action((place: string, _options: unknown, command: Command) => info(place, io, wantsJson(command)));
    addCommand(tokenizer, "encode", "Text to ids")
      .argument("<tokenizer>", "a tokenizer.json, a SentencePiece .model, or a folder with one")
      .argument("[text]", "the text; without it, --file")
      .option("--file <file>", "a file with the text")
      .option("--tokens", "show tokens rather than ids")
      .option("--plain", "without the special tokens around the text")
      .action((place: string, text: string | undefined, options: EncodeOptions, command: Command) =>
        encode(place, text, options, io, wantsJson(command)),
      );
    addCommand(tokenizer, "decode", "Ids to text")
      .argument("<tokenizer>", "a tokenizer.json, a SentencePiece .model, or a folder with one")
      .argument("<ids...>", "ids, with spaces or commas between them")
      .option("--special", "show special tokens too")
      .action((place: string, ids: string[], options: { special?: boolean }, command: Command) =>
        decode(place, ids, options, io, wantsJson(command)),
      );
    withData(addCommand(tokenizer, "file", "Encode a text set into a token file, which training reads by ranges"))
      .argument("<tokenizer>", "a tokenizer.json, a SentencePiece .model, or a folder with one")
      .option("--split <split>", "train or test", "train")
      .option("--out <file>", "where it goes", "tokens.bin")
      .action((place: string, options: TokenFileOptions, command: Command) => tokenFile(place, options, io, wantsJson(command)));
  },
};

function withData(command: Command): Command {
  return command
    .requiredOption("--data <name|file|folder>", "a text set, your own file or folder, or https://...#sha256=HEX")
    .option("--field <name>", "the field or column that holds the text (default: text)")
    .option("--target <name>", "the field or column that holds what the text becomes");
}

async function train(options: TrainOptions, io: Io, json: boolean): Promise<void> {
  const { kind, out } = options;
  if (!KINDS.some((known) => known === kind)) throw unknownName("kind of tokenizer", kind, KINDS);
  const { loadText } = await import("../data/node/text.ts");
  const { writeTokenizer } = await import("../tokenizers/node/index.ts");
  const activity = showActivity(io, json);
  const { documents } = await loadText(options.data, {
    field: options.field,
    targetField: options.target,
    onProgress: activity.onProgress,
  }).finally(activity.end);
  const texts = documents.flatMap(({ text, target }) => (target === undefined ? [text] : [text, target]));
  activity.onProgress(`learning ${kind}`);
  const start = performance.now();
  const { learnTokenizer } = await import("../tokenizers/learn.ts");
  const tokenizer = learnTokenizer(kind as TokenizerKind, texts, { size: options.size, onProgress: activity.onProgress });
  activity.end();
  const seconds = (performance.now() - start) / 1000;
  const file = path.resolve(out);
  await writeTokenizer(file, tokenizer);
  const characters = texts.reduce((sum, text) => sum + text.length, 0);
  if (json) printJson(io, { kind, file, vocabulary: tokenizer.vocabularySize, characters, seconds });
  else io.stdout.write(`${kind} of ${tokenizer.vocabularySize} tokens from ${characters} characters in ${seconds.toFixed(1)} s: ${file}\n`);
}

async function info(place: string, io: Io, json: boolean): Promise<void> {
  const { readTokenizer } = await import("../tokenizers/node/index.ts");
  const tokenizer = await readTokenizer(place);
  const { model, normalizer, pre_tokenizer } = tokenizer.spec;
  const facts = {
    model: model.type,
    vocabulary: tokenizer.vocabularySize,
    merges: model.type === "BPE" ? model.merges.length : undefined,
    normalizer: normalizer?.type ?? "none",
    preTokenizer: pre_tokenizer?.type ?? "none",
    special: Object.fromEntries(tokenizer.specialTokens),
  };
  if (json) return printJson(io, facts);
  for (const [key, value] of Object.entries(facts)) {
    if (value !== undefined) io.stdout.write(`${key.padEnd(14)}${typeof value === "object" ? JSON.stringify(value) : value}\n`);
  }
}

interface EncodeOptions {
  file?: string;
  tokens?: boolean;
  plain?: boolean;
}

async function encode(place: string, text: string | undefined, options: EncodeOptions, io: Io, json: boolean): Promise<void> {
  const { readTokenizer } = await import("../tokenizers/node/index.ts");
  if ((text === undefined) === (options.file === undefined)) {
    throw new UsageError({ what: "There is no text to encode, or two.", expected: "a text, or --file FILE" });
  }
  const tokenizer = await readTokenizer(place);
  const bytes =
    options.file === undefined
      ? undefined
      : await readFile(options.file).catch((error) => {
          throw fileError(error, `Could not read ${options.file}.`);
        });
  const ids = [...tokenizer.encode(bytes ?? text ?? "", { addSpecialTokens: !options.plain })];
  const tokens = ids.map((id) => tokenizer.tokenOf(id));
  if (json) printJson(io, { ids, tokens });
  else io.stdout.write(`${(options.tokens ? tokens.map((token) => JSON.stringify(token)) : ids).join(" ")}\n`);
}

async function decode(place: string, words: readonly string[], options: { special?: boolean }, io: Io, json: boolean): Promise<void> {
  const { readTokenizer } = await import("../tokenizers/node/index.ts");
  const ids = words
    .flatMap((word) => word.split(","))
    .filter((word) => word !== "")
    .map(Number);
  const odd = ids.findIndex((id) => !Number.isInteger(id));
  if (odd >= 0) throw new UsageError({ what: "An id is not a whole number.", got: words.join(" ") });
  const text = (await readTokenizer(place)).decode(ids, { skipSpecialTokens: !options.special });
  if (json) printJson(io, { text });
  else io.stdout.write(`${text}\n`);
}

interface TokenFileOptions extends TrainOptions {
  split: string;
}

async function tokenFile(place: string, options: TokenFileOptions, io: Io, json: boolean): Promise<void> {
  const { split } = options;
  if (split !== "train" && split !== "test") throw unknownName("split", split, ["train", "test"]);
  const { readTokenizer } = await import("../tokenizers/node/index.ts");
  const { loadText } = await import("../data/node/text.ts");
  const { writeTokenFile } = await import("../data/node/token-file.ts");
  const { documentTokens } = await import("../data/text/tokens.ts");
  const { endToken } = await import("../data/text/ends.ts");
  const { tokenizerDigest } = await import("../data/node/token-sets.ts");
  const tokenizer = await readTokenizer(place);
  const activity = showActivity(io, json);
  const { documents } = await loadText(options.data, {
    split,
    field: options.field,
    targetField: options.target,
    onProgress: activity.onProgress,
  }).finally(activity.end);
  // Documents are followed by the tokenizer's end token, where it has one.
  const end = endToken(tokenizer);
  const file = path.resolve(options.out);
  const parts = documentTokens(
    documents,
    (text) => tokenizer.encode(text, { addSpecialTokens: false }),
    documents.length > 1 ? end : undefined,
  );
  const written = await writeTokenFile(file, parts, {
    vocabularySize: tokenizer.vocabularySize,
    tokenizer: tokenizerDigest(tokenizer).slice(0, 8),
  });
  if (written.tokens === 0) throw new FileError({ what: "The text has no tokens.", where: options.data });
  if (json) printJson(io, { file, ...written });
  else io.stdout.write(`${written.tokens} tokens, ${written.bytes} bytes: ${file}\n`);
}
