/** Models by name: fetched from the hub once, then found in the cache without a network. */
import { mkdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { AtelierError, FileError, UsageError } from "../../core/errors.ts";
import { cacheFolder } from "../../core/node/cache.ts";
import { writeFileAtomic } from "../../core/node/files.ts";
import { fetchFile, type Hub, type HubFile, hubOf, listModel } from "./hub-client.ts";
import { readJson } from "./json.ts";
import { INDEX_FILE, SINGLE_FILE } from "./weight-files.ts";

export interface PullOptions {
  /** Branch, tag or commit. Default "main". */
  readonly revision?: string | undefined;
  /** Default what HF_ENDPOINT and HF_TOKEN say. */
  readonly hub?: Hub | undefined;
  /** Told at least once a second: the file, bytes there are and bytes it has. */
  readonly onProgress?: ((file: string, bytes: number, of: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Files of a model besides its weights that are fetched where there are any. */
const COMPANIONS = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer.model",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
];

/** What a tokenizer is made of where it has no file of its own. */
const TOKENIZER_PIECES = ["vocab.json", "merges.txt", "added_tokens.json", "vocab.txt"];

/** What says where a folder's files are from, written last: a folder without it is not complete. */
const SOURCE_FILE = "atelier-source.json";

/** The cache's folder of a model. @throws UsageError for what cannot be a model's name */
export function modelCacheFolder(name: string, revision = "main"): string {
  if (!isModelName(name))
    throw new UsageError({ what: "This is not the name of a model.", got: name, expected: "ORG/NAME, such as openai-community/gpt2" });
  return path.join(cacheFolder(), "models", ...name.split("/"), revision.replaceAll(/[^\w.-]/g, "_"));
}

/** Whether a text can be a model's name on a hub: NAME or ORG/NAME. */
export function isModelName(text: string): boolean {
  return /^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9][\w.-]*)?$/.test(text) && !text.includes("..");
}

/**
 * Fetch a model's configuration, weights and tokenizer into the cache, going on where an earlier try stopped; each file's digest is checked.
 * @returns the folder
 * @throws FileError when the hub cannot be reached, refuses or `HF_HUB_OFFLINE=1` forbids it, bytes are not those expected, or the model has no weights in safetensors; UsageError for a bad name
 */
export async function pullModel(name: string, { revision = "main", hub = hubOf(), onProgress, signal }: PullOptions = {}): Promise<string> {
  const folder = modelCacheFolder(name, revision);
  if (process.env.HF_HUB_OFFLINE === "1")
    throw new FileError({ what: "HF_HUB_OFFLINE forbids to fetch it.", where: name, hint: "set it to 0 to reach the hub" });
  const { commit, files } = await listModel(hub, name, revision, signal);
  await mkdir(folder, { recursive: true });
  // Where an older commit is in the cache its files are replaced one by one: until all are, the folder is no model.
  const onBegin = () => rm(path.join(folder, SOURCE_FILE), { force: true });
  const get = async (file: HubFile) => {
    let told = 0;
    const onBytes = (bytes: number) => {
      const now = performance.now();
      if (now - told < 500 && bytes < file.bytes) return;
      told = now;
      onProgress?.(file.name, bytes, file.bytes);
    };
    await fetchFile(hub, { model: name, commit, file, folder }, { onBytes, onBegin, signal });
  };
  const byName = new Map(files.map((file) => [file.name, file]));
  const whole = byName.has("tokenizer.json") || byName.has("tokenizer.model");
  const companions = whole ? COMPANIONS : [...COMPANIONS, ...TOKENIZER_PIECES];
  for (const file of files) if (companions.includes(file.name)) await get(file);
  for (const file of await weightFiles(name, byName, get, folder)) await get(file);
  await writeFileAtomic(
    path.join(folder, SOURCE_FILE),
    `${JSON.stringify({ endpoint: hub.endpoint, model: name, revision, commit }, null, 2)}\n`,
  );
  return folder;
}

async function weightFiles(
  name: string,
  files: ReadonlyMap<string, HubFile>,
  get: (file: HubFile) => Promise<void>,
  folder: string,
): Promise<HubFile[]> {
  const single = files.get(SINGLE_FILE);
  if (single !== undefined) return [single];
  const index = files.get(INDEX_FILE);
  if (index === undefined) {
    throw new FileError({
      what: "The model has no weights in safetensors files.",
      where: name,
      got: [...files.keys()].join(", ") || "no files",
      expected: `${SINGLE_FILE} or ${INDEX_FILE}`,
    });
  }
  await get(index);
  const { weight_map: map } = (await readJson(path.join(folder, INDEX_FILE))) as { weight_map?: Record<string, string> };
  return [...new Set(Object.values(map ?? {}))].map((shard) => {
    const file = files.get(shard);
    if (file === undefined)
      throw new FileError({ what: "The model's index names a file that the hub does not have.", where: name, got: shard });
    return file;
  });
}

/** Whether the cache holds all of a model. */
export async function isCached(name: string, revision = "main"): Promise<boolean> {
  return (await stat(path.join(modelCacheFolder(name, revision), SOURCE_FILE)).catch(() => undefined))?.isFile() ?? false;
}

/**
 * The folder that a user's word means: a folder as it is; a model's name by its place in the cache, to which it is fetched the first time. With
 * `HF_HUB_OFFLINE=1` nothing is fetched.
 * @throws UsageError for what is neither; FileError as `pullModel`
 */
export async function modelFolder(place: string, options: PullOptions = {}): Promise<string> {
  if ((await stat(place).catch(() => undefined))?.isDirectory()) return place;
  if (!isModelName(place))
    throw new UsageError({
      what: "There is no such folder, and this is not the name of a model.",
      got: place,
      expected: "a folder, or ORG/NAME",
    });
  if (await isCached(place, options.revision)) return modelCacheFolder(place, options.revision);
  if (process.env.HF_HUB_OFFLINE === "1") {
    throw new FileError({
      what: "The model is not in the cache, and HF_HUB_OFFLINE forbids to fetch it.",
      where: modelCacheFolder(place, options.revision),
      got: place,
      hint: `set it to 0 to reach the hub, or "atelier pull ${place}" where there is a network, and copy the cache's folder`,
    });
  }
  return pullModel(place, options).catch((error: unknown) => {
    // A word without a slash is more often a mistyped folder than a model.
    if (!(error instanceof AtelierError) || place.includes("/")) throw error;
    throw new FileError({
      ...error.problem,
      what: `There is no folder "${place}" here, and no model of this name could be fetched. ${error.problem.what}`,
    });
  });
}
