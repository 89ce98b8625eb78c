// What the page is built from besides its own sources: docs/models with the code that it quotes, and the results of docs/results.md.
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Plugin } from "vite";
import { learnNames, learnPage } from "./learn.ts";
import { resultsOf } from "./results.ts";

const RESOLVED = "\0docs:";

/** Modules `virtual:learn` (page by page, loaded when opened) and `virtual:results`. @param root the repository */
export function docs(root: string): Plugin {
  return {
    name: "atelier-docs",
    resolveId: (id) =>
      id.startsWith("virtual:learn") || id === "virtual:results" ? `${RESOLVED}${id.slice("virtual:".length)}` : undefined,
    // KaTeX offers each font in three forms; every browser that runs the page takes the smallest.
    transform: {
      order: "pre",
      handler: (code, id) =>
        id.includes("katex") && id.includes(".css") ? code.replace(/,url\([^)]*\.(?:woff|ttf)\)\s*format\("[a-z]+"\)/g, "") : undefined,
    },
    load(id) {
      if (!id.startsWith(RESOLVED)) return undefined;
      const word = id.slice(RESOLVED.length);
      const watch = (file: string) => this.addWatchFile(file);
      if (word === "results") {
        const file = path.join(root, "docs/results.md");
        watch(file);
        return `export const results = ${JSON.stringify(resultsOf(readFileSync(file, "utf8")))};`;
      }
      if (word !== "learn") return `export const page = ${JSON.stringify(learnPage(root, word.slice("learn/".length), watch))};`;
      const lines = learnNames(root).map((name) => `${JSON.stringify(name)}: () => import("virtual:learn/${name}"),`);
      return `export const learnPages = {\n${lines.join("\n")}\n};`;
    },
  };
}
