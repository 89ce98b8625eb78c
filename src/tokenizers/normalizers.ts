/** Normalizers: text to text, before it is cut into words. */
import { toByteChars } from "./byte-alphabet.ts";
import { compiledNormalizer } from "./charsmap.ts";
import { UNCLEANED, UNDECOMPOSED, UNSTRIPPED_BERT_MARKS, UNSTRIPPED_MARKS } from "./older-unicode.ts";
import { compilePattern, SPACE } from "./pattern.ts";
import type { NormalizerSpec } from "./spec.ts";

export type Normalize = (text: string) => string;

/** The function that a description stands for; compiled rules by position or cluster. @throws FileError for a pattern or rules that cannot be used. */
export function buildNormalizer(spec: NormalizerSpec, by: "position" | "cluster" = "cluster"): Normalize {
  switch (spec.type) {
    case "Sequence": {
      const steps = spec.normalizers.map((step) => buildNormalizer(step, by));
      return (text) => steps.reduce((done, step) => step(done), text);
    }
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return (text) => normalForm(text, spec.type);
    case "Lowercase":
      return lowercase;
    case "StripAccents":
      return (text) => text.replace(MARKS, "");
    case "ByteLevel":
      return toByteChars;
    case "Strip": {
      const ends = [...(spec.strip_left ? [`^${SPACE}+`] : []), ...(spec.strip_right ? [`${SPACE}+$`] : [])];
      const strip = new RegExp(ends.join("|") || "(?!)", "gu");
      return (text) => text.replace(strip, "");
    }
    case "Replace": {
      const wanted = compilePattern(spec.pattern);
      return (text) => text.replace(wanted, () => spec.content);
    }
    case "Prepend":
      return (text) => (text === "" ? text : spec.prepend + text);
    case "Precompiled":
      return compiledNormalizer(
        Uint8Array.from(atob(spec.precompiled_charsmap), (char) => char.charCodeAt(0)),
        by,
      );
    case "BertNormalizer":
      return bertNormalizer(spec);
  }
}

const KNOWN = new RegExp(`[^${UNDECOMPOSED}]+`, "gu");
const MARKS = new RegExp(`(?![${UNSTRIPPED_MARKS}])[\\p{M}\u1cf2\u1cf3]`, "gu");
const BERT_MARKS = new RegExp(`(?![${UNSTRIPPED_BERT_MARKS}])\\p{Mn}`, "gu");
const BERT_CONTROL = new RegExp(`(?![\\t\\n\\r${UNCLEANED}])[\\0\ufffd\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}]`, "gu");
const BERT_BLANK = new RegExp(`[\\t\\n\\r${SPACE}]`, "gu");

function normalForm(text: string, form: "NFC" | "NFD" | "NFKC" | "NFKD"): string {
  return text.replace(KNOWN, (known) => known.normalize(form));
}

/** Letter by letter, without JavaScript's rule for a sigma at the end of a word. */
export function lowercase(text: string): string {
  return text.replaceAll("\u03a3", "\u03c3").toLowerCase();
}

const CHINESE =
  /[\u{4E00}-\u{9FFF}\u{3400}-\u{4DBF}\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{F900}-\u{FAFF}\u{2F800}-\u{2FA1F}]/gu;

/** BERT's basic tokenizer, its first half (Devlin et al., 2018, and the published code): control characters out, blanks to spaces, Chinese characters apart. */
function bertNormalizer(spec: Extract<NormalizerSpec, { type: "BertNormalizer" }>): Normalize {
  const { clean_text, handle_chinese_chars, lowercase: lower, strip_accents = lower } = spec;
  const strip = strip_accents ?? lower;
  return (text) => {
    let done = text;
    if (clean_text) done = done.replace(BERT_CONTROL, "").replace(BERT_BLANK, " ");
    if (handle_chinese_chars) done = done.replace(CHINESE, " $& ");
    if (strip) done = normalForm(done, "NFD").replace(BERT_MARKS, "");
    return lower ? lowercase(done) : done;
  };
}
