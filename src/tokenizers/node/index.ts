/** Tokenizers in files: `import { readTokenizer } from "atelier/tokenizers/node"`. */
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { FileError } from "../../core/errors.ts";
import { fileError, writeFileAtomic } from "../../core/node/files.ts";
import { readSentencePiece } from "../sentencepiece-model.ts";
import { Tokenizer } from "../tokenizer.ts";
import { readGpt2Folder } from "./gpt2-folder.ts";

/**
 * The tokenizer of a `tokenizer.json`, of a SentencePiece `.model`, or of a folder that holds `tokenizer.json`, `tokenizer.model`, or GPT-2's `vocab.json` and
 * `merges.txt`.
 * @throws FileError when there is none, or it cannot be used.
 */
export async function readTokenizer(place: string): Promise<Tokenizer> {
  const file = await locate(place);
  if (file === undefined) return await inPieces(place);
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

/** The file of a tokenizer; undefined for a folder that has neither of the two names. @throws FileError for what is not there */
async function locate(place: string): Promise<string | undefined> {
  const info = await stat(place).catch((error) => {
    throw fileError(error, `There is no tokenizer at ${place}.`);
  });
  if (!info.isDirectory()) return place;
  for (const name of ["tokenizer.json", "tokenizer.model"]) {
    const file = path.join(place, name);
    if ((await stat(file).catch(() => undefined))?.isFile()) return file;
  }
  return undefined;
}

async function inPieces(folder: string): Promise<Tokenizer> {
  const tokenizer = await readGpt2Folder(folder);
  if (tokenizer !== undefined) return tokenizer;
  throw new FileError({
    what: "The folder has no tokenizer.",
    where: folder,
    expected: "tokenizer.json, tokenizer.model, or vocab.json and merges.txt",
    hint: "train one: atelier tokenizer train --help",
  });
}
