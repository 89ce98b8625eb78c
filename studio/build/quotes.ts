// Which lines of the sources the code quoted by a model's page stands in. Used when the page is built; nothing of it runs in the browser.

/** Where a quote stands: lines count from 1, `to` is the last of them. */
export interface Place {
  readonly path: string;
  readonly from: number;
  readonly to: number;
}

/** A source file by its path from the repository's root. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

const MOST_LINES = 45;
const LEAST_BEGINNING = 10;

/**
 * Find quoted code: a definition for a name (`posterior()`, `Gpt2Block.call`, `firstWeights`), the statement for anything else, where spaces do not count and
 * `...`, `…` and `..` stand for whatever is left out.
 * @param files in the order in which they are looked through
 */
export function findQuote(quote: string, files: readonly Source[]): Place | undefined {
  const name = /^#?[A-Za-z_$][\w$]*(\.#?[A-Za-z_$][\w$]*)?(\(\)|\(\.\.\.\))?$/.exec(quote);
  if (name !== null) {
    const words = quote.replace(/\(.*$/, "").split(".");
    for (const file of files) {
      const place = definition(words, file);
      if (place !== undefined) return place;
    }
  }
  for (const file of files) {
    const place = passage(quote, file);
    if (place !== undefined) return place;
  }
  return name === null ? beginning(quote, files) : undefined;
}

function definition(words: readonly string[], { path, text }: Source): Place | undefined {
  const lines = text.split("\n");
  let [from, to] = [0, lines.length];
  for (const word of words) {
    const escaped = word.replace(/[$#]/g, "\\$&");
    const patterns = [
      `^(export )?(async )?(function\\*?|class|const|interface|type|let) ${escaped}\\b`,
      `^\\s+(readonly |static |async |get |private )*\\*?${escaped}(<[^>]*>)?\\(.*\\{$`,
      `^\\s+(readonly |static |async )*${escaped}(<[^>]*>)?\\($`,
      `^\\s+(const |let )?(async )?\\*?${escaped}(:| =|\\()`,
    ];
    const at = patterns
      .map((pattern) => lines.findIndex((line, i) => i >= from && i < to && new RegExp(pattern).test(line)))
      .find((i) => i >= 0);
    if (at === undefined) return undefined;
    [from, to] = [at, endOf(lines, at)];
  }
  return { path, from: from + 1, to: Math.min(to, from + MOST_LINES) };
}

/** The line after the last of what begins at a line: as far as brackets are open, or lines are deeper. */
function endOf(lines: readonly string[], at: number): number {
  let depth = 0;
  for (let i = at; i < lines.length; i++) {
    for (const letter of lines[i].replace(/\/\/.*$|"[^"]*"|'[^']*'|`[^`]*`/g, "")) {
      if ("([{".includes(letter)) depth++;
      if (")]}".includes(letter)) depth--;
    }
    const goesOn = depth > 0 || /[=?:,&|>]$|=>$/.test(lines[i]);
    if (!goesOn) return i + 1;
  }
  return lines.length;
}

function passage(quote: string, { path, text }: Source): Place | undefined {
  const { flat, lineOf } = flattened(text);
  const parts = quote
    .split(/\.{2,3}|…/)
    .map((part) => flattened(part).flat)
    .filter((part) => part !== "");
  if (parts.join("").length < 6) return undefined;
  const pattern = new RegExp(parts.map(literally).join("[^]{0,400}?"), "g");
  let [from, to] = [0, Number.POSITIVE_INFINITY];
  // Of what fits the tightest: the first part may stand in more places than one.
  for (let found = pattern.exec(flat); found !== null; found = pattern.exec(flat)) {
    if (found[0].length < to - from) [from, to] = [found.index, found.index + found[0].length];
    pattern.lastIndex = found.index + 1;
  }
  return to === Number.POSITIVE_INFINITY ? undefined : { path, from: lineOf[from], to: lineOf[to - 1] };
}

/** The place where most of a quote's beginning stands: pages shorten what is said at length. */
function beginning(quote: string, files: readonly Source[]): Place | undefined {
  const wanted = flattened(quote.replace(/^\w+: /, "")).flat;
  let best: { place: Place; length: number } | undefined;
  for (const { path, text } of files) {
    const { flat, lineOf } = flattened(text);
    for (let length = wanted.length; length > (best?.length ?? LEAST_BEGINNING - 1); length--) {
      const at = flat.indexOf(wanted.slice(0, length));
      if (at >= 0) best = { place: { path, from: lineOf[at], to: lineOf[at + length - 1] }, length };
    }
  }
  return best?.place;
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** A text without spaces, comments at line ends, and the commas that a formatter puts before closing brackets; and the line of each letter, from 1. */
function flattened(text: string): { flat: string; lineOf: number[] } {
  const lineOf: number[] = [];
  let flat = "";
  text.split("\n").forEach((line, i) => {
    for (const letter of line.replace(/\s\/\/ .*$/, "")) {
      if (/\s/.test(letter)) continue;
      if (")]}".includes(letter) && flat.endsWith(",")) {
        flat = flat.slice(0, -1);
        lineOf.pop();
      }
      flat += letter;
      lineOf.push(i + 1);
    }
  });
  return { flat, lineOf };
}

/** The code quoted in the rows of a page's tables that have an equation: in order, none twice. */
export function quotesOf(markdown: string): string[] {
  const rows = markdown.split("\n").filter((line) => line.startsWith("|") && line.includes("$"));
  const quotes = rows.flatMap((row) => [...row.matchAll(/`([^`]+)`/g)].map(([, quote]) => quote));
  return [...new Set(quotes)];
}

/** Paths of the sources that a page names: those with a folder as they are, plain ones beside the model's own file. */
export function namedFiles(markdown: string): string[] {
  const [own] = /src\/models\/[\w/-]+\.ts/.exec(markdown) ?? [];
  const beside = own === undefined ? "" : own.replace(/[^/]+$/, "");
  const named = [...markdown.matchAll(/`((?:[\w-]+\/)*[\w-]+\.ts)`/g)].map(([, path]) =>
    path.startsWith("src/") ? path : path.includes("/") ? `src/${path}` : `${beside}${path}`,
  );
  return [...new Set(own === undefined ? named : [own, ...named])];
}
