/** The parts of an exported page that are the same for every run: built once, they lie in the package. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { z } from "zod";
import { FileError } from "../core/errors.ts";
import { fileError } from "../core/node/files.ts";

/** Where `npm run build` puts them: the same folder from the sources and from the compiled files. */
export const partsFolder = fileURLToPath(new URL("../../dist/play", import.meta.url));

const chunkList = z.array(z.object({ file: z.string(), imports: z.array(z.string()), source: z.string().nullable(), entry: z.boolean() }));
type Chunk = z.infer<typeof chunkList>[number];

/** The page's script and style. @throws FileError where the package was not built */
export async function readPage(folder = partsFolder): Promise<{ script: string; style: string }> {
  const read = (name: string) => readPart(path.join(folder, "page", name));
  return { script: await read("page.js"), style: await read("page.css") };
}

/**
 * The worker's code with that of one model and nothing of the others: one script that asks for nothing.
 * @param model its name, which is its file's as well
 * @throws FileError where the package was not built, or has no such part
 */
export async function readWorker(model: string, folder = partsFolder): Promise<string> {
  const chunks = chunkList.parse(JSON.parse(await readPart(path.join(folder, "worker", "chunks.json"))));
  const find = (what: string, is: (chunk: Chunk) => boolean): Chunk => {
    const chunk = chunks.find(is);
    if (chunk === undefined) throw notBuilt(folder, `no part ${what}`);
    return chunk;
  };
  const wanted = [
    find("worker", ({ entry }) => entry),
    find(model, ({ source }) => source !== null && /^src\/models\/[^/]+\/([^/]+)\.ts$/.exec(source)?.[1] === model),
    find("runtime", (chunk) => chunk.file.startsWith("ort.wasm")),
  ];
  const taken = new Map<string, Chunk>();
  for (let next = wanted.pop(); next !== undefined; next = wanted.pop()) {
    if (taken.has(next.file)) continue;
    taken.set(next.file, next);
    wanted.push(...next.imports.flatMap((file) => chunks.find((chunk) => chunk.file === file) ?? []));
  }
  const texts = await Promise.all(
    [...taken.keys()].sort().map(async (file) => [file, await readPart(path.join(folder, "worker", file))] as const),
  );
  return joinModules(texts, find("worker", ({ entry }) => entry).file);
}

/** CommonJS files as one script, with the few lines that let them find each other. */
function joinModules(files: readonly (readonly [name: string, text: string])[], entry: string): string {
  const modules = files.map(([name, text]) => `${JSON.stringify(`./${name}`)}:(module,exports,require)=>{${text}\n}`);
  return `"use strict";(()=>{const files={${modules.join(",\n")}};const loaded={};const require=(name)=>{if(!(name in files))throw new Error("This page has no part "+name);if(name in loaded)return loaded[name].exports;const module=loaded[name]={exports:{}};files[name](module,module.exports,require);return module.exports};require(${JSON.stringify(`./${entry}`)})})();`;
}

/** ONNX Runtime's program for pages. @throws FileError where neither the package nor an installed onnxruntime-web has it */
export async function readRuntime(folder = partsFolder): Promise<Uint8Array<ArrayBuffer>> {
  const packed = path.join(folder, "ort.wasm.br");
  if (existsSync(packed)) return new Uint8Array(brotliDecompressSync(await readFile(packed)));
  try {
    const file = createRequire(import.meta.url).resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm");
    return new Uint8Array(await readFile(file));
  } catch (error) {
    throw fileError(error, "The runtime for pages is missing.", packed);
  }
}

async function readPart(file: string): Promise<string> {
  return await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw notBuilt(path.dirname(file), path.basename(file));
    throw fileError(error, "A part of exported pages cannot be read.", file);
  });
}

function notBuilt(folder: string, got: string): FileError {
  return new FileError({
    what: "The parts of exported pages are missing.",
    where: folder,
    got,
    hint: "in a clone: npm run build; else install the package again",
  });
}
