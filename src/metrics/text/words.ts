// What counts as a blank for the programs whose figures are compared with: Python's, which differs from a regular expression's \s in six characters.
const blanks = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const betweenWords = new RegExp(`[${blanks}]+`, "u");
const atEnd = new RegExp(`[${blanks}]+$`, "u");

/** The words of a text: what stands between blanks, as Python's `str.split()` has it. */
export function blankSeparated(text: string): string[] {
  return text.split(betweenWords).filter((word) => word !== "");
}

/** The text without blanks at its end, as Python's `str.rstrip()`. */
export function withoutEndBlanks(text: string): string {
  return text.replace(atEnd, "");
}

/**
 * How often each run of `order` tokens occurs. Keys are the tokens joined by a blank, or by `joint`.
 * @param tokens of a text, none of which contains the joint
 */
export function countNgrams(tokens: readonly string[], order: number, joint = " "): Map<string, number> {
  const counts = new Map<string, number>();
  for (let at = 0; at + order <= tokens.length; at++) {
    const key = order === 1 ? tokens[at] : tokens.slice(at, at + order).join(joint);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
