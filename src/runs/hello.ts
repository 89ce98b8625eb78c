/** The model that says hello: GPT-2 where it can be had, else the small one that comes with the library. */
import { stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { FileError } from "../core/errors.ts";
import { isCached, modelCacheFolder, type PullOptions, pullModel } from "../pretrained/node/index.ts";

/** What is fetched. */
export const HELLO_MODEL = "openai-community/gpt2";

/** Where the small model lies: two folders up from here, in src as in dist. */
export const helloAsset = fileURLToPath(new URL("../../assets/hello", import.meta.url));

/** A folder to write with, and why it is not GPT-2 where it is not. */
export interface HelloModel {
  readonly folder: string;
  readonly name: string;
  readonly instead: string | undefined;
}

/**
 * GPT-2 from the cache, else from the hub, else the small model.
 * @throws FileError where there is none of them
 */
export async function findHelloModel(options: PullOptions & { asset?: string } = {}): Promise<HelloModel> {
  const { asset = helloAsset, ...pull } = options;
  if (await isCached(HELLO_MODEL)) return { folder: modelCacheFolder(HELLO_MODEL), name: "GPT-2", instead: undefined };
  try {
    if (process.env.HF_HUB_OFFLINE === "1") throw new FileError({ what: "HF_HUB_OFFLINE forbids to fetch it." });
    return { folder: await pullModel(HELLO_MODEL, pull), name: "GPT-2", instead: undefined };
  } catch (error) {
    pull.signal?.throwIfAborted();
    if (!(error instanceof FileError)) throw error;
    if (await isFile(path.join(asset, "config.json")))
      return { folder: asset, name: "the small model of the library", instead: error.problem.what };
    throw new FileError({ ...error.problem, what: `GPT-2 cannot be had, and no small model came with the library. ${error.problem.what}` });
  }
}

async function isFile(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined))?.isFile() ?? false;
}
