/** What a name stands for that text is to be written with: a run, a model's folder, or an adapter's folder. */
import { stat } from "node:fs/promises";
import path from "node:path";
import { FileError, UsageError } from "../core/errors.ts";
import { DecoderEngine } from "../generation/decoder-engine.ts";
import type { TextEngine } from "../generation/engine.ts";
import type { Precision } from "../lower/weight-only.ts";
import { isDecoder } from "../nn/decoder.ts";
import type { Module } from "../nn/module.ts";
import { WriterEngine } from "../play/writer-engine.ts";
import {
  adapterBase,
  isAdapterFolder,
  isModelName,
  modelFolder,
  readAdapterFolder,
  readModelFolder,
  requireTokenizer,
} from "../pretrained/node/index.ts";
import type { Backend } from "../runtime/backend.ts";
import { type ChatTemplate, plainChatTemplate } from "../tokenizers/chat/template.ts";
import { readChatTemplate } from "../tokenizers/node/chat-template.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { type LoadedModel, loadModel } from "./load.ts";
import { openRun } from "./registry.ts";

export interface TextEngineOptions {
  backend: Backend;
  /** Texts at the same time. Default 16; one for models without a cache of keys and values. */
  slots?: number | undefined;
  /** The most tokens of prompt and text together. Default: the network's. */
  context?: number | undefined;
  /** How weights are kept. Default float32. */
  precision?: Precision | undefined;
  /** The folder of an adapter that is added to the model. */
  adapter?: string | undefined;
  onWarning?: ((text: string) => void) | undefined;
}

/** A network that writes, and all that belongs to it. */
export interface LoadedText {
  /** The run's or the folder's name. */
  name: string;
  /** Where it lies, the base's where an adapter was added. */
  folder: string;
  network: Module;
  tokenizer: Tokenizer;
  template: ChatTemplate;
  /** Ids that end a text; undefined where the vocabulary tells. */
  endTokens: readonly number[] | undefined;
  /** Where it is a run. */
  model?: LoadedModel;
  /** The text of `config.json`, where it is a folder in Hugging Face's form. */
  configJson?: Readonly<Record<string, unknown>>;
}

/** An engine with the template for chats. */
export interface OpenedText {
  name: string;
  engine: TextEngine;
  template: ChatTemplate;
}

/**
 * Open what writes text: a run's name or folder, a folder in Hugging Face's form, or the folder of an adapter, which names its base.
 * @throws UsageError for a name that nothing has or a model that does not write; FileError for folders that cannot be used
 */
export async function openTextEngine(target: string, options: TextEngineOptions): Promise<OpenedText> {
  return engineOf(await loadText(target, options), options);
}

/**
 * An engine for a model that is loaded.
 * @throws UsageError for a network that does not write
 */
export async function engineOf(
  { name, network, tokenizer, template, endTokens, model }: LoadedText,
  { backend, slots, context, precision }: Omit<TextEngineOptions, "adapter" | "onWarning">,
): Promise<OpenedText> {
  if (isDecoder(network)) {
    const ends = endTokens === undefined ? {} : { endTokens };
    const engine = await DecoderEngine.open({ backend, network, tokenizer, name, slots, context, precision, ...ends });
    return { name, engine, template };
  }
  if (model === undefined) throw writesNothing(name);
  return { name, engine: await WriterEngine.open({ ...model, backend }, tokenizer, name), template };
}

/**
 * A model that writes, in memory; adapters are merged into its weights.
 * @throws UsageError, FileError as {@link openTextEngine}
 */
export async function loadText(
  target: string,
  { adapter, onWarning }: Pick<TextEngineOptions, "adapter" | "onWarning"> = {},
): Promise<LoadedText> {
  if (await isAdapterFolder(target)) {
    const loaded = await loadText(await baseFolder(target), { adapter, onWarning });
    (await readAdapterFolder(target, loaded.network)).merge();
    return { ...loaded, name: path.basename(path.resolve(target)) };
  }
  const place = await placeOf(target);
  const isFolder = (await isFile(path.join(place, "config.json"))) && !(await isFile(path.join(place, "run.json")));
  const name = path.basename(path.resolve(target));
  const loaded = isFolder ? { ...(await fromFolder(place)), name } : await fromRun(place, onWarning);
  if (adapter !== undefined) (await readAdapterFolder(adapter, loaded.network)).merge();
  return loaded;
}

async function fromFolder(folder: string): Promise<LoadedText> {
  const model = await readModelFolder(folder);
  const tokenizer = requireTokenizer(model);
  const { network, configJson, endTokens } = model;
  const name = path.basename(path.resolve(folder));
  const template = await readChatTemplate(folder, tokenizer);
  return { name, folder, network, tokenizer, template, configJson, endTokens: endTokens.length > 0 ? endTokens : undefined };
}

async function fromRun(name: string, onWarning: TextEngineOptions["onWarning"]): Promise<LoadedText> {
  const run = await openRun(name);
  const model = await loadModel(run, onWarning);
  const tokenizer = model.tokenizers?.tokenizer;
  if (tokenizer === undefined) throw writesNothing(model.record.name);
  const { network } = model;
  return { name: run.name, folder: run.folder, network, tokenizer, template: plainChatTemplate(tokenizer), endTokens: undefined, model };
}

/** A model's name on the hub (ORG/NAME) as its folder in the cache, to which it is fetched the first time; anything else as it is. @throws FileError */
async function placeOf(target: string): Promise<string> {
  const named = target.includes("/") && isModelName(target) && (await stat(target).catch(() => undefined)) === undefined;
  return named ? modelFolder(target) : target;
}

/** Where an adapter's base lies: beside the adapter, from the current folder, or by its name on the hub. @throws FileError where it is not there */
async function baseFolder(adapter: string): Promise<string> {
  const base = await adapterBase(adapter);
  const places = base === undefined ? [] : [path.resolve(adapter, base), path.resolve(base)];
  for (const place of places) for (const file of ["config.json", "run.json"]) if (await isFile(path.join(place, file))) return place;
  if (base?.includes("/") && isModelName(base)) return base;
  throw new FileError({
    what: "The model that the adapter belongs to is not there.",
    where: path.join(adapter, "adapter_config.json"),
    got: base ?? "no base_model_name_or_path",
    hint: "name the model's folder, and the adapter's with --adapter",
  });
}

function writesNothing(name: string): UsageError {
  return new UsageError({
    what: `The model "${name}" does not write texts.`,
    expected: "a run of a language model, or a folder with a decoder",
  });
}

async function isFile(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined))?.isFile() ?? false;
}
