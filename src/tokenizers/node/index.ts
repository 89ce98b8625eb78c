/** Tokenizers in files: `import { readTokenizer } from "atelier/tokenizers/node"`. */
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { FileError } from "../../core/errors.ts";
import { fileError, writeFileAtomic } from "../../core/node/files.ts";
import { readSentencePiece } from "../sentencepiece-model.ts";
import { Tokenizer } from "../tokenizer.ts";

/**
 * The tokenizer of a `tokenizer.json`, of a SentencePiece `.model`, or of a folder that holds `tokenizer.json` or `tokenizer.model`.
 * @throws FileError when there is none, or it cannot be used.
 */
export async function readTokenizer(place: string): Promise<Tokenizer> {
  const file = await locate(place);
  const bytes = await readFile(file).catch((error) => {
    throw fileError(error, `Could not read the tokenizer ${file}.`);
  });
  if (file.endsWith(".model")) return readSentencePiece(bytes, file);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new FileError({
      what: "The tokenizer file is not JSON.",
      where: file,
      got: error instanceof Error ? error.message : String(error),
      cause: error,
    });
  }
  return Tokenizer.fromJson(value, file);
}

/** Write a `tokenizer.json`, all or nothing. @throws FileError */
export async function writeTokenizer(file: string, tokenizer: Tokenizer): Promise<void> {
  await writeFileAtomic(file, `${JSON.stringify(tokenizer.toJson(), null, 2)}\n`);
}

async function locate(place: string): Promise<string> {
  const info = await stat(place).catch((error) => {
    throw fileError(error, `There is no tokenizer at ${place}.`);
  });
  if (!info.isDirectory()) return place;
  for (const name of ["tokenizer.json", "tokenizer.model"]) {
    const file = path.join(place, name);
    if ((await stat(file).catch(() => undefined))?.isFile()) return file;
  }
  throw new FileError({
    what: "The folder has no tokenizer.",
    where: place,
    expected: "tokenizer.json or tokenizer.model",
    hint: "train one: atelier tokenizer train --help",
  });
}
