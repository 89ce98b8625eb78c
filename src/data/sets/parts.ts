/** What the preparations of several data sets share. */
import { FileError } from "../../core/errors.ts";

/** Parse a JSON file of a package. @throws FileError naming the file. */
export function parseJson(bytes: Uint8Array, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new FileError({
      what: "The file is not JSON.",
      where: file,
      got: error instanceof Error ? error.message.slice(0, 200) : String(error),
      cause: error,
    });
  }
}

/** A file that the package should have and that did not come. @throws FileError when `value` is undefined. */
export function present<T>(value: T | undefined, file: string): T {
  if (value === undefined) throw new FileError({ what: "The package lacks a file.", expected: file });
  return value;
}

/** Whether a value parsed from JSON is an integer in [0, below). */
export function isIndex(value: unknown, below: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < below;
}
