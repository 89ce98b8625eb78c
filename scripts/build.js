// Compile src to dist with the TypeScript compiler; used by `npm run build`, before packing, and by bin/atelier.js when sources are newer.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
// Compiling leaves files of sources that are gone; what is packed must have none of them.
if (process.argv.includes("--clean")) rmSync(path.join(root, "dist"), { recursive: true, force: true });
const compiler = path.join(path.dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
const result = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], { cwd: root, stdio: ["ignore", 2, 2] });
process.exitCode = result.status ?? 1;
