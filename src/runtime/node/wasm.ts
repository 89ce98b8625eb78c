import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { RuntimeError } from "../../core/errors.ts";
import type { OrtWeb } from "../web/ort-web.ts";
import { WebBackend } from "../web/web-backend.ts";
import { threadOptions } from "./threads.ts";

/** The npm package with ONNX Runtime as WebAssembly: the runtime of platforms that have no native library. */
export const webPackage = "onnxruntime-web";

/**
 * ONNX Runtime as WebAssembly in Node, from an installed `onnxruntime-web` (seen from the current folder, then from here). It is several times slower than
 * the native library. It has one thread unless `ATELIER_THREADS` says otherwise: two were no faster where it was measured.
 * @throws RuntimeError where the package is not installed or does not load
 */
export async function openWasm(): Promise<WebBackend> {
  const file = resolvePackage();
  if (file === undefined) {
    throw new RuntimeError({ what: `The package ${webPackage} is not installed.`, hint: `run \`npm install ${webPackage}@1.30.0\`` });
  }
  const threads = process.env.ATELIER_THREADS ? threadOptions().threads : 1;
  try {
    const ort = (await import(pathToFileURL(file).href)) as OrtWeb;
    ort.env.wasm.numThreads = threads;
    return new WebBackend(ort);
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new RuntimeError({ what: `The package ${webPackage} cannot be loaded.`, where: file, got, cause });
  }
}

/** The package's module for Node. */
function resolvePackage(): string | undefined {
  for (const from of [path.join(process.cwd(), "package.json"), fileURLToPath(import.meta.url)]) {
    try {
      return path.join(path.dirname(createRequire(from).resolve(webPackage)), "ort.node.min.mjs");
    } catch {
      // Not installed there: the next place may have it.
    }
  }
  return undefined;
}
