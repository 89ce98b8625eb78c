import path from "node:path";
import { describe, expect, it } from "vitest";
import { learnNames, learnPage } from "./learn.ts";
import { findQuote, quotesOf } from "./quotes.ts";

const root = path.resolve(import.meta.dirname, "../..");

const file = {
  path: "a.ts",
  text: `/** Head. */
export function first(x: number): number {
  const y = x.add(
    1,
  );
  return y;
}

class Part {
  call(x: number): number {
    return first(x).mul(2); // twice
  }
}
`,
};

describe("quotes of code", () => {
  it("are found as definitions, by name", () => {
    expect(findQuote("first()", [file])).toEqual({ path: "a.ts", from: 2, to: 7 });
    expect(findQuote("Part.call", [file])).toEqual({ path: "a.ts", from: 10, to: 12 });
    expect(findQuote("y", [file])).toEqual({ path: "a.ts", from: 3, to: 5 });
    expect(findQuote("second", [file])).toBeUndefined();
  });

  it("are found as passages, however they are broken into lines, with something left out", () => {
    expect(findQuote("x.add(1)", [file])).toEqual({ path: "a.ts", from: 3, to: 5 });
    expect(findQuote("first(...).mul(2)", [file])).toEqual({ path: "a.ts", from: 11, to: 11 });
    expect(findQuote("first(x).multiply(2)", [file])).toEqual({ path: "a.ts", from: 11, to: 11 });
    expect(findQuote("other(y).mul(2)", [file])).toBeUndefined();
  });
});

describe("the models' pages", () => {
  const found = learnNames(root).map((name) => ({ name, page: learnPage(root, name) }));

  it("all have their model's file", () => {
    expect(found.filter(({ page }) => page.main === undefined).map(({ name }) => name)).toEqual([]);
  });

  it("quote code that is there: nine of ten quotes beside equations, and some on each page", () => {
    const asked = found.map(({ name, page }) => ({ name, missing: missing(page.markdown, page.quotes), found: page.quotes.length }));
    const all = asked.reduce((sum, entry) => sum + entry.missing.length + entry.found, 0);
    expect(asked.filter((entry) => entry.found === 0).map(({ name }) => name)).toEqual([]);
    expect(asked.reduce((sum, entry) => sum + entry.found, 0) / all).toBeGreaterThan(0.9);
  });
});

function missing(markdown: string, quotes: readonly { text: string }[]): string[] {
  return quotesOf(markdown).filter((text) => !quotes.some((quote) => quote.text === text));
}
