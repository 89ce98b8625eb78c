// The models' pages as the studio shows them: text, the sources' lines that it quotes, and what is known of its pictures.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { LearnPage, Quote } from "../src/pages/learn/page.ts";
import { findQuote, namedFiles, quotesOf, type Source } from "./quotes.ts";

const AROUND = 6;

/** Names of the pages in docs/models. */
export function learnNames(root: string): string[] {
  return readdirSync(path.join(root, "docs/models"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => name.slice(0, -3))
    .sort();
}

/** A page with what it quotes. @param root the repository @param read collects the files that were read, for the bundler to watch */
export function learnPage(root: string, name: string, read: (file: string) => void = () => {}): LearnPage {
  const source = (from: string): Source | undefined => {
    const file = path.join(root, from);
    if (!existsSync(file)) return undefined;
    read(file);
    return { path: from, text: readFileSync(file, "utf8") };
  };
  const markdown = source(`docs/models/${name}.md`)!.text;
  const own = [modelFile(root, name), ...namedFiles(markdown)].flatMap((from) => source(from) ?? []);
  const files = withImports(own, source);
  const quotes: Quote[] = [];
  for (const text of quotesOf(markdown)) {
    const place = findQuote(text, files);
    if (place !== undefined) quotes.push({ text, ...place });
  }
  const main = own[0];
  const excerpts = quotes.map((quote) => excerpt(quote, files));
  return { name, markdown, main: main === undefined ? undefined : { path: main.path, text: main.text }, quotes, excerpts };
}

/** The lines around a quote, for those that stand in other files than the page's own. */
function excerpt(quote: Quote, files: readonly Source[]): { first: number; text: string } {
  const lines = files.find((file) => file.path === quote.path)!.text.split("\n");
  const first = Math.max(1, quote.from - AROUND);
  return { first, text: lines.slice(first - 1, quote.to + AROUND).join("\n") };
}

/** The file of the model that a page is named after. */
function modelFile(root: string, name: string): string {
  const folders = readdirSync(path.join(root, "src/models"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const found = folders.find((folder) => existsSync(path.join(root, "src/models", folder.name, `${name}.ts`)));
  return found === undefined ? "" : `src/models/${found.name}/${name}.ts`;
}

/** Files, what they import, and what that imports: nearest first. */
function withImports(files: readonly Source[], source: (from: string) => Source | undefined): Source[] {
  const found = new Map(files.map((file) => [file.path, file]));
  let latest = [...found.values()];
  for (let depth = 0; depth < 2; depth++) {
    const next: Source[] = [];
    for (const { path: from, text } of latest) {
      for (const [, to] of text.matchAll(/from "(\.[^"]+\.ts)"/g)) {
        const at = path.posix.join(path.posix.dirname(from), to);
        const file = found.has(at) || !/^src\/(models|nn|optim|generation|sample|graph\/ops)\//.test(at) ? undefined : source(at);
        if (file === undefined) continue;
        found.set(at, file);
        next.push(file);
      }
    }
    latest = next;
  }
  return [...found.values()];
}
