/** Whole models in Hugging Face's folders: config.json, weights, tokenizer. */
import { readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { AtelierError, FileError } from "../../core/errors.ts";
import { fileError, TEMPORARY_SUFFIX, writeFileAtomic } from "../../core/node/files.ts";
import type { Module } from "../../nn/module.ts";
import { findTokenizer, TOKENIZER_FILES, writeTokenizer } from "../../tokenizers/node/index.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import type { Architecture } from "../architecture.ts";
import { architectureOf, readConfig } from "../architectures.ts";
import { type FileTensor, safetensorsPieces } from "../safetensors.ts";
import { assignWeights, type StoredTensor, storedWeights } from "../weights.ts";
import { readJson } from "./json.ts";
import { INDEX_FILE, openWeights, SINGLE_FILE } from "./weight-files.ts";

/** What stands in a folder of a model. */
export interface PretrainedModel<N extends Module = Module> {
  readonly folder: string;
  /** `gpt2`, `llama` ... */
  readonly kind: string;
  readonly network: N;
  /** The text of its `config.json`, as an object. */
  readonly configJson: Readonly<Record<string, unknown>>;
  /** Undefined where the folder has none. */
  readonly tokenizer: Tokenizer | undefined;
  /** Ids after which a text is at its end. */
  readonly endTokens: readonly number[];
  /** The Jinja template that makes a prompt of a conversation, where there is one. */
  readonly chatTemplate: string | undefined;
}

/**
 * Read a model's folder: `config.json`, `model.safetensors` (or the files of `model.safetensors.index.json`), and `tokenizer.json`, `tokenizer.model`,
 * GPT-2's `vocab.json` and `merges.txt`, or BERT's `vocab.txt`.
 * Nothing is believed that was not checked: sizes are compared with the files before memory is asked for, names and shapes before numbers are read.
 * @throws FileError when something is missing, half-downloaded, damaged, of an unknown kind, or does not fit
 */
export async function readModelFolder(folder: string): Promise<PretrainedModel> {
  await requireComplete(folder);
  const configFile = path.join(folder, "config.json");
  const configJson = (await readJson(configFile)) as Record<string, unknown>;
  const { architecture, config: said } = readConfig(configJson, configFile);
  const tensors = await openWeights(folder);
  const config = adapted(architecture, said, tensors);
  requireRoom(architecture.parameterCount(config), tensors, folder);
  const network = built(architecture, config, configFile);
  await assignWeights(architecture, network, tensors, folder);
  const tokenizer = await findTokenizer(folder);
  requireVocabulary(tokenizer, config, folder);
  const generation = await optionalJson(path.join(folder, "generation_config.json"));
  const chat = (await optionalJson(path.join(folder, "tokenizer_config.json"))).chat_template;
  return {
    folder,
    kind: architecture.kind,
    network,
    configJson,
    tokenizer,
    endTokens: idsOf(generation.eos_token_id ?? configJson.eos_token_id),
    chatTemplate: typeof chat === "string" ? chat : undefined,
  };
}

export interface SaveOptions {
  network: Module;
  tokenizer?: Tokenizer | undefined;
  /** Fields of `config.json` beyond those that follow from the network: what a folder that was read had, ids of special tokens ... */
  configJson?: Readonly<Record<string, unknown>> | undefined;
  /** How numbers are stored. Default as they are. */
  floats?: "F32" | "F16" | undefined;
  /** Weights beyond this many bytes are written in several files with an index. Default 5 GB. */
  shardBytes?: number | undefined;
}

/**
 * Write a folder that `readModelFolder` and Hugging Face's library read: `config.json`, weights, `tokenizer.json`.
 * @throws FileError when it cannot be written; AtelierError for a network that these files have no form for
 */
export async function writeModelFolder(folder: string, options: SaveOptions): Promise<void> {
  const { network, tokenizer, configJson = {}, floats = "F32", shardBytes = 5e9 } = options;
  const architecture = architectureOf(network);
  const config = { ...configJson, ...architecture.write(architecture.configOf(network)), dtype: floats === "F32" ? "float32" : "float16" };
  const shards = sharded(storedWeights(architecture, network), shardBytes, floats === "F32" ? 4 : 2);
  const metadata = { format: "pt" };
  if (shards.length === 1) await writeFileAtomic(path.join(folder, SINGLE_FILE), safetensorsPieces(shards[0].tensors, metadata, floats));
  else {
    const names = shards.map((_, i) => `model-${fiveDigits(i + 1)}-of-${fiveDigits(shards.length)}.safetensors`);
    for (const [i, { tensors }] of shards.entries())
      await writeFileAtomic(path.join(folder, names[i]), safetensorsPieces(tensors, metadata, floats));
    const map = shards.flatMap(({ tensors }, i) => [...tensors.keys()].map((name) => [name, names[i]]));
    const index = { metadata: { total_size: shards.reduce((sum, { bytes }) => sum + bytes, 0) }, weight_map: Object.fromEntries(map) };
    await writeFileAtomic(path.join(folder, INDEX_FILE), `${JSON.stringify(index, null, 2)}\n`);
  }
  await removeOtherWeights(folder, shards.length);
  if (tokenizer !== undefined) await writeTokenizer(path.join(folder, "tokenizer.json"), tokenizer);
  await writeFileAtomic(path.join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
}

/** Weights of a model that was written into the folder before would be read instead of, or beside, those in `shards` files. */
async function removeOtherWeights(folder: string, shards: number): Promise<void> {
  const shardOf = new RegExp(`^model-\\d{5}-of-(?!${fiveDigits(shards)})\\d{5}\\.safetensors$`);
  const other = shards === 1 ? INDEX_FILE : SINGLE_FILE;
  for (const name of await readdir(folder)) if (name === other || shardOf.test(name)) await rm(path.join(folder, name));
}

interface Shard {
  tensors: Map<string, FileTensor>;
  bytes: number;
}

/** In order, each as full as the limit allows, at least one tensor each. */
function sharded(all: ReadonlyMap<string, FileTensor>, limit: number, width: number): Shard[] {
  const shards: Shard[] = [];
  for (const [name, tensor] of all) {
    const bytes = tensor.data.length * width;
    const last = shards.at(-1);
    if (last === undefined || last.bytes + bytes > limit) shards.push({ tensors: new Map([[name, tensor]]), bytes });
    else {
      last.tensors.set(name, tensor);
      last.bytes += bytes;
    }
  }
  return shards;
}

function fiveDigits(n: number): string {
  return String(n).padStart(5, "0");
}

/** @throws FileError for a folder that is not there, or that a download left unfinished */
async function requireComplete(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error) => {
    throw fileError(error, `There is no model at ${folder}.`);
  });
  const partial = names.find((name) => name.endsWith(TEMPORARY_SUFFIX));
  if (partial === undefined) return;
  throw new FileError({
    what: "The model was not downloaded completely.",
    where: folder,
    got: partial,
    hint: "fetch it again: what is there is kept, and the download goes on where it stopped",
  });
}

