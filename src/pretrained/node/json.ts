import { readFile } from "node:fs/promises";
import { FileError } from "../../core/errors.ts";
import { fileError } from "../../core/node/files.ts";

/** What a JSON file holds. @throws FileError when it cannot be read or is not JSON */
export async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, "utf8").catch((error) => {
    throw fileError(error, `Could not read ${file}.`);
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FileError({
      what: "The file is not JSON.",
      where: file,
      got: error instanceof Error ? error.message : String(error),
      cause: error,
    });
  }
}
