/** The tokenizer of a run: trained or read when the run begins, kept in its folder, and read from there ever after. */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { FileError, UsageError } from "../core/errors.ts";
import { loadText } from "../data/node/text.ts";
import { requireVocabulary, tokenizerDigest } from "../data/node/token-sets.ts";
import { datasetNamed } from "../data/sets/index.ts";
import type { TextDocument } from "../data/text/text-set.ts";
import { isWindow, type Tokenizers } from "../data/token-set.ts";
import { type ModelRecord, type TokenizerWish, textShape } from "../models/index.ts";
import { learnTokenizer } from "../tokenizers/learn.ts";
import { readTokenizer, writeTokenizer } from "../tokenizers/node/index.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import type { Run } from "./registry.ts";

/** What a run's record says of its tokenizers. */
export interface TokenizerNote {
  /** SHA-256 of the tokenizer. */
  digest: string;
  /** Tokens. */
  vocabulary: number;
}

export type TokenizerNotes = { tokenizer: TokenizerNote; source?: TokenizerNote | undefined };

/** Which fields of a file of the user's own hold the text, and what it becomes. */
export interface TextFields {
  field?: string | undefined;
  targetField?: string | undefined;
}

export interface TokenizerSources extends TextFields {
  /** A `tokenizer.json`, a SentencePiece `.model`, or a folder with one; of pairs the targets'. */
  tokenizer?: string | undefined;
  /** Of the sources, where the model has a tokenizer for them. */
  sourceTokenizer?: string | undefined;
  onProgress?: ((message: string) => void) | undefined;
}

const FILES = { tokenizer: "tokenizer.json", sourceTokenizer: "source-tokenizer.json" } as const;

/**
 * The tokenizers of a new run, read from files where these are given, else learned from the texts as the configuration wishes: characters from both
 * splits, everything else from the training split alone.
 * @returns undefined for models of pictures and points
 * @throws UsageError where a model of pictures is given a tokenizer, or the model says nothing of what to learn; FileError
 */
export async function makeTokenizers(
  record: ModelRecord,
  config: unknown,
  data: string,
  sources: TokenizerSources,
): Promise<Tokenizers | undefined> {
  const shape = textShape(record, config);
  if (shape === undefined) {
    if (sources.tokenizer === undefined && sources.sourceTokenizer === undefined) return undefined;
    throw new UsageError({ what: `The model "${record.name}" reads no text: it takes no tokenizer.`, got: "--tokenizer" });
  }
  if (datasetNamed(data) !== undefined) {
    throw new UsageError({
      what: `The model "${record.name}" learns from text, and these data are not.`,
      where: data,
      hint: "atelier data texts lists text sets; your own files and folders work as well",
    });
  }
  const own = record.data.sourceTokenizer?.(config);
  if (own === undefined && sources.sourceTokenizer !== undefined) {
    throw new UsageError({ what: `The model "${record.name}" has one tokenizer for sources and targets.`, got: "--source-tokenizer" });
  }
  const side = isWindow(shape) || own === undefined ? bothSides : ({ text, target }: TextDocument) => [target ?? text];
  const pairs = !isWindow(shape);
  const learn = (wish: TokenizerWish | undefined, of: (document: TextDocument) => string[]) =>
    learnFrom(record, wish, { data, of, pairs, ...sources });
  const file = await ownTokenizer(sources.tokenizer, data);
  const tokenizer = file ?? (await learn(record.data.tokenizer?.(config), side));
  if (own === undefined) return { tokenizer };
  const source = sources.sourceTokenizer;
  return { tokenizer, sourceTokenizer: source === undefined ? await learn(own, ({ text }) => [text]) : await readTokenizer(source) };
}

function bothSides({ text, target }: TextDocument): string[] {
  return target === undefined ? [text] : [text, target];
}

/** The tokenizer that is named, or that lies beside the token files of a folder. */
async function ownTokenizer(named: string | undefined, data: string): Promise<Tokenizer | undefined> {
  if (named !== undefined) return await readTokenizer(named);
  const beside = path.join(data, FILES.tokenizer);
  return (await stat(beside).catch(() => undefined))?.isFile() ? await readTokenizer(beside) : undefined;
}

interface LearnFrom extends TokenizerSources {
  data: string;
  of(document: TextDocument): string[];
  pairs: boolean;
}

