import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import path from "node:path";
import { FileError } from "../../core/errors.ts";
import { libraryFolder, packageName, packageVersion, platformBuild } from "./locate.ts";

/** An npm package with the checksum that its tarball must have. */
export interface PinnedPackage {
  name: string;
  version: string;
  /** Of the tarball, as in a lock file: `sha512-...`. */
  integrity: string;
  /** Size of the tarball, to tell the user. */
  bytes: number;
}

/** Where each wanted file of a package goes: path inside the tarball to absolute path on disk. */
export type Wanted = Readonly<Record<string, string>>;

export interface InstallOptions {
  /** Fetches a package, checks its integrity and writes the wanted files; fails when one of them is not in the package. */
  extract: (spec: PinnedPackage, wanted: Wanted) => Promise<void>;
  /** Told once in words when there is something to fetch. */
  onProgress?: ((line: string) => void) | undefined;
}

export const runtimePackage: PinnedPackage = {
  name: packageName,
  version: packageVersion,
  integrity: "sha512-twhs1C2C/BFkz1yc5OY0KIU2GUq6DURO7hD4bx5Q2Qy3nAMJwRXW8xU3NVczE29VA9lolLOYepoD8fjTGOfIqw==",
  bytes: 113_000_000,
};

/**
 * Put ONNX Runtime's library into the cache, once: a second call finds it there. The files arrive in a temporary folder that takes
 * its final name only when complete, so an interrupted or a concurrent install leaves nothing half-written.
 * @returns the absolute path of the library.
 * @throws RuntimeError on a platform without a build, FileError when the cache cannot be written, and what `extract` throws.
 */
export async function installRuntime({ extract, onProgress }: InstallOptions): Promise<string> {
  const build = platformBuild();
  const folder = libraryFolder();
  const library = path.join(folder, build.library);
  if (existsSync(library)) return library;
  onProgress?.(`fetching ONNX Runtime ${runtimePackage.version} (${Math.round(runtimePackage.bytes / 1e6)} MB, once)`);
  const temporary = await prepareFolder(folder);
  try {
    await extract(
      runtimePackage,
      Object.fromEntries(build.files.map((file) => [`package/${build.folder}/${file}`, path.join(temporary, file)])),
    );
    await moveInto(temporary, folder, library);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return library;
}

async function prepareFolder(folder: string): Promise<string> {
  try {
    await mkdir(path.dirname(folder), { recursive: true });
    return await mkdtemp(`${folder}-`);
  } catch (cause) {
    throw cacheError(folder, cause);
  }
}

async function moveInto(temporary: string, folder: string, library: string): Promise<void> {
  try {
    await rename(temporary, folder);
  } catch (cause) {
    if (existsSync(library)) return; // another process was quicker
    throw cacheError(folder, cause);
  }
}

function cacheError(folder: string, cause: unknown): FileError {
  return new FileError({
    what: "The folder for ONNX Runtime's library cannot be written.",
    where: folder,
    got: cause instanceof Error ? cause.message : String(cause),
    hint: "make room or give permission, or set ATELIER_CACHE to another folder",
    cause,
  });
}
