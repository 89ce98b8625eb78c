import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

/** In a clone: compile when any source is newer than the last build. In an installed package there are no sources, and nothing happens. */
export function ensureBuilt() {
  const source = path.join(root, "src");
  if (!existsSync(source)) return;
  const stamp = path.join(root, "dist", ".tsbuildinfo");
  if (existsSync(stamp) && existsSync(path.join(root, "dist", "index.js")) && newest(source) <= statSync(stamp).mtimeMs) return;
  build("--sources");
}

/** In a clone: build the studio's page when anything that it is made from is newer. Not part of {@link ensureBuilt}: only the studio needs it. */
export function ensurePage() {
  const parts = ["studio", "src", "docs/models"].map((name) => path.join(root, name));
  if (!parts.every((part) => existsSync(part))) return;
  const stamp = path.join(root, "dist", "studio", "page", "index.html");
  if (existsSync(stamp) && Math.max(...parts.map(newest)) <= statSync(stamp).mtimeMs) return;
  process.stderr.write("building the studio's page\n");
  build("--page");
}

/** In a clone: build the parts of exported pages when anything that they are made from is newer. */
export function ensurePlay() {
  const parts = ["studio", "src"].map((name) => path.join(root, name));
  if (!parts.every((part) => existsSync(part))) return;
  const stamp = path.join(root, "dist", "play", "page", "page.js");
  if (existsSync(stamp) && Math.max(...parts.map(newest)) <= statSync(stamp).mtimeMs) return;
  process.stderr.write("building the parts of exported pages\n");
  build("--play");
}

function build(what) {
  const built = spawnSync(process.execPath, [path.join(root, "scripts", "build.js"), what], { stdio: "inherit" });
  if (built.status !== 0) process.exit(built.status ?? 1);
}

function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === "node_modules" || entry.name.includes(".test.")) continue;
    const full = path.join(folder, entry.name);
    latest = Math.max(latest, entry.isDirectory() ? newest(full) : statSync(full).mtimeMs);
  }
  return latest;
}
