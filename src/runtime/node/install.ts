import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { FileError } from "../../core/errors.ts";
import { publishFolder, withTemporaryFolder } from "../../core/node/cache.ts";
import { writeFileAtomic } from "../../core/node/files.ts";
import { type FetchOptions, readPackage } from "../../core/node/npm-package.ts";
import type { PackageSpec } from "../../core/package-spec.ts";
import { libraryFolder, packageName, packageVersion, platformBuild } from "./locate.ts";

export interface InstallOptions extends FetchOptions {
  /** Reads files out of an npm package; tests give their own. */
  read?: typeof readPackage | undefined;
}

export const runtimePackage: PackageSpec = {
  name: packageName,
  version: packageVersion,
  integrity: "sha512-twhs1C2C/BFkz1yc5OY0KIU2GUq6DURO7hD4bx5Q2Qy3nAMJwRXW8xU3NVczE29VA9lolLOYepoD8fjTGOfIqw==",
  bytes: 113_507_888,
  unpackedBytes: 301_102_080,
};

/**
 * Put ONNX Runtime's library for this platform into the cache, once: a second call finds it there. The files arrive in a temporary
 * folder that takes its final name only when complete, so an interrupted or a concurrent install leaves nothing half-written.
 * @returns the absolute path of the library.
 * @throws RuntimeError on a platform without a build or without npm; FileError when the package cannot be fetched or is not the one we
 * know, or the cache cannot be written.
 */
export async function installRuntime({ read = readPackage, ...options }: InstallOptions = {}): Promise<string> {
  const build = platformBuild();
  const place = libraryFolder();
  const library = path.join(place, build.library);
  if (existsSync(library)) return library;
  const wanted = new Set(build.files.map((file) => `package/${build.folder}/${file}`));
  await withTemporaryFolder(async (temporary) => {
    const finished = path.join(temporary, "library");
    await mkdir(finished);
    const save = async (name: string, bytes: Uint8Array) => {
      await writeFileAtomic(path.join(finished, path.posix.basename(name)), bytes);
      wanted.delete(name);
    };
    await read(runtimePackage, (name) => wanted.has(name), save, options);
    if (wanted.size > 0) throw new FileError({ what: `The package ${packageName} lacks files.`, got: `no ${[...wanted].join(", ")}` });
    await publishFolder(finished, place);
  });
  if (existsSync(library)) return library;
  throw new FileError({
    what: "The folder for ONNX Runtime's library is in the way: it exists without the library.",
    where: place,
    hint: "remove it and try again",
  });
}
