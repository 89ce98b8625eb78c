// Compile src to dist with the TypeScript compiler, and build the studio's page into dist/studio/page.
// Used by `npm run build` and before packing; bin/fresh.js asks for one of the two (--sources, --page) where it is older than its sources.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const { resolve } = createRequire(import.meta.url);
const [sources, page] = process.argv.includes("--page") ? [false, true] : process.argv.includes("--sources") ? [true, false] : [true, true];
// Compiling leaves files of sources that are gone; what is packed must have none of them.
if (process.argv.includes("--clean")) rmSync(path.join(root, "dist"), { recursive: true, force: true });
if (sources) {
  const compiler = path.join(path.dirname(resolve("typescript/package.json")), "bin", "tsc");
  const result = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], { cwd: root, stdio: ["ignore", 2, 2] });
  process.exitCode = result.status ?? 1;
}
if (page && !process.exitCode) {
  const { build } = await import(pathToFileURL(resolve("vite")).href);
  await build({ configFile: path.join(root, "studio", "vite.config.ts"), logLevel: "warn" });
}
