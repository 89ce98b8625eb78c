/** Files that a tokenizer is put together from. */
import { readFile, stat } from "node:fs/promises";
import type { z } from "zod";
import { FileError } from "../../core/errors.ts";
import { fileError } from "../../core/node/files.ts";

/** The text of a file. @throws FileError */
export async function textOf(file: string): Promise<string> {
  return await readFile(file, "utf8").catch((error) => {
    throw fileError(error, `Could not read ${file}.`);
  });
}

/** What a JSON file says of a schema's fields; those of an empty object where there is no such file. @throws FileError for what is no JSON, or has other types */
export async function settingsOf<S extends z.ZodType>(file: string, schema: S): Promise<z.infer<S>> {
  const given = (await isFile(file)) ? parsed(await textOf(file), file) : {};
  const checked = schema.safeParse(given);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw new FileError({
    what: "A setting of the tokenizer cannot be used.",
    where: `${file}, ${issue.path.join(".") || "top"}`,
    got: issue.message,
    hint: "correct it, or fetch the folder again",
  });
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FileError({ what: "The file is not JSON.", where: file, hint: "fetch the folder again", cause: error });
  }
}

/** Whether there is a file, not a folder, of this name. */
export async function isFile(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined))?.isFile() ?? false;
}
