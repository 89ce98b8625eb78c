import { z } from "zod";
import { AtelierError, FileError, type Problem, RuntimeError } from "../../core/errors.ts";
import type { Failure } from "../messages.ts";

/** An answer of the studio that is not the one asked for, with its HTTP status. */
export class StudioError extends AtelierError {
  readonly status: number;

  /** @param status 400 to 599 */
  constructor(status: number, problem: Problem | string) {
    super(problem);
    this.status = status;
  }
}

/**
 * What a page is told of an error, and with which status: an error of the user's (400), a file that cannot be used (422), the runtime's refusal (500).
 * Of anything unexpected it learns nothing but that it happened: the reason goes to the terminal.
 */
export function failureOf(error: unknown): { status: number; body: Failure; unexpected: boolean } {
  if (error instanceof AtelierError) {
    const { what, got, expected, hint } = error.problem;
    const message = [what, got && `Given: ${got}.`, expected && `Expected: ${expected}.`].filter(Boolean).join(" ");
    return { status: statusOf(error), body: { error: { kind: error.name, message, hint } }, unexpected: false };
  }
  if (error instanceof z.ZodError) {
    const message = error.issues.map(({ path, message: what }) => (path.length === 0 ? what : `${path.join(".")}: ${what}`)).join("; ");
    return { status: 400, body: { error: { kind: "UsageError", message } }, unexpected: false };
  }
  const body = { error: { kind: "Unexpected", message: "The studio failed unexpectedly.", hint: "see the terminal in which it runs" } };
  return { status: 500, body, unexpected: true };
}

function statusOf(error: AtelierError): number {
  if (error instanceof StudioError) return error.status;
  if (error instanceof FileError) return 422;
  return error instanceof RuntimeError ? 500 : 400;
}
