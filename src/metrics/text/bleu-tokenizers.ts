import { unknownName } from "../../core/errors.ts";
import { blankSeparated } from "./words.ts";

/** How BLEU cuts a segment into words. */
export const bleuTokenizers = ["13a", "intl", "char", "none"] as const;
export type BleuTokenizer = (typeof bleuTokenizers)[number];

/** NIST's mteval-v13a: Western punctuation apart, full stop and comma unless digits are on both sides, a hyphen after a digit. */
const western: readonly [RegExp, string][] = [
  [/([{-~[-` -&(-+:-@/])/gu, " $1 "],
  [/([^0-9])([.,])/gu, "$1 $2 "],
  [/([.,])([^0-9])/gu, " $1 $2"],
  [/([0-9])(-)/gu, "$1 $2 "],
];

/** NIST's mteval-v14 for any script: punctuation apart unless numbers are on both sides, symbols always. */
const international: readonly [RegExp, string][] = [
  [/(\P{N})(\p{P})/gu, "$1 $2 "],
  [/(\p{P})(\P{N})/gu, " $1 $2"],
  [/(\p{S})/gu, " $1 "],
];

const entities: readonly [string, string][] = [
  ["&quot;", '"'],
  ["&amp;", "&"],
  ["&lt;", "<"],
  ["&gt;", ">"],
];

function rewritten(text: string, rules: readonly [RegExp, string][]): string {
  return rules.reduce((line, [pattern, replacement]) => line.replace(pattern, replacement), text);
}

/**
 * The words of a segment, as sacreBLEU 2 cuts it: `13a` (its default; NIST's mteval-v13a), `intl` (mteval-v14's international form), `char` (each
 * character but blanks), `none` (at blanks only).
 * @throws UsageError for another name
 */
export function bleuWords(text: string, tokenizer: BleuTokenizer): string[] {
  switch (tokenizer) {
    case "13a": {
      const line = text.replaceAll("<skipped>", "").replaceAll("-\n", "").replaceAll("\n", " ");
      const plain = entities.reduce((t, [entity, sign]) => t.replaceAll(entity, sign), line);
      return blankSeparated(rewritten(` ${plain} `, western));
    }
    case "intl":
      return blankSeparated(rewritten(text, international));
    case "char":
      return blankSeparated([...text].join(" "));
    case "none":
      return blankSeparated(text);
    default:
      throw unknownName("tokenizer for BLEU", String(tokenizer), bleuTokenizers);
  }
}
