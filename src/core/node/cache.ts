import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { fileError } from "./files.ts";

/** Everything `cacheFolder` looks at, so that each platform's rule can be tested on any. */
export interface CacheSurroundings {
  env: Readonly<Record<string, string | undefined>>;
  platform: NodeJS.Platform;
  home: string;
}

/**
 * The folder for what can be fetched or made again (data sets, the runtime library): `ATELIER_CACHE`, else the platform's cache folder
 * (`$XDG_CACHE_HOME/atelier` or `~/.cache/atelier`; `~/Library/Caches/atelier`; `%LOCALAPPDATA%\atelier\Cache`). It may not exist yet.
 */
export function cacheFolder(surroundings: Partial<CacheSurroundings> = {}): string {
  const { env = process.env, platform = process.platform, home = homedir() } = surroundings;
  if (env.ATELIER_CACHE) return path.resolve(env.ATELIER_CACHE);
  if (platform === "win32") return path.join(env.LOCALAPPDATA || path.join(home, "AppData", "Local"), "atelier", "Cache");
  // The XDG rule: a relative path in the variable is to be ignored.
  if (env.XDG_CACHE_HOME && path.isAbsolute(env.XDG_CACHE_HOME)) return path.join(env.XDG_CACHE_HOME, "atelier");
  if (platform === "darwin") return path.join(home, "Library", "Caches", "atelier");
  return path.join(home, ".cache", "atelier");
}

const DAY = 24 * 3600 * 1000;

/**
 * Call `use` with a fresh folder inside the cache (so that renaming out of it stays on one disk) and remove it afterwards, also on failure.
 * @throws FileError when the cache folder cannot be written.
 */
export async function withTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const parent = path.join(cacheFolder(), "tmp");
  const folder = path.join(parent, randomUUID());
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw fileError(error, `Could not make a folder in the cache ${cacheFolder()}.`);
  }
  try {
    await removeStale(parent);
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** A killed process leaves its temporary folder behind: those untouched for a day are removed. */
async function removeStale(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const folder = path.join(parent, name);
    const info = await stat(folder).catch(() => undefined);
    if (info !== undefined && Date.now() - info.mtimeMs > DAY) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

/**
 * Move a finished folder to its place in one step. Where another process got there first, its folder stays and ours is left to be removed:
 * both were made from the same pinned source.
 * @throws FileError when the move fails for another reason.
 */
export async function publishFolder(finished: string, place: string): Promise<void> {
  try {
    await mkdir(path.dirname(place), { recursive: true });
    await rename(finished, place);
  } catch (error) {
    const there = await stat(place).catch(() => undefined);
    if (there?.isDirectory()) return;
    throw fileError(error, `Could not move the prepared files to ${place}.`);
  }
}
