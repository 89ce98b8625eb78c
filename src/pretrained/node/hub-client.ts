/** The few requests that fetching a model from a hub takes: what files it has, and their bytes, from where an earlier try stopped. */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { FileError } from "../../core/errors.ts";
import { fileError, TEMPORARY_SUFFIX } from "../../core/node/files.ts";

/** Where models come from. */
export interface Hub {
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly token: string | undefined;
}

/** A file of a model, with what its bytes must be. */
export interface HubFile {
  readonly name: string;
  readonly bytes: number;
  /** SHA-256 of large files; small ones are known by git's name for them: SHA-1 of "blob BYTES\0" and the bytes. */
  readonly digest: { readonly kind: "sha256" | "git"; readonly hex: string };
}

export interface HubListing {
  /** The commit that the files are of. */
  readonly commit: string;
  readonly files: readonly HubFile[];
}

/** `HF_ENDPOINT` (default https://huggingface.co) with `HF_TOKEN`. */
export function hubOf(env: Readonly<Record<string, string | undefined>> = process.env): Hub {
  return { endpoint: (env.HF_ENDPOINT || "https://huggingface.co").replace(/\/+$/, ""), token: env.HF_TOKEN?.trim() || undefined };
}

/** What a model has in its top folder at a revision. @throws FileError when the hub cannot be reached, refuses, or has no such model */
export async function listModel(hub: Hub, name: string, revision: string, signal?: AbortSignal): Promise<HubListing> {
  const url = `${hub.endpoint}/api/models/${name}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const response = await request(hub, url, {}, signal);
  const value = (await response.json().catch(() => undefined)) as { sha?: unknown; siblings?: unknown } | undefined;
  if (typeof value?.sha !== "string" || !/^[0-9a-f]{7,64}$/.test(value.sha) || !Array.isArray(value.siblings))
    throw new FileError({ what: "The hub's answer is not a list of files.", where: url });
  return { commit: value.sha, files: value.siblings.flatMap(readSibling) };
}

/** Files of the top folder whose digest is told; others are none of a model's. */
function readSibling(value: unknown): HubFile[] {
  const { rfilename, size, blobId, lfs } = value as {
    rfilename?: unknown;
    size?: unknown;
    blobId?: unknown;
    lfs?: { sha256?: unknown; size?: unknown } | null;
  };
  if (typeof rfilename !== "string" || !/^[\w-][\w.-]*$/.test(rfilename)) return [];
  const large = typeof lfs?.sha256 === "string";
  const hex = large ? lfs.sha256 : blobId;
  const bytes = large ? (lfs.size ?? size) : size;
  const length = large ? 64 : 40;
  if (typeof hex !== "string" || hex.length !== length || !/^[0-9a-f]+$/.test(hex)) return [];
  if (typeof bytes !== "number" || !Number.isSafeInteger(bytes) || bytes < 0) return [];
  return [{ name: rfilename, bytes, digest: { kind: large ? "sha256" : "git", hex } }];
}

/**
 * Fetch a file into a folder. An interrupted try leaves `NAME.partial`, and the next one goes on from there; the file has its name only once its digest is right.
 * @param onBytes told how many bytes there are
 * @param onBegin called before anything is changed, where the file is not there yet as it should be
 * @throws FileError when the bytes cannot be had or are not those expected
 */
export async function fetchFile(
  hub: Hub,
  { model, commit, file, folder }: { model: string; commit: string; file: HubFile; folder: string },
  { onBytes, onBegin, signal }: { onBytes?: (bytes: number) => void; onBegin?: () => Promise<void>; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const target = path.join(folder, file.name);
  const partial = `${target}${TEMPORARY_SUFFIX}`;
  if (await isWhole(target, file)) return;
  await onBegin?.();
  const url = `${hub.endpoint}/${model}/resolve/${commit}/${file.name}`;
  try {
    let have = (await stat(partial).catch(() => undefined))?.size ?? 0;
    if (have > file.bytes) have = 0;
    if (have < file.bytes || file.bytes === 0) await appendRest(hub, url, partial, have, file.bytes, onBytes, signal);
    const got = await digestOf(partial, file);
    if (got !== file.digest.hex) {
      await rm(partial, { force: true });
      throw new FileError({
        what: "The file that was fetched is not the one expected; nothing of it was kept.",
        where: url,
        got: `${file.digest.kind} ${got}`,
        expected: `${file.digest.kind} ${file.digest.hex}`,
        hint: "try again; if it stays so, the hub or a mirror serves other bytes under this name",
      });
    }
    await rename(partial, target);
  } catch (error) {
    signal?.throwIfAborted();
    throw fileError(error, `Could not fetch ${file.name}.`, url);
  }
}

async function appendRest(
  hub: Hub,
  url: string,
  partial: string,
  have: number,
  bytes: number,
  onBytes: ((bytes: number) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const response = await request(hub, url, have > 0 ? { Range: `bytes=${have}-` } : {}, signal);
  // A server that knows no ranges sends all of it again.
  let at = response.status === 206 ? have : 0;
  const handle = await open(partial, at > 0 ? "r+" : "w");
  try {
    for await (const part of whatComes(response, signal)) {
      if (at + part.length > bytes)
        throw new FileError({ what: "The file is longer than the hub declared.", where: url, expected: `${bytes} bytes` });
      await handle.write(part, 0, part.length, at);
      at += part.length;
      onBytes?.(at);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (at < bytes) {
    throw new FileError({
      what: "The connection ended before the file did.",
      where: url,
      got: `${at} bytes`,
      expected: `${bytes}`,
      hint: "try again: what came is kept, and the download goes on from there",
    });
  }
}

/** The bytes of an answer until it ends or the connection is lost: how much of it is missing is for the caller to tell. */
async function* whatComes(response: Response, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, void> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
      signal?.throwIfAborted();
      if (done || value === undefined) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Whether a file is there with the right bytes. */
export async function isWhole(file: string, expected: HubFile): Promise<boolean> {
  const size = (await stat(file).catch(() => undefined))?.size;
  return size === expected.bytes && (await digestOf(file, expected)) === expected.digest.hex;
}

async function digestOf(file: string, { bytes, digest }: HubFile): Promise<string> {
  const hash: Hash = digest.kind === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${bytes}\0`);
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest("hex");
}

