/** Codes as a JSON file. */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { FileError } from "../../core/errors.ts";
import { fileError } from "../../core/node/files.ts";
import type { Codes } from "./codec.ts";

const rows = z.array(z.array(z.number()).min(1)).min(1);
const schema = z.union([
  z.looseObject({ codes: rows, conditions: rows.optional() }),
  rows.transform((codes) => ({ codes, conditions: undefined })),
]);

/** What a file of codes holds: where they are from, a row a picture, and the pictures' conditions where the model takes them. */
export function codesFile<T extends object>(about: T, codes: Codes, conditions: Float32Array | undefined) {
  const rowsOf = (data: Float32Array, count: number) => {
    const size = data.length / count;
    return Array.from({ length: count }, (_, n) => Array.from(data.subarray(n * size, (n + 1) * size)));
  };
  return {
    ...about,
    codes: rowsOf(codes.data, codes.count),
    ...(conditions === undefined ? {} : { conditions: rowsOf(conditions, codes.count) }),
  };
}

/**
 * Read codes that `encode` wrote, or plain rows of numbers.
 * @throws FileError when the file cannot be read, is no JSON, or its rows are not numbers or of different lengths
 */
export async function readCodes(file: string): Promise<{ codes: Codes; conditions: Float32Array | undefined }> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw fileError(error, "The codes cannot be read.", file);
  });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    const expected = "what `atelier encode RUN PICTURE --out FILE` writes, or rows of numbers: [[...], ...]";
    throw new FileError({ what: "The file of codes is not JSON.", where: file, expected, cause });
  }
  const checked = schema.safeParse(parsed);
  if (!checked.success) throw notCodes(file, `${text.trim().slice(0, 60)}${text.trim().length > 60 ? "..." : ""}`);
  const { codes, conditions } = checked.data;
  if (conditions !== undefined && conditions.length !== codes.length)
    throw notCodes(file, `${codes.length} codes and ${conditions.length} rows of conditions`);
  const data = flat(codes, file);
  return {
    codes: { data, count: codes.length, size: codes[0].length },
    conditions: conditions === undefined ? undefined : flat(conditions, file),
  };
}

/** @throws FileError where codes are not of the model's size */
export function requireSize({ size }: Codes, wanted: number, file: string): void {
  if (size === wanted) return;
  throw new FileError({
    what: "The codes are not of this model's size.",
    where: file,
    got: `${size} numbers a code`,
    expected: String(wanted),
  });
}

function flat(lines: readonly (readonly number[])[], file: string): Float32Array {
  const size = lines[0].length;
  const odd = lines.findIndex((line) => line.length !== size);
  if (odd >= 0) throw notCodes(file, `${size} numbers in row 0, ${lines[odd].length} in row ${odd}`);
  return Float32Array.from(lines.flat());
}

function notCodes(file: string, got: string): FileError {
  return new FileError({
    what: "The file does not hold codes.",
    where: file,
    got,
    expected: '{"codes": [[...], ...]} or [[...], ...], rows of numbers of one length',
  });
}
