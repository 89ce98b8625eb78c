/** Tokenizers in files: `import { readTokenizer } from "atelier/tokenizers/node"`. */
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { FileError } from "../../core/errors.ts";
import { fileError, writeFileAtomic } from "../../core/node/files.ts";
import { readSentencePiece } from "../sentencepiece-model.ts";
import { Tokenizer } from "../tokenizer.ts";
import { readBertFolder } from "./bert-folder.ts";
import { readGpt2Folder } from "./gpt2-folder.ts";
import { isFile } from "./parts.ts";

/**
 * The tokenizer of a `tokenizer.json`, of a SentencePiece `.model`, or of a folder with what {@link findTokenizer} knows.
 * @throws FileError when there is none, or it cannot be used.
 */
export async function readTokenizer(place: string): Promise<Tokenizer> {
  const info = await stat(place).catch((error) => {
    throw fileError(error, `There is no tokenizer at ${place}.`);
  });
  if (!info.isDirectory()) return await readFileOf(place);
  const tokenizer = await findTokenizer(place);
  if (tokenizer !== undefined) return tokenizer;
  throw new FileError({
    what: "The folder has no tokenizer.",
    where: place,
    expected: TOKENIZER_FILES,
    hint: "train one: atelier tokenizer train --help",
  });
}

async function readFileOf(file: string): Promise<Tokenizer> {
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

/**
 * The tokenizer of a folder: `tokenizer.json`, `tokenizer.model`, GPT-2's `vocab.json` and `merges.txt`, or BERT's `vocab.txt`, whichever comes first.
 * @returns undefined where there is none of them
 * @throws FileError for one that cannot be used
 */
export async function findTokenizer(folder: string): Promise<Tokenizer | undefined> {
  for (const name of ["tokenizer.json", "tokenizer.model"]) {
    const file = path.join(folder, name);
    if (await isFile(file)) return await readFileOf(file);
  }
  return (await readGpt2Folder(folder)) ?? (await readBertFolder(folder));
}

/** What {@link findTokenizer} looks for. */
export const TOKENIZER_FILES = "tokenizer.json, tokenizer.model, vocab.json and merges.txt, or vocab.txt";
