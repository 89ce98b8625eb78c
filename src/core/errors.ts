/** What went wrong, told the same way everywhere: what, where, what was given, what was expected, what to do. */
export interface Problem {
  /** One sentence: what went wrong. */
  what: string;
  /** File, field, op or line the problem is about. */
  where?: string | undefined;
  /** What was found there. */
  got?: string | undefined;
  /** What would have been right. */
  expected?: string | undefined;
  /** What the user can do now. */
  hint?: string | undefined;
  cause?: unknown;
}

/** The base of every error a user can cause or must know about. Its message is complete: no stack is needed to act on it. */
export class AtelierError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem | string) {
    const full = typeof problem === "string" ? { what: problem } : problem;
    super(describe(full), full.cause === undefined ? undefined : { cause: full.cause });
    this.name = new.target.name;
    this.problem = full;
  }
}

/** Shapes or dtypes that do not fit an operation. */
export class ShapeError extends AtelierError {}

/** A name, setting or option the user gave that is not known or not allowed: the command line answers with exit code 2. */
export class UsageError extends AtelierError {}

/** A file or folder that cannot be read, is damaged, or is not what it should be. */
export class FileError extends AtelierError {}

/** The native runtime refused a model, a buffer or a run. */
export class RuntimeError extends AtelierError {}

function describe(problem: Problem): string {
  const lines = [problem.what];
  if (problem.where !== undefined) lines.push(`  where:    ${problem.where}`);
  if (problem.got !== undefined) lines.push(`  got:      ${problem.got}`);
  if (problem.expected !== undefined) lines.push(`  expected: ${problem.expected}`);
  if (problem.hint !== undefined) lines.push(`  try:      ${problem.hint}`);
  return lines.join("\n");
}

/** The known name closest to `name` by edit distance, or undefined where none is close. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 2)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** An error for an unknown name that offers the nearest known one and lists them all. */
export function unknownName(kind: string, name: string, known: readonly string[]): UsageError {
  const near = nearest(name, known);
  return new UsageError({
    what: `There is no ${kind} named "${name}".`,
    expected: `one of: ${known.join(", ")}`,
    hint: near === undefined ? undefined : `did you mean "${near}"?`,
  });
}

/** Levenshtein distance by the two-row recurrence. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitution, previous[j] + 1, row[j - 1] + 1));
    }
    previous = row;
  }
  return previous[b.length];
}
