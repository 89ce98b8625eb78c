import { type References, requireSegments } from "./segments.ts";
import { blankSeparated } from "./words.ts";

export interface ExactMatchOptions {
  /** What is compared. Default: the text without blanks at its ends. {@link answerForm} is the form that answers to questions are compared in. */
  normalize?: (text: string) => string;
}

/** The share of hypotheses that say what one of their references says, in [0, 1]. @throws UsageError for segments without reference */
export function exactMatch(
  hypotheses: readonly string[],
  references: References,
  { normalize = (text) => text.trim() }: ExactMatchOptions = {},
): number {
  requireSegments(hypotheses, references);
  const right = hypotheses.filter((hypothesis, i) => references[i].some((reference) => normalize(reference) === normalize(hypothesis)));
  return right.length / hypotheses.length;
}

/** Lower case, without punctuation (ASCII), articles and doubled blanks (Rajpurkar et al., "SQuAD", 2016, section 6.1). */
export function answerForm(text: string): string {
  const bare = text.toLowerCase().replace(/[!-/:-@[-`{-~]/g, "");
  return blankSeparated(bare.replace(/(?<![\p{L}\p{N}_])(a|an|the)(?![\p{L}\p{N}_])/gu, " ")).join(" ");
}