async function request(hub: Hub, url: string, headers: Record<string, string>, signal: AbortSignal | undefined): Promise<Response> {
  // The token goes to the hub alone: fetch drops it where an answer points to another host.
  const all = hub.token === undefined ? headers : { ...headers, Authorization: `Bearer ${hub.token}` };
  const response = await fetch(url, { headers: all, ...(signal === undefined ? {} : { signal }) }).catch((error: unknown) => {
    signal?.throwIfAborted();
    const reason = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error);
    throw new FileError({
      what: "Could not reach the hub.",
      where: url,
      got: hub.token === undefined ? reason : reason.replaceAll(hub.token, "HF_TOKEN"),
      hint: "connect to the network, set HF_ENDPOINT to a mirror, or give the path of a folder with the model",
      // What was thrown may quote the token.
      ...(hub.token === undefined ? { cause: error } : {}),
    });
  });
  if (response.ok) return response;
  await response.body?.cancel();
  throw new FileError({
    what: "The hub answers with an error.",
    where: url,
    got: `${response.status} ${response.statusText}`,
    hint: hints[response.status],
  });
}

const hints: Readonly<Record<number, string>> = {
  401: "there is no such model, or it asks for a login: set HF_TOKEN to your token",
  403: "your token may not read this model: accept its terms on the hub's page, or use another token",
  404: "check the model's name (ORG/NAME) and the revision",
  416: "delete the .partial file in the model's cache folder and try again",
  429: "the hub asks for fewer requests: wait a little, or set HF_TOKEN",
};
