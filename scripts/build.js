// Compile src to dist with the TypeScript compiler, build the studio's page into dist/studio/page, and the parts of exported pages into dist/play.
// Used by `npm run build` and before packing; bin/fresh.js asks for one of the three (--sources, --page, --play) where it is older than its sources.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const { resolve } = createRequire(import.meta.url);
const chosen = ["--sources", "--page", "--play"].filter((part) => process.argv.includes(part));
const builds = (part) => chosen.length === 0 || chosen.includes(part);
const clean = process.argv.includes("--clean");
// Compiling leaves files of sources that are gone; what is packed must have none of them.
if (clean) rmSync(path.join(root, "dist"), { recursive: true, force: true });
if (builds("--sources")) {
  const compiler = path.join(path.dirname(resolve("typescript/package.json")), "bin", "tsc");
  const result = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], { cwd: root, stdio: ["ignore", 2, 2] });
  process.exitCode = result.status ?? 1;
}
const configs = [
  ...(builds("--page") ? ["vite.config.ts"] : []),
  ...(builds("--play") ? ["vite.worker.config.ts", "vite.export.config.ts"] : []),
];
for (const config of process.exitCode ? [] : configs) {
  const { build } = await import(pathToFileURL(resolve("vite")).href);
  await build({ configFile: path.join(root, "studio", config), logLevel: "warn" });
}
// What is packed has the runtime for pages with it, as small as it gets; in a clone it is the installed package's.
if (clean && !process.exitCode) {
  const { BROTLI_PARAM_LGWIN: window, BROTLI_PARAM_QUALITY: quality } = constants;
  const runtime = readFileSync(resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm"));
  writeFileSync(path.join(root, "dist", "play", "ort.wasm.br"), brotliCompressSync(runtime, { params: { [quality]: 11, [window]: 24 } }));
}
