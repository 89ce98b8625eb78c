// What a browser loads before it shows something, read off the built page.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");
const built = path.join(root, "dist/studio/page");

interface Chunk {
  file: string;
  isEntry?: boolean;
  imports?: string[];
  dynamicImports?: string[];
  css?: string[];
}

describe("the built page", () => {
  const manifest: Record<string, Chunk> = JSON.parse(readFileSync(path.join(built, ".vite/manifest.json"), "utf8"));

  /** A chunk and what it cannot do without. */
  function needed(key: string, found = new Set<string>()): Set<string> {
    const { file, imports = [], css = [] } = manifest[key];
    if (found.has(file)) return found;
    for (const name of [file, ...css]) found.add(name);
    for (const name of imports) needed(name, found);
    return found;
  }

  const entry = Object.keys(manifest).find((key) => manifest[key].isEntry)!;
  const packed = (files: Iterable<string>) =>
    [...files].reduce((sum, file) => sum + gzipSync(readFileSync(path.join(built, file))).length, 0);

  it("loads less than 300 kB, packed, with any of its pages", () => {
    const html = ["index.html", "theme.js", "icon.svg"];
    const pages = (manifest[entry].dynamicImports ?? []).filter((key) => key.startsWith("src/pages/"));
    expect(pages.length).toBeGreaterThan(1);
    const sizes = pages.map((page) => [page, packed(new Set([...html, ...needed(entry), ...needed(page)]))] as const);
    expect(sizes.filter(([, bytes]) => bytes > 300_000)).toEqual([]);
  });

  it("names nothing by an absolute address, and nothing of another machine", () => {
    const html = readFileSync(path.join(built, "index.html"), "utf8");
    expect([...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, to]) => to).filter((to) => !to.startsWith("./"))).toEqual([]);
    const styles = readdirSync(path.join(built, "assets")).filter((name) => name.endsWith(".css"));
    for (const name of styles) expect(readFileSync(path.join(built, "assets", name), "utf8")).not.toMatch(/url\(["']?(?:https?:|\/)/);
  });

  it("comes with pictures of a megabyte at most, all that the garden shows among them", () => {
    const folder = path.join(built, "pictures");
    const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
    expect(bytes).toBeLessThanOrEqual(1_000_000);
    const covers: Record<string, { name?: string }> = JSON.parse(readFileSync(path.join(root, "studio/src/pages/covers.json"), "utf8"));
    const missing = Object.values(covers).filter(({ name }) => name !== undefined && !existsSync(path.join(folder, `${name}.webp`)));
    expect(missing).toEqual([]);
  });
});
