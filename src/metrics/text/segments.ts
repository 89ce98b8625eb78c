import { UsageError } from "../../core/errors.ts";

/** The right answers of each segment: one or several. */
export type References = readonly (readonly string[])[];

/** @throws UsageError unless there is a segment, and each has a reference */
export function requireSegments(hypotheses: readonly string[], references: References): void {
  if (hypotheses.length !== references.length)
    throw new UsageError({
      what: "There must be references for each hypothesis.",
      got: `${hypotheses.length} hypotheses, ${references.length} with references`,
    });
  if (hypotheses.length === 0) throw new UsageError({ what: "There are no hypotheses to score." });
  const bare = references.findIndex((answers) => answers.length === 0);
  if (bare >= 0) throw new UsageError({ what: "A hypothesis has no reference.", where: `segment ${bare + 1}` });
}

/** How many references a segment has, as a signature says it: a number, or `var`. */
export function referenceCount(references: References): string {
  const counts = new Set(references.map(({ length }) => length));
  return counts.size === 1 ? String([...counts][0]) : "var";
}
