/** Regular expressions of tokenizer files, which are written for Oniguruma, as JavaScript's. */
import { FileError } from "../core/errors.ts";

/** A text to match literally, or an expression. */
export type Pattern = { String: string } | { Regex: string };

const WORD = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
/** Unicode's blanks: JavaScript's \s counts U+FEFF and lacks U+0085. */
export const SPACE = "\\p{White_Space}";
/** Inside a class, and as negated classes. */
const CLASSES: Readonly<Record<string, string>> = { s: SPACE, d: "\\p{Nd}", w: WORD, h: "0-9a-fA-F" };
const ANCHORS: Readonly<Record<string, string>> = { A: "(?<![^])", z: "(?![^])", Z: "(?=\\n?(?![^]))" };
/** Letters that fold to ASCII from outside it. */
const FOLDS: Readonly<Record<string, string>> = { s: "\u017f", k: "\u212a" };
const SYNTAX = "^$\\.*+?()[]{}|/";

/** A pattern as a global, Unicode-aware expression. @throws FileError for what JavaScript cannot express (possessive quantifiers, inline flags ...). */
export function compilePattern(pattern: Pattern): RegExp {
  if ("String" in pattern) return new RegExp(escapePattern(pattern.String), "gu");
  try {
    return new RegExp(new Translation(pattern.Regex).all(), "gu");
  } catch (error) {
    if (error instanceof FileError) throw error;
    throw new FileError({ what: "A regular expression of the tokenizer cannot be used here.", got: pattern.Regex, cause: error });
  }
}

/** A text so that an expression matches it literally. */
export function escapePattern(text: string): string {
  return text.replace(/[\^$\\.*+?()[\]{}|/]/g, "\\$&");
}

/** Goes once over the source. `fold` is the depth of `(?i:...)` groups, within which letters become classes of both cases. */
class Translation {
  readonly #source: string;
  #at = 0;
  #inClass = false;
  /** For each open group, whether letters fold within it. */
  readonly #groups: boolean[] = [];

  constructor(source: string) {
    this.#source = source;
  }

  all(): string {
    let out = "";
    while (this.#at < this.#source.length) out += this.#next();
    return out;
  }

  #next(): string {
    const char = String.fromCodePoint(this.#source.codePointAt(this.#at)!);
    this.#at += char.length;
    if (char === "\\") return this.#escape();
    if (this.#inClass) {
      if (char === "]") this.#inClass = false;
      if (char === "[" || this.#source.startsWith("&&", this.#at - 1)) throw this.#unsupported("sets within sets");
      return this.#folded(char);
    }
    if (char === "[") {
      this.#inClass = true;
      if (this.#source[this.#at] !== "^") return char;
      this.#at++;
      return "[^";
    }
    // Of lines, not of the whole text.
    if (char === "^") return "(?:(?<![^])|(?<=\\n))";
    if (char === "$") return "(?=\\n|(?![^]))";
    if (char === "(") return this.#open();
    if (char === ")") this.#groups.pop();
    if ("+*?}".includes(char) && this.#source[this.#at] === "+") throw this.#unsupported("possessive quantifiers");
    return this.#folded(char);
  }

  #open(): string {
    const outer = this.#groups.at(-1) ?? false;
    const flags = /^\?([a-z-]+):/.exec(this.#source.slice(this.#at));
    if (flags !== null && flags[1] !== "i") throw this.#unsupported("inline flags");
    if (/^\?[a-z-]+\)|^\?>/.test(this.#source.slice(this.#at))) throw this.#unsupported("inline flags and atomic groups");
    this.#groups.push(outer || flags !== null);
    if (flags === null) return "(";
    this.#at += flags[0].length;
    return "(?:";
  }

  #escape(): string {
    const char = this.#source[this.#at++] ?? "\\";
    if ((char === "p" || char === "P") && this.#source[this.#at] === "{") {
      const end = this.#source.indexOf("}", this.#at);
      const name = this.#source.slice(this.#at + 1, end);
      this.#at = end + 1;
      return `\\${char}{${propertyName(name)}}`;
    }
    const lower = char.toLowerCase();
    if (CLASSES[lower] !== undefined) {
      if (char === lower) return this.#inClass ? CLASSES[lower] : `[${CLASSES[lower]}]`;
      if (!this.#inClass) return `[^${CLASSES[lower]}]`;
      if (char === "S") return "\\P{White_Space}";
      if (char === "D") return "\\P{Nd}";
      throw this.#unsupported("a negated class within a class");
    }
    if (ANCHORS[char] !== undefined && !this.#inClass) return ANCHORS[char];
    if (/[nrtvfxucbB0-9k]/.test(char) || SYNTAX.includes(char) || (char === "-" && this.#inClass)) return `\\${char}`;
    return this.#folded(char);
  }

  #folded(char: string): string {
    if (!(this.#groups.at(-1) ?? false) || !/^[a-zA-Z]$/.test(char)) return char;
    const both = char.toLowerCase() + char.toUpperCase() + (FOLDS[char.toLowerCase()] ?? "");
    return this.#inClass ? both : `[${both}]`;
  }

  #unsupported(what: string): FileError {
    return new FileError({ what: `A regular expression of the tokenizer uses ${what}, which JavaScript lacks.`, got: this.#source });
  }
}

/** Scripts are written without `Script=` in Oniguruma. */
function propertyName(name: string): string {
  try {
    new RegExp(`\\p{${name}}`, "u");
    return name;
  } catch {
    return `Script=${name}`;
  }
}
