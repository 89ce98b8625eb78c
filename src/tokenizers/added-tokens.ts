/** Added tokens: found in the text as they stand, the longest first, before words are cut. */
import { escapePattern, SPACE } from "./pattern.ts";
import type { AddedToken } from "./spec.ts";

/** A stretch of text, or a token found in it. */
export type Section = string | number;

/** A function that cuts a text at added tokens; undefined where there are none. */
export function addedTokenSplitter(
  tokens: readonly AddedToken[],
  contentOf: (token: AddedToken) => string,
): ((text: string) => Section[]) | undefined {
  if (tokens.length === 0) return undefined;
  const byContent = new Map(tokens.map((token) => [contentOf(token), token]));
  const contents = [...byContent.keys()].filter((content) => content !== "").sort((a, b) => b.length - a.length);
  if (contents.length === 0) return undefined;
  const wanted = new RegExp(contents.map(escapePattern).join("|"), "gu");
  return (text) => {
    const sections: Section[] = [];
    let end = 0;
    for (const { 0: content, index } of text.matchAll(wanted)) {
      const token = byContent.get(content)!;
      let [from, to] = [index, index + content.length];
      if (from < end || (token.single_word && (endsInWord(text.slice(0, from)) || /^[\p{L}\p{M}\p{Nd}_]/u.test(text.slice(to))))) continue;
      // Not by an expression that ends in $: it would look through the whole text at each token.
      if (token.lstrip) while (from > end && BLANK.test(text[from - 1])) from--;
      if (token.rstrip) to += RIGHT.exec(text.slice(to))?.[0].length ?? 0;
      if (from > end) sections.push(text.slice(end, from));
      sections.push(token.id);
      end = to;
    }
    if (end < text.length) sections.push(text.slice(end));
    return sections;
  };
}

const BLANK = new RegExp(SPACE, "u");
const RIGHT = new RegExp(`^${SPACE}+`, "u");

function endsInWord(text: string): boolean {
  return /[\p{L}\p{M}\p{Nd}_]$/u.test(text.slice(-2));
}
