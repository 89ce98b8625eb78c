/** The gallery of a run: pictures with all that is needed to make them again, in `gallery/` of its folder, listed in `gallery.jsonl` there. */
import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { FileError, UsageError } from "../../core/errors.ts";
import { fileError, writeFileAtomic } from "../../core/node/files.ts";
import type { Run } from "../../runs/registry.ts";
import type { Gallery, GalleryEntry } from "../generate.ts";
import { pictureRequest } from "../generate-requests.ts";

/** File names that a gallery has, and nothing else: no name becomes a path to elsewhere. */
const FILE = /^[A-Za-z0-9][A-Za-z0-9-]{0,79}\.png$/;
const LIST = "gallery.jsonl";

// Loose: what a later version adds survives.
const entrySchema = z.looseObject({
  id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/),
  created: z.string(),
  run: z.string(),
  model: z.string(),
  step: z.number(),
  checkpoint: z.string(),
  shape: z.tuple([z.number(), z.number(), z.number()]),
  request: pictureRequest,
  files: z.array(z.string().regex(FILE)),
  captions: z.array(z.string()).optional(),
  notes: z.array(z.string()),
  seconds: z.number(),
  command: z.string().optional(),
});
const removedSchema = z.strictObject({ removed: z.string() });

/** An entry, and whether its files were removed since. */
export type KeptEntry = GalleryEntry & { removed?: boolean };

function folderOf(run: Pick<Run, "folder">): string {
  return path.join(run.folder, "gallery");
}

/** A name for a new batch or file: when it was made, and four letters against two in one second. */
export function newId(now = new Date()): string {
  const time = now.toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  return `${time}-${randomBytes(2).toString("hex")}`;
}

/** The path of a gallery's file. @throws UsageError for what is no name of one */
export function galleryFile(run: Pick<Run, "folder">, file: string): string {
  if (!FILE.test(file)) throw new UsageError({ what: "There is no such picture in the gallery.", got: file });
  return path.join(folderOf(run), file);
}

/**
 * Keep a batch: first its pictures, each whole or not there at all, then its line in the list. A cut in between leaves pictures that no line names.
 * @throws FileError where the disk is full or the folder is gone
 */
export async function keepEntry(run: Pick<Run, "folder">, entry: GalleryEntry, pictures: readonly Uint8Array[]): Promise<void> {
  for (const [i, file] of entry.files.entries()) await writeFileAtomic(galleryFile(run, file), pictures[i]);
  await append(run, entry);
}

/** Keep one picture beside the list, such as one that was sent. @returns its file name @throws FileError */
export async function keepPicture(run: Pick<Run, "folder">, name: string, png: Uint8Array): Promise<string> {
  const file = `${name}.png`;
  await writeFileAtomic(galleryFile(run, file), png);
  return file;
}

/** One line more; a line that was cut by a crash is ended first. */
async function append(run: Pick<Run, "folder">, line: object): Promise<void> {
  const list = path.join(folderOf(run), LIST);
  try {
    await mkdir(folderOf(run), { recursive: true });
    const handle = await open(list, "a+");
    try {
      const { size } = await handle.stat();
      const last = Buffer.alloc(1);
      if (size > 0) await handle.read(last, 0, 1, size - 1);
      const begin = size > 0 && last[0] !== 10 ? "\n" : "";
      await handle.write(`${begin}${JSON.stringify(line)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError(error, "The gallery's list cannot be written.", list);
  }
}

/** Every entry that was ever kept, oldest first; lines that are damaged are passed over. No list is no entries. @throws FileError */
export async function readEntries(run: Pick<Run, "folder">): Promise<KeptEntry[]> {
  const list = path.join(folderOf(run), LIST);
  const text = await readFile(list, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw fileError(error, "The gallery's list cannot be read.", list);
  });
  const entries = new Map<string, KeptEntry>();
  for (const line of text.split("\n")) {
    const value = parsed(line);
    const removed = removedSchema.safeParse(value);
    if (removed.success) {
      const entry = entries.get(removed.data.removed);
      if (entry !== undefined) entries.set(entry.id, { ...entry, removed: true });
      continue;
    }
    const entry = entrySchema.safeParse(value);
    if (entry.success) entries.set(entry.data.id, entry.data as GalleryEntry);
  }
  return [...entries.values()];
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** A part of the gallery, newest first. @param after how many of the newest to pass over */
export async function readGallery(run: Pick<Run, "folder">, { after = 0, limit = 50 } = {}): Promise<Gallery> {
  const entries = (await readEntries(run)).filter(({ removed }) => removed !== true).reverse();
  return { entries: entries.slice(after, after + limit), total: entries.length };
}

/** One entry, also a removed one: what was made from it still says how. @throws UsageError where there never was one */
export async function findEntry(run: Pick<Run, "folder">, id: string): Promise<KeptEntry> {
  const entry = (await readEntries(run)).find((one) => one.id === id);
  if (entry === undefined) throw new UsageError({ what: "There is no such batch in the gallery.", got: id });
  return entry;
}

/** Remove a batch's pictures; its line stays, with one behind it that says so. @throws UsageError, FileError */
export async function removeEntry(run: Pick<Run, "folder">, id: string): Promise<void> {
  const entry = await findEntry(run, id);
  if (entry.removed) return;
  await append(run, { removed: id });
  for (const file of entry.files) await rm(galleryFile(run, file), { force: true });
}

/** The picture of an entry as a file. @throws UsageError for an index that it does not have; FileError where it was removed */
export function fileOfEntry(run: Pick<Run, "folder">, entry: KeptEntry, index: number): string {
  const file = entry.files[index];
  if (file === undefined)
    throw new UsageError({
      what: "The batch has no picture of this number.",
      got: String(index + 1),
      expected: `1 to ${entry.files.length}`,
    });
  if (entry.removed)
    throw new FileError({
      what: "The picture was removed from the gallery.",
      got: `${entry.id}, number ${index + 1}`,
      hint: "choose another",
    });
  return galleryFile(run, file);
}
