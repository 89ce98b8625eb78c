import { stat } from "node:fs/promises";
import path from "node:path";
import { FileError } from "../../core/errors.ts";
import { readBytes, writeFileAtomic } from "../../core/node/files.ts";
import type { Lora } from "../../nn/lora.ts";
import type { Module } from "../../nn/module.ts";
import { adapterConfigOf, adapterFrom, adapterTensors, readAdapterConfig } from "../adapter.ts";
import { decodeSafetensors, safetensorsPieces } from "../safetensors.ts";
import { readJson } from "./json.ts";

const CONFIG_FILE = "adapter_config.json";
const WEIGHTS_FILE = "adapter_model.safetensors";

/** Whether a folder holds an adapter rather than a model. */
export async function isAdapterFolder(folder: string): Promise<boolean> {
  return (await stat(path.join(folder, CONFIG_FILE)).catch(() => undefined))?.isFile() ?? false;
}

/** The name or folder of the model that an adapter was trained on; undefined where it does not say. @throws FileError */
export async function adapterBase(folder: string): Promise<string | undefined> {
  const file = path.join(folder, CONFIG_FILE);
  return readAdapterConfig(await readJson(file), file).base_model_name_or_path ?? undefined;
}

/**
 * Put the adapter of a folder, written by us or by PEFT, onto a network.
 * @throws FileError when it cannot be read, is of a kind that is not supported, or was trained on another model
 */
export async function readAdapterFolder(folder: string, network: Module): Promise<Lora> {
  const configFile = path.join(folder, CONFIG_FILE);
  const config = readAdapterConfig(await readJson(configFile), configFile);
  const file = path.join(folder, WEIGHTS_FILE);
  if (!((await stat(file).catch(() => undefined))?.isFile() ?? false)) {
    throw new FileError({
      what: "The adapter has no weights that can be read.",
      where: folder,
      expected: WEIGHTS_FILE,
      hint: "older adapters have adapter_model.bin, which can run code when it is opened: convert it with PEFT first",
    });
  }
  return adapterFrom(network, config, decodeSafetensors(await readBytes(file), { file }).tensors, file);
}

/** Write adapters as PEFT reads them. `base` is the name or folder of the model they belong to. @throws FileError when it cannot be written */
export async function writeAdapterFolder(folder: string, lora: Lora, network: Module, base: string): Promise<void> {
  await writeFileAtomic(path.join(folder, WEIGHTS_FILE), safetensorsPieces(adapterTensors(lora, network), { format: "pt" }));
  await writeFileAtomic(path.join(folder, CONFIG_FILE), `${JSON.stringify(adapterConfigOf(lora, network, base), null, 2)}\n`);
}
