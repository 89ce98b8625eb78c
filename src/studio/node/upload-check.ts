// What a child process finds of an upload before it becomes a data set: files that cannot be used are removed and named, the rest stays.
import { open, readdir, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { AtelierError, FileError } from "../../core/errors.ts";
import { writeFileAtomic } from "../../core/node/files.ts";
import { parseCsv } from "../../data/csv.ts";
import { readLabelTable } from "../../data/label-table.ts";
import { listPictures } from "../../data/node/image-folder.ts";
import { readPicture } from "../../data/node/pictures.ts";
import { loadText } from "../../data/node/text.ts";
import { readTextBytes } from "../../data/text/text-file.ts";
import type { Refused, UploadKind } from "../uploads.ts";
import type { Surroundings } from "./child-main.ts";

export interface CheckedUpload {
  kind: "pictures" | "text" | "pairs";
  /** Files that stay, and their bytes. */
  kept: number;
  bytes: number;
  refused: Refused[];
  classes: string[];
  attributes: string[];
  notes: string[];
}

/** Pictures decoded at once. */
const AT_ONCE = 4;
const LABELS = "labels.csv";

/** Check every file of an uploaded folder. @throws FileError where too little is left */
export async function checkUpload(
  { folder, kind }: { folder: string; kind: UploadKind },
  surroundings: Surroundings,
): Promise<CheckedUpload> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = all.filter((entry) => entry.isFile()).map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
  const names = files.map((name) => name.split(path.sep).join("/")).sort();
  const refused: Refused[] = [];
  const refuse = async (name: string, because: string) => {
    refused.push({ path: name, because });
    await rm(path.join(folder, name), { force: true });
  };
  return kind === "pictures"
    ? await checkPictures(folder, names, refuse, refused, surroundings)
    : await checkTexts(folder, names, refuse, refused, surroundings);
}

type Refuse = (name: string, because: string) => Promise<void>;

async function checkPictures(
  folder: string,
  names: readonly string[],
  refuse: Refuse,
  refused: Refused[],
  { onProgress, signal }: Surroundings,
): Promise<CheckedUpload> {
  const pictures = names.filter((name) => name !== LABELS);
  let next = 0;
  const work = async () => {
    while (next < pictures.length) {
      signal.throwIfAborted();
      const name = pictures[next++];
      if (next % 20 === 1) onProgress(`checking pictures: ${next} of ${pictures.length}`);
      const because = await pictureProblem(path.join(folder, name));
      if (because !== undefined) await refuse(name, because);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const bad = new Set(refused.map((one) => one.path));
  const good = pictures.filter((name) => !bad.has(name));
  if (good.length < 2) throw tooFew(refused, "pictures");
  const notes = names.includes(LABELS) ? await checkLabels(folder, new Set(good), refuse) : [];
  onProgress("looking for classes");
  const listing = await listPictures(folder);
  const { table, files, classes = [] } = listing;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const attributes = [...(table?.attributes ?? [])];
  return { kind: "pictures", kept: files.length, bytes, refused, classes: [...classes], attributes, notes: [...notes, ...listing.notes] };
}

/** What a picture begins with, whatever its name says. Nothing else is given to the decoder. */
function isPicture(head: Uint8Array): boolean {
  const text = Buffer.from(head).toString("latin1");
  return (
    text.startsWith("\x89PNG\r\n\x1a\n") || text.startsWith("\xff\xd8\xff") || (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP")
  );
}

/** Why a picture cannot be used: its beginning and its header are read first, so that a small file that claims to be huge is never decoded. */
async function pictureProblem(file: string): Promise<string | undefined> {
  const handle = await open(file, "r");
  const head = new Uint8Array(16);
  await handle.read(head, 0, 16, 0).finally(() => handle.close());
  if (!isPicture(head)) return "not a PNG, JPEG or WebP picture, whatever its name says";
  try {
    await readPicture(file, () => [3, 8, 8]);
    return undefined;
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return (error.problem.where ?? "").replace(`${file}: `, "");
  }
}

/** A label file with rows for pictures that are not there loses these; one that cannot be read is refused. @returns notes */
async function checkLabels(folder: string, good: ReadonlySet<string>, refuse: Refuse): Promise<string[]> {
  const file = path.join(folder, LABELS);
  try {
    const text = await readFile(file, "utf8");
    const table = readLabelTable(text, LABELS);
    const missing = [...table.rows.keys()].filter((name) => !good.has(name));
    if (missing.length === table.rows.size) {
      await refuse(LABELS, `it names no picture that is there: ${missing[0]}`);
      return ["labels.csv was left out: it names none of the pictures"];
    }
    if (missing.length === 0) return [];
    const lines = new Set(missing.map((name) => table.rows.get(name)!.line));
    const stay = parseCsv(text, LABELS).filter(({ line }) => !lines.has(line));
    await writeFileAtomic(file, stay.map(({ fields }) => `${fields.map(quoted).join(",")}\n`).join(""));
    return [`labels.csv names pictures that are not there; their rows were left out: ${missing.length}`];
  } catch (error) {
    if (!(error instanceof AtelierError)) throw error;
    await refuse(LABELS, toldShortly(error));
    return ["labels.csv could not be read and was left out"];
  }
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/** An error in one line. */
function toldShortly({ problem: { what, where, got, expected } }: AtelierError): string {
  return [what, where, got && `found: ${got}`, expected && `expected: ${expected}`].filter(Boolean).join("; ");
}

async function checkTexts(
  folder: string,
  names: readonly string[],
  refuse: Refuse,
  refused: Refused[],
  { onProgress, signal }: Surroundings,
): Promise<CheckedUpload> {
  let [kept, bytes] = [0, 0];
  for (const [i, name] of names.entries()) {
    signal.throwIfAborted();
    if (i % 20 === 0) onProgress(`checking texts: ${i + 1} of ${names.length}`);
    const because = await textProblem(path.join(folder, name), name);
    if (because !== undefined) await refuse(name, because);
    else {
      kept++;
      bytes += (await stat(path.join(folder, name))).size;
    }
  }
  if (kept === 0) throw tooFew(refused, "texts");
  const { card, notes = [] } = await loadText(folder);
  return { kind: card.kind === "pairs" ? "pairs" : "text", kept, bytes, refused, classes: [], attributes: [], notes: [...notes] };
}

async function textProblem(file: string, name: string): Promise<string | undefined> {
  const bytes = await readFile(file);
  if (bytes.subarray(0, 65_536).includes(0)) return "not a text in UTF-8: it holds zero bytes";
  try {
    return readTextBytes(bytes, name).documents.length === 0 ? "it holds no text" : undefined;
  } catch (error) {
    if (error instanceof AtelierError) return toldShortly(error);
    throw error;
  }
}

function tooFew(refused: readonly Refused[], noun: string): FileError {
  const named = refused.slice(0, 5).map(({ path: name, because }) => `${name}: ${because}`);
  return new FileError({
    what: `Too few of the uploaded ${noun} can be used.`,
    got: named.length === 0 ? "fewer than two" : named.join("; "),
    expected: noun === "pictures" ? "at least two pictures" : "at least one text",
  });
}