async function learnFrom(
  { name }: ModelRecord,
  wish: TokenizerWish | undefined,
  { data, of, pairs, field, targetField, onProgress }: LearnFrom,
): Promise<Tokenizer> {
  if (wish === undefined) {
    throw new UsageError({ what: `The model "${name}" learns no tokenizer: it needs one.`, hint: "give it: --tokenizer FILE" });
  }
  if (/\.bin$/.test(data)) {
    throw new UsageError({ what: "A token file needs the tokenizer that made it.", where: data, hint: "give it: --tokenizer FILE" });
  }
  const load = (split: "train" | "test") => loadText(data, { split, field, targetField, onProgress });
  const sets = [await load("train"), ...(wish.kind === "char" ? [await load("test")] : [])];
  onProgress?.(`learning a vocabulary (${wish.kind})`);
  return learnTokenizer(wish.kind, sets.flatMap(({ documents }) => documents).flatMap(of), { size: wish.size, pairs, onProgress });
}

/**
 * The settings of the vocabulary follow the tokenizers.
 * @param given whether the user gave a setting: it then stays, and may be larger than the tokenizer
 * @throws UsageError where it is given and smaller
 */
export function fitVocabulary(
  record: ModelRecord,
  config: Record<string, unknown>,
  tokenizers: Tokenizers | undefined,
  given: (key: string) => boolean = () => false,
): Record<string, unknown> {
  if (tokenizers === undefined) return config;
  const fitted = { ...config };
  const follow = (key: string, tokenizer: Tokenizer | undefined) => {
    if (tokenizer === undefined || typeof config[key] !== "number") return;
    if (given(key)) requireVocabulary(tokenizer, config[key], key);
    else fitted[key] = tokenizer.vocabularySize;
  };
  follow("vocabulary", tokenizers.tokenizer);
  follow("sourceVocabulary", tokenizers.sourceTokenizer);
  return record.config.parse(fitted) as Record<string, unknown>;
}

/** Write the tokenizers into the run's folder; what its record shall say of them. @throws FileError */
export async function keepTokenizers(folder: string, { tokenizer, sourceTokenizer }: Tokenizers): Promise<void> {
  await writeTokenizer(path.join(folder, FILES.tokenizer), tokenizer);
  if (sourceTokenizer !== undefined) await writeTokenizer(path.join(folder, FILES.sourceTokenizer), sourceTokenizer);
}

/** What a run's record says of its tokenizers. */
export function tokenizerNotes({ tokenizer, sourceTokenizer }: Tokenizers): TokenizerNotes {
  const note = (one: Tokenizer): TokenizerNote => ({ digest: `sha256-${tokenizerDigest(one)}`, vocabulary: one.vocabularySize });
  return { tokenizer: note(tokenizer), ...(sourceTokenizer === undefined ? {} : { source: note(sourceTokenizer) }) };
}

/** Runs of before have the digest of a description whose fields stand as in the file. */
async function hasOldDigest(file: string, digest: string): Promise<boolean> {
  const text = await readFile(file, "utf8");
  return (
    `sha256-${createHash("sha256")
      .update(JSON.stringify(JSON.parse(text)))
      .digest("hex")}` === digest
  );
}

/** The tokenizers of a run; undefined where it is not of text. @throws FileError where a file is missing, or another than the run was trained with */
export async function readTokenizers(run: Run): Promise<Tokenizers | undefined> {
  const notes = run.record.data?.tokenizers;
  if (notes === undefined) return undefined;
  const read = async (file: string, note: TokenizerNote) => {
    const place = path.join(run.folder, file);
    const tokenizer = await readTokenizer(place);
    if (`sha256-${tokenizerDigest(tokenizer)}` === note.digest || (await hasOldDigest(place, note.digest))) return tokenizer;
    throw new FileError({
      what: "The tokenizer is not the one that the run was trained with.",
      where: path.join(run.folder, file),
      got: `sha256-${tokenizerDigest(tokenizer)}`,
      expected: note.digest,
      hint: "bring back the file as it was",
    });
  };
  const tokenizer = await read(FILES.tokenizer, notes.tokenizer);
  return notes.source === undefined ? { tokenizer } : { tokenizer, sourceTokenizer: await read(FILES.sourceTokenizer, notes.source) };
}
