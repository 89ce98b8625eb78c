/** Pre-tokenizers: a text to the words that the model then cuts into tokens. */
import { toByteChars } from "./byte-alphabet.ts";
import { NOT_PUNCTUATION, ONCE_PUNCTUATION } from "./older-unicode.ts";
import { compilePattern } from "./pattern.ts";
import type { PreTokenizerSpec, SplitBehavior } from "./spec.ts";

/** Cut each piece further. `first` says whether the first piece begins the whole text (added tokens cut texts in parts). */
export type PreTokenize = (pieces: readonly string[], first: boolean) => readonly string[];

/** GPT-2's expression (section 2.2 of its paper, and the published encoder). */
export const GPT2_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

export interface CompiledPreTokenizer {
  split: PreTokenize;
  /** Whether words then become characters of bytes; done by the caller, once for each word it has not seen. */
  bytes: boolean;
}

/** The function that a description stands for. @throws FileError for a pattern that cannot be used. */
export function buildPreTokenizer(spec: PreTokenizerSpec | null | undefined): CompiledPreTokenizer {
  const steps = spec === null || spec === undefined ? [] : flatten(spec);
  const built = steps.map((step, i) => build(step, i === steps.length - 1));
  return {
    bytes: steps.at(-1)?.type === "ByteLevel",
    split: (pieces, first) => built.reduce((done, step) => step(done, first), pieces),
  };
}

type Plain = Exclude<PreTokenizerSpec, { type: "Sequence" }>;

function flatten(spec: PreTokenizerSpec): Plain[] {
  return spec.type === "Sequence" ? spec.pretokenizers.flatMap(flatten) : [spec];
}

function build(spec: Plain, last: boolean): PreTokenize {
  switch (spec.type) {
    case "ByteLevel":
      return byteLevel(spec, last);
    case "Whitespace":
      return splitter({ Regex: "\\w+|[^\\w\\s]+" }, "Removed", true);
    case "WhitespaceSplit":
      return splitter({ Regex: "\\s" }, "Removed", false);
    case "BertPreTokenizer": {
      const [blanks, marks] = [splitter({ Regex: "\\s" }, "Removed", false), splitter({ Regex: PUNCTUATION }, "Isolated", false)];
      return (pieces, first) => marks(blanks(pieces, first), first);
    }
    case "Metaspace":
      return metaspace(spec);
    case "Punctuation":
      return splitter({ Regex: PUNCTUATION }, spec.behavior ?? "Isolated", false);
    case "Digits":
      return splitter({ Regex: "\\p{N}" }, spec.individual_digits ? "Isolated" : "Contiguous", false);
    case "CharDelimiterSplit":
      return splitter({ String: spec.delimiter }, "Removed", false);
    case "Split":
      return splitter(spec.pattern, spec.behavior, spec.invert);
  }
}

const PUNCTUATION = `(?![${NOT_PUNCTUATION}])[!-\\/:-@\\[-\`{-~\\p{P}${ONCE_PUNCTUATION}]`;

function byteLevel({ add_prefix_space, use_regex = true }: Extract<Plain, { type: "ByteLevel" }>, last: boolean): PreTokenize {
  const words = compilePattern({ Regex: GPT2_PATTERN });
  return (pieces) =>
    pieces.flatMap((piece) => {
      const text = add_prefix_space && !piece.startsWith(" ") ? ` ${piece}` : piece;
      const found = use_regex ? (text.match(words) ?? []) : [text];
      return last ? found : found.map(toByteChars);
    });
}

function metaspace({ replacement, prepend_scheme, add_prefix_space, split = true }: Extract<Plain, { type: "Metaspace" }>): PreTokenize {
  const scheme = prepend_scheme ?? (add_prefix_space === false ? "never" : "always");
  const cut = splitter({ String: replacement }, "MergedWithNext", false);
  return (pieces, first) => {
    const marked = pieces.map((piece, i) => {
      const text = piece.replaceAll(" ", replacement);
      const wanted = scheme === "always" || (scheme === "first" && first && i === 0);
      return wanted && !text.startsWith(replacement) ? replacement + text : text;
    });
    return split ? cut(marked, first) : marked;
  };
}

/** Cut at the matches of a pattern; `invert` takes what lies between the matches for them. Empty pieces vanish. */
function splitter(pattern: Parameters<typeof compilePattern>[0], behavior: SplitBehavior, invert: boolean): PreTokenize {
  const wanted = compilePattern(pattern);
  // Nothing between the words is kept: the matches are the words, and blanks need not be looked at.
  if (behavior === "Removed" && invert) return (pieces) => pieces.flatMap((piece) => piece.match(wanted) ?? []);
  return (pieces) => pieces.flatMap((piece) => join(cuts(piece, wanted, invert), behavior));
}

interface Cut {
  text: string;
  match: boolean;
}

function cuts(text: string, wanted: RegExp, invert: boolean): Cut[] {
  const found: Cut[] = [];
  let end = 0;
  for (const { 0: match, index } of text.matchAll(wanted)) {
    if (match === "") continue;
    if (index > end) found.push({ text: text.slice(end, index), match: invert });
    found.push({ text: match, match: !invert });
    end = index + match.length;
  }
  if (end < text.length) found.push({ text: text.slice(end), match: invert });
  return found;
}

function join(parts: readonly Cut[], behavior: SplitBehavior): string[] {
  if (behavior === "Isolated") return parts.map(({ text }) => text);
  if (behavior === "Removed") return parts.filter(({ match }) => !match).map(({ text }) => text);
  const out: string[] = [];
  parts.forEach(({ text, match }, i) => {
    const before = parts[i - 1];
    const together =
      before !== undefined &&
      (behavior === "Contiguous"
        ? before.match === match
        : behavior === "MergedWithPrevious"
          ? match && !before.match
          : before.match && !match);
    if (together) out[out.length - 1] += text;
    else out.push(text);
  });
  return out;
}
