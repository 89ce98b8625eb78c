import { existsSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { FileError, RuntimeError } from "../../core/errors.ts";
import { cacheFolder } from "../../core/node/cache.ts";
import { apiVersion } from "./ort-api.ts";

/** The npm package that carries ONNX Runtime's library, and the version that the cache holds. */
export const packageName = "onnxruntime-node";
export const packageVersion = "1.30.0";

/** ONNX Runtime's shared library and how it was found. */
export interface RuntimeLibrary {
  /** Absolute path. */
  path: string;
  source: "ATELIER_ORT_LIBRARY" | "onnxruntime-node" | "cache";
  /** Of the package; unknown for a library that the user names. */
  version?: string | undefined;
}

/** Where a platform's build lies in the package, and the files it needs. */
export interface PlatformBuild {
  /** Folder inside the package, with `/`. */
  folder: string;
  library: string;
  /** Every file to take along, the library first. */
  files: readonly string[];
}

export interface Platform {
  platform: string;
  arch: string;
  /** Linux without glibc, such as Alpine. */
  musl: boolean;
}

const windowsFiles = ["onnxruntime.dll", "DirectML.dll", "dxcompiler.dll", "dxil.dll"];

/** The files of each platform that the package has a build for. */
const builds: Record<string, readonly string[]> = {
  "linux/x64": ["libonnxruntime.so.1"],
  "linux/arm64": ["libonnxruntime.so.1"],
  "darwin/arm64": ["libonnxruntime.1.dylib"],
  "win32/x64": windowsFiles,
  "win32/arm64": windowsFiles,
};

export function thisPlatform(): Platform {
  return { platform: process.platform, arch: process.arch, musl: process.platform === "linux" && !hasGlibc() };
}

/** Whether the package has a build for a platform. */
export function hasBuild({ platform, arch, musl }: Platform): boolean {
  return !musl && builds[`${platform}/${arch}`] !== undefined;
}

/**
 * The package's build for a platform.
 * @throws RuntimeError where there is none: musl Linux, Intel Macs and everything rarer.
 */
export function platformBuild({ platform, arch, musl }: Platform = thisPlatform()): PlatformBuild {
  const files = musl ? undefined : builds[`${platform}/${arch}`];
  if (files !== undefined) return { folder: `bin/napi-v6/${platform}/${arch}`, library: files[0], files };
  throw new RuntimeError({
    what: "ONNX Runtime has no ready-made library for this platform.",
    got: `${platform} ${arch}${musl ? " with musl (Alpine and the like)" : ""}`,
    expected: `one of: ${Object.keys(builds)
      .map((key) => key.replace("/", " "))
      .join(", ")}; Linux with glibc`,
    hint: musl
      ? "use an image with glibc (for example node:22-slim), set ATELIER_ORT_LIBRARY to a library built for musl, or npm install onnxruntime-web (WebAssembly, several times slower)"
      : "npm install onnxruntime-web (WebAssembly, several times slower), or build ONNX Runtime from source and set ATELIER_ORT_LIBRARY to the library",
  });
}

/**
 * Find ONNX Runtime's library: `ATELIER_ORT_LIBRARY`, else an installed `onnxruntime-node` (seen from the current folder, then from
 * here), else the cache that `installRuntime` fills; undefined where there is none yet.
 * @throws FileError when the variable names no file, RuntimeError on a platform without a build.
 */
export function locateLibrary(): RuntimeLibrary | undefined {
  const chosen = process.env.ATELIER_ORT_LIBRARY;
  if (chosen) return { path: checkChosen(path.resolve(chosen)), source: "ATELIER_ORT_LIBRARY" };
  const build = platformBuild();
  const installed = locatePackage();
  if (installed !== undefined) {
    const library = path.join(installed.folder, build.folder, build.library);
    if (existsSync(library)) return { path: library, source: "onnxruntime-node", version: installed.version };
  }
  const cached = path.join(libraryFolder(), build.library);
  return existsSync(cached) ? { path: cached, source: "cache", version: packageVersion } : undefined;
}

/** An installed `onnxruntime-node` of a version that we can use, found without loading it. */
export function locatePackage(): { folder: string; version: string } | undefined {
  for (const from of [() => path.join(process.cwd(), "package.json"), () => fileURLToPath(import.meta.url)]) {
    try {
      const file = createRequire(from()).resolve(`${packageName}/package.json`);
      const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
      const [major, minor] = version.split(".").map(Number);
      if (major === 1 && minor >= apiVersion) return { folder: path.dirname(file), version };
    } catch {
      // Not installed there: the next place may have it.
    }
  }
  return undefined;
}

/** The cache's folder for this platform's library; it may not exist yet. */
export function libraryFolder(): string {
  return path.join(cacheFolder(), "runtime", `onnxruntime-${packageVersion}`, `${process.platform}-${process.arch}`);
}

/** What to tell where no library is found. */
export function missingLibrary(): RuntimeError {
  return new RuntimeError({
    what: "ONNX Runtime's library is not installed.",
    where: `${libraryFolder()}, and no ${packageName} ${packageVersion} nearby`,
    hint: "run `atelier setup` once while online; offline, copy the cache folder (ATELIER_CACHE) from another machine or set ATELIER_ORT_LIBRARY",
  });
}

function checkChosen(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isFile()) return file;
  throw new FileError({
    what: "The environment variable ATELIER_ORT_LIBRARY does not name a library.",
    where: file,
    got: found === undefined ? "no such file" : "not a file",
    expected: "the path of ONNX Runtime's shared library, such as libonnxruntime.so.1",
    hint: "correct the variable, or unset it to use the installed library",
  });
}

function hasGlibc(): boolean {
  const { report } = process;
  if ("excludeNetwork" in report) report.excludeNetwork = true; // else the report looks up host names
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime !== undefined;
}
