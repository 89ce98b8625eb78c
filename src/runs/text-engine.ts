/** What a name stands for that text is to be written with: a run, a model's folder, or an adapter's folder. */
import { stat } from "node:fs/promises";
import path from "node:path";
import { FileError, UsageError } from "../core/errors.ts";
import { DecoderEngine } from "../generation/decoder-engine.ts";
import type { TextEngine } from "../generation/engine.ts";
import type { Precision } from "../lower/weight-only.ts";
import type { DecoderNetwork } from "../nn/decoder.ts";
import type { Module } from "../nn/module.ts";
import { adapterBase, isAdapterFolder, readAdapterFolder, readModelFolder, requireTokenizer } from "../pretrained/node/index.ts";
import type { Backend } from "../runtime/backend.ts";
import { type ChatTemplate, plainChatTemplate } from "../tokenizers/chat/template.ts";
import { readChatTemplate } from "../tokenizers/node/chat-template.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { loadModel } from "./load.ts";
import { openRun } from "./registry.ts";
import { WriterEngine } from "./writer-engine.ts";

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
  network: Module;
  tokenizer: Tokenizer;
  template: ChatTemplate;
  /** Ids that end a text; undefined where the vocabulary tells. */
  endTokens: readonly number[] | undefined;
  /** The folder of the base model, where it is one of Hugging Face's form. */
  folder: string | undefined;
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
  const { backend, slots, context, precision, adapter } = options;
  const kind = await kindOf(target);
  if (kind === "run") {
    const run = await openRun(target);
    const model = await loadModel(run, options.onWarning);
    const tokenizer = model.tokenizers?.tokenizer;
    if (tokenizer === undefined) throw writesNothing(model.record.name);
    const template = plainChatTemplate(tokenizer);
    if (isDecoder(model.network)) {
      if (adapter !== undefined) (await readAdapterFolder(adapter, model.network)).merge();
      const engine = await DecoderEngine.open({ backend, network: model.network, tokenizer, name: run.name, slots, context, precision });
      return { name: run.name, engine, template };
    }
    return { name: run.name, engine: await WriterEngine.open({ ...model, backend }, tokenizer, run.name), template };
  }
  const loaded = await loadTextFolder(target, adapter);
  if (!isDecoder(loaded.network)) throw writesNothing(loaded.name);
  const { name, network, tokenizer, template, endTokens } = loaded;
  const engine = await DecoderEngine.open({
    ...{ backend, network, tokenizer, name, slots, context, precision },
    ...(endTokens === undefined ? {} : { endTokens }),
  });
  return { name, engine, template };
}

/** A model's folder, or an adapter's with its base, in memory; adapters are merged. @throws FileError */
export async function loadTextFolder(target: string, adapter?: string): Promise<LoadedText> {
  const own = await isAdapterFolder(target);
  const folder = own ? await baseFolder(target) : target;
  const model = await readModelFolder(folder);
  const tokenizer = requireTokenizer(model);
  for (const one of [...(own ? [target] : []), ...(adapter === undefined ? [] : [adapter])])
    (await readAdapterFolder(one, model.network)).merge();
  return {
    name: path.basename(path.resolve(target)),
    network: model.network,
    tokenizer,
    template: await readChatTemplate(folder, tokenizer),
    endTokens: model.endTokens.length > 0 ? model.endTokens : undefined,
    folder,
  };
}

/** Where an adapter's base lies: beside the adapter, or from the current folder. @throws FileError where it is not there */
async function baseFolder(adapter: string): Promise<string> {
  const base = await adapterBase(adapter);
  const places = base === undefined ? [] : [path.resolve(adapter, base), path.resolve(base)];
  for (const place of places) if (await isFile(path.join(place, "config.json"))) return place;
  throw new FileError({
    what: "The model that the adapter belongs to is not there.",
    where: path.join(adapter, "adapter_config.json"),
    got: base ?? "no base_model_name_or_path",
    hint: "name the model's folder, and the adapter's with --adapter",
  });
}

async function kindOf(target: string): Promise<"folder" | "run"> {
  const folder = (await isAdapterFolder(target)) || (await isFile(path.join(target, "config.json")));
  return folder && !(await isFile(path.join(target, "run.json"))) ? "folder" : "run";
}

function isDecoder(network: Module): network is DecoderNetwork {
  return "decode" in network && "decoder" in network;
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
