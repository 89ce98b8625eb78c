/** The model that says hello: GPT-2 where it can be had, else the small one that comes with the library. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { FileError } from "../core/errors.ts";
import { fileError } from "../core/node/files.ts";
import { isCached, modelCacheFolder, type PullOptions, pullModel } from "../pretrained/node/index.ts";

/** What is fetched. */
export const HELLO_MODEL = "openai-community/gpt2";

/** What comes with the library: two folders up from here, in src as in dist. */
export const assetsFolder = fileURLToPath(new URL("../../assets", import.meta.url));

/** The small model may take so many bytes, all its files together. */
export const HELLO_BYTES = 4_000_000;

const fileSchema = z.object({ bytes: z.int().positive(), sha256: z.string().regex(/^[0-9a-f]{64}$/) });
const helloSchema = z.object({
  /** By name in the folder `hello`. */
  files: z.record(z.string().regex(/^[\w-][\w.-]*$/), fileSchema),
  /** What made it, in order. */
  commands: z.array(z.string()),
  seed: z.string(),
  /** Of this library, that trained it. */
  version: z.string(),
  /** The text set it was trained on. */
  data: z.string(),
  parameters: z.int().positive(),
  /** Of held-out text, by the weights as stored. */
  perplexity: z.number(),
  bitsPerByte: z.number(),
});
const manifestSchema = z.object({ hello: helloSchema.optional() });

/** What is known of the small model. */
export type HelloAsset = z.infer<typeof helloSchema>;

/** A folder to write with, and why it is not GPT-2 where it is not. */
export interface HelloModel {
  readonly folder: string;
  readonly name: string;
  readonly instead: string | undefined;
}

export interface FindHelloOptions extends PullOptions {
  /** Take the small model without asking for GPT-2. */
  small?: boolean | undefined;
  /** Where the library's assets are. */
  assets?: string | undefined;
}

/**
 * GPT-2 from the cache, else from the hub, else the small model.
 * @throws FileError where there is none of them, or the small one's files are not those that were made
 */
export async function findHelloModel({ small = false, assets = assetsFolder, ...pull }: FindHelloOptions = {}): Promise<HelloModel> {
  if (small) return { ...(await smallModel(assets, "The small model did not come with the library.")), instead: undefined };
  if (await isCached(HELLO_MODEL)) return { folder: modelCacheFolder(HELLO_MODEL), name: "GPT-2", instead: undefined };
  try {
    return { folder: await pullModel(HELLO_MODEL, pull), name: "GPT-2", instead: undefined };
  } catch (error) {
    pull.signal?.throwIfAborted();
    if (!(error instanceof FileError)) throw error;
    const { what } = error.problem;
    return {
      ...(await smallModel(assets, `GPT-2 cannot be had, and no small model came with the library. ${what}`, error)),
      instead: what,
    };
  }
}

async function smallModel(assets: string, without: string, cause?: FileError): Promise<Pick<HelloModel, "folder" | "name">> {
  const found = await readHelloAsset(assets);
  if (found === undefined) throw new FileError({ ...cause?.problem, what: without, cause });
  return { folder: found.folder, name: "the small model of the library" };
}

/**
 * The small model's folder, its files compared with their digests, and what is known of it.
 * @returns undefined where none came with the library
 * @throws FileError for a file that is missing or is not the one described
 */
export async function readHelloAsset(assets: string = assetsFolder): Promise<{ folder: string; about: HelloAsset } | undefined> {
  const about = await helloEntry(assets);
  if (about === undefined) return undefined;
  const folder = path.join(assets, "hello");
  for (const [name, { sha256 }] of Object.entries(about.files)) {
    const file = path.join(folder, name);
    const bytes = await readFile(file).catch((error) => {
      throw fileError(error, "A file of the small model cannot be read.", file);
    });
    if (createHash("sha256").update(bytes).digest("hex") === sha256) continue;
    throw new FileError({
      what: "A file of the small model is not the one that was made: its digest differs.",
      where: file,
      hint: "install the library again",
    });
  }
  return { folder, about };
}

async function helloEntry(assets: string): Promise<HelloAsset | undefined> {
  const file = path.join(assets, "manifest.json");
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "{}";
    throw fileError(error, "The description of the library's assets cannot be read.", file);
  });
  try {
    return manifestSchema.parse(JSON.parse(text)).hello;
  } catch (error) {
    throw new FileError({ what: "The description of the library's assets is damaged.", where: file, cause: error });
  }
}