/** The network that a configuration describes. @throws FileError for sizes that do not go together */
function built(architecture: Architecture, config: unknown, configFile: string): Module {
  try {
    return architecture.build(config);
  } catch (error) {
    if (!(error instanceof AtelierError)) throw error;
    const hint = "the file must be the one that came with the weights: fetch the folder again";
    throw new FileError({ ...error.problem, where: configFile, hint, cause: error });
  }
}

function adapted(architecture: Architecture, config: unknown, tensors: ReadonlyMap<string, StoredTensor>): unknown {
  const shapes = [...tensors].map(([name, { shape }]) => [architecture.present(name) ?? name, shape] as const);
  return architecture.adapt?.(config, new Map(shapes)) ?? config;
}

/** A configuration of a network far larger than its files is refused before memory is taken; small differences get the full list of names. */
function requireRoom(parameters: number, tensors: ReadonlyMap<string, StoredTensor>, where: string): void {
  const stored = [...tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  if (parameters <= 2 * stored + 1e6) return;
  throw new FileError({
    what: "The configuration describes a larger network than the weights are of.",
    where,
    got: `${stored} numbers in the files`,
    expected: `${parameters}`,
  });
}

/** @throws FileError where the tokenizer has ids that no embedding stands for */
function requireVocabulary(tokenizer: Tokenizer | undefined, config: unknown, where: string): void {
  const { vocabulary } = config as { vocabulary: number };
  if (tokenizer === undefined || tokenizer.vocabularySize <= vocabulary) return;
  throw new FileError({
    what: "The tokenizer has more tokens than the network.",
    where,
    got: `${tokenizer.vocabularySize} tokens`,
    expected: `at most ${vocabulary}, the rows of the embeddings`,
    hint: "tokenizer and weights must be of one model",
  });
}

/** The tokenizer of a model that must have one. @throws FileError */
export function requireTokenizer({ tokenizer, folder }: Pick<PretrainedModel, "tokenizer" | "folder">): Tokenizer {
  if (tokenizer !== undefined) return tokenizer;
  throw new FileError({
    what: "The model's folder has no tokenizer.",
    where: folder,
    expected: TOKENIZER_FILES,
    hint: "put the tokenizer the model was trained with into the folder",
  });
}

async function optionalJson(file: string): Promise<Record<string, unknown>> {
  if (!((await stat(file).catch(() => undefined))?.isFile() ?? false)) return {};
  const value = await readJson(file);
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function idsOf(value: unknown): number[] {
  return (Array.isArray(value) ? value : [value]).filter((id): id is number => Number.isSafeInteger(id));
}
