/** A folder of the user's own pictures as a data set. */
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { FileError, UsageError } from "../../core/errors.ts";
import { cacheFolder } from "../../core/node/cache.ts";
import { fileError } from "../../core/node/files.ts";
import { type DataCard, type ImageSet, type ImageShape, type Split, shapeProblem } from "../dataset.ts";
import { type LabelTable, readLabelTable } from "../label-table.ts";
import { type PictureFile, preparePictures } from "./pictures.ts";
import { openPrepared, writePrepared } from "./prepared.ts";

export interface ImageFolderOptions {
  split: Split;
  shape: ImageShape;
  /** Told while pictures are read: what is done, and the seconds since the start. */
  onProgress?: ((message: string, seconds: number) => void) | undefined;
  signal?: AbortSignal | undefined;
  verify?: boolean | undefined;
}

/** Raised when pictures are prepared differently, so that older copies are not used. */
const VERSION = 1;
/** One picture in this many is held out for the test split. */
const HELD_OUT = 10;
/** Node reads at most 2 GiB in one call. */
const MOST_BYTES = 2 ** 31 - 1;

/** The file that says what pictures show, in the folder itself. */
const LABELS = "labels.csv";

/** What lies in a folder: its pictures, in a stable order, and what is not a picture. */
export interface Listing {
  files: PictureFile[];
  /** The labels of the label file; else the sub-folders' names where every picture lies in one; else undefined: no classes. */
  classes?: readonly string[] | undefined;
  /** What the label file says, where there is one. */
  table?: LabelTable | undefined;
  ignored: number;
  notes: string[];
}

/**
 * The PNG, JPEG and WebP pictures under a folder, brought to one shape (shorter side scaled, centre cropped, turned as EXIF says, alpha laid on
 * white, grey or colour by the shape). A `labels.csv` in the folder gives their classes or attributes ({@link readLabelTable}); else, where every
 * picture lies in a sub-folder, the first sub-folder's name is its class. A tenth is held out for `test`, by a hash of each file's path, so that
 * pictures added later do not move the others.
 *
 * Prepared once into the cache, under a key of the listing (path, size, time of change), the labels and the shape.
 * @throws FileError when the folder is missing, empty or unreadable, its label file is not right or names a picture that is not there, or a picture
 * is broken, tiny or huge; UsageError for a shape that pictures cannot have; RuntimeError when the image library cannot be loaded.
 */
export async function openImageFolder(folder: string, options: ImageFolderOptions): Promise<ImageSet> {
  const { shape, split } = options;
  const problem = shapeProblem(shape);
  if (problem !== undefined) throw new UsageError({ what: `Pictures cannot have this shape: ${problem}.`, got: `[${shape.join(", ")}]` });
  const root = path.resolve(folder);
  const listing = await listPictures(root);
  const bytes = listing.files.length * shape[0] * shape[1] * shape[2];
  if (bytes > MOST_BYTES) {
    throw new FileError({
      what: "The pictures do not fit in memory at this shape.",
      where: root,
      got: `${listing.files.length} pictures of [${shape.join(", ")}]: ${(bytes / 1e9).toFixed(1)} GB`,
      expected: "at most 2.1 GB",
      hint: "choose a smaller shape, or train on a part of the pictures",
    });
  }
  const card = folderCard(root, listing, shape);
  const place = path.join(cacheFolder(), "data", `folder-${listingKey(listing, shape)}`);
  const set = await openPrepared(place, () => prepareFolder(place, card, listing, options), card, split, options);
  if (set.count === 0) {
    throw new FileError({ what: `The folder has no picture for the ${split} split.`, where: root, hint: "add pictures: two at least" });
  }
  return set;
}

async function prepareFolder(place: string, card: DataCard, listing: Listing, options: ImageFolderOptions): Promise<void> {
  const { files, classes } = listing;
  const held = heldOut(files.map((file) => file.name));
  const train = files.filter((file) => !held.has(file.name));
  const test = files.filter((file) => held.has(file.name));
  // Both splits in one go, so that an error names the bad pictures of both.
  const { images, transparent } = await preparePictures([...train, ...test], options);
  const border = (images.length / files.length) * train.length;
  const labels = (part: readonly PictureFile[]) => classes && Uint8Array.from(part, ({ name }) => classIndex(listing, name));
  const attributes = (part: readonly PictureFile[]) => card.attributes && attributeRows(listing, part);
  const splits = {
    train: { images: images.subarray(0, border), labels: labels(train), attributes: attributes(train) },
    test: { images: images.subarray(border), labels: labels(test), attributes: attributes(test) },
  };
  const notes = [...listing.notes];
  if (transparent > 0) notes.push(`pictures with an alpha channel were laid on white: ${transparent}`);
  await writePrepared(place, { name: card.name, shape: options.shape, classes, attributes: card.attributes, notes, splits });
}

function classIndex({ classes = [], table }: Listing, name: string): number {
  return table?.rows.get(name)?.label ?? classes.indexOf(classOf(name));
}

/** [N, attributes] */
function attributeRows({ table }: Listing, files: readonly PictureFile[]): Uint8Array {
  const width = table?.attributes.length ?? 0;
  const rows = new Uint8Array(files.length * width);
  for (const [i, { name }] of files.entries()) rows.set(table!.rows.get(name)!.values, i * width);
  return rows;
}

const PICTURE = /\.(png|jpe?g|webp)$/i;

/**
 * All pictures under a folder by name, hidden files and folders left out, linked files followed, linked folders not (they could lead in circles).
 * Pictures that a label file does not name are left out, with a note.
 * @throws FileError when the folder is missing, is a file, cannot be read, has no pictures or more than 256 classes, or its label file is not right.
 */
export async function listPictures(root: string): Promise<Listing> {
  const info = await stat(root).catch((error) => {
    throw fileError(error, "The folder of pictures cannot be read.", root);
  });
  if (!info.isDirectory()) {
    throw new FileError({
      what: "A folder of pictures is needed, and this is a file.",
      where: root,
      hint: "give the folder the file lies in",
    });
  }
  const listing: Listing = { files: [], ignored: 0, notes: [] };
  await walk(root, "", listing);
  if (listing.files.length === 0) {
    const got = listing.ignored === 0 ? "an empty folder" : `${listing.ignored} other files`;
    throw new FileError({ what: "The folder has no pictures.", where: root, got, expected: "files ending in .png, .jpg, .jpeg or .webp" });
  }
  listing.files.sort((a, b) => (a.name < b.name ? -1 : 1));
  listing.table = await readLabels(root, listing);
  if (listing.table?.classes !== undefined) listing.classes = listing.table.classes;
  else findClasses(root, listing);
  if (listing.ignored > 0) listing.notes.push(`files that are not pictures were left out: ${listing.ignored}`);
  return listing;
}

/** The folder's label file, and only the pictures that it names. */
async function readLabels(root: string, listing: Listing): Promise<LabelTable | undefined> {
  const file = path.join(root, LABELS);
  const bytes = await readFile(file).catch((error) => {
    if (error.code === "ENOENT") return undefined;
    throw fileError(error, "The label file cannot be read.", file);
  });
  if (bytes === undefined) return undefined;
  // It was counted among the files that are no pictures.
  listing.ignored--;
  const table = readLabelTable(bytes.toString("utf8"), file);
  const there = new Set(listing.files.map(({ name }) => name));
  const missing = [...table.rows].filter(([name]) => !there.has(name));
  if (missing.length > 0) {
    const [name, { line }] = missing[0];
    throw new FileError({
      what:
        missing.length === 1
          ? "The label file names a picture that is not there."
          : `The label file names ${missing.length} pictures that are not there.`,
      where: `${file}, line ${line}`,
      got: name,
      expected: "the path of a .png, .jpg, .jpeg or .webp file inside the folder, with / between folders",
      hint: nearby(name, there),
    });
  }
  listing.files = listing.files.filter(({ name }) => table.rows.has(name));
  const left = there.size - listing.files.length;
  if (left > 0) listing.notes.push(`pictures that ${LABELS} does not name were left out: ${left}`);
  return table;
}

/** A picture that the name was probably meant for: of the same file name, whatever its folder and its ending. */
function nearby(name: string, there: ReadonlySet<string>): string | undefined {
  const stem = (text: string) => path.posix.basename(text, path.posix.extname(text)).toLowerCase();
  const near = [...there].find((other) => stem(other) === stem(name));
  return near === undefined ? undefined : `did you mean "${near}"?`;
}

async function walk(root: string, inside: string, listing: Listing): Promise<void> {
  const folder = path.join(root, inside);
  const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
    throw fileError(error, "A folder of pictures cannot be read.", folder);
  });
  for (const entry of entries) {
    const name = inside === "" ? entry.name : `${inside}/${entry.name}`;
    // Hidden: .DS_Store, .git, and the ._photo.jpg that macOS leaves on foreign disks and that is no picture.
    if (entry.name.startsWith(".") || entry.name === "__MACOSX") {
      if (!entry.isDirectory()) listing.ignored++;
    } else if (entry.isDirectory()) {
      await walk(root, name, listing);
    } else if (PICTURE.test(entry.name)) {
      const file = path.join(root, name);
      const info = await stat(file).catch((error) => {
        throw fileError(error, "A picture cannot be read.", file);
      });
      if (info.isFile()) listing.files.push({ name, path: file, bytes: info.size, changed: Math.round(info.mtimeMs) });
      else listing.ignored++;
    } else {
      listing.ignored++;
    }
  }
}

function findClasses(root: string, listing: Listing): void {
  const loose = listing.files.filter(({ name }) => !name.includes("/")).length;
  if (loose === listing.files.length) return;
  if (loose > 0) {
    listing.notes.push(`pictures have no class: ${loose} lie outside the sub-folders`);
    return;
  }
  const classes = [...new Set(listing.files.map(({ name }) => classOf(name)))].sort();
  if (classes.length > 256) {
    throw new FileError({
      what: "The folder has too many classes.",
      where: root,
      got: `${classes.length} sub-folders`,
      expected: "at most 256",
      hint: "put the pictures into fewer sub-folders, or all of them directly into the folder for no classes",
    });
  }
  listing.classes = classes;
}

function classOf(name: string): string {
  return name.slice(0, name.indexOf("/"));
}

/**
 * The names held out for the test split: those whose hash falls in the tenth part. Of two or more names, the one with the smallest hash is
 * always held out and the one with the largest never, so that neither split is empty.
 */
export function heldOut(names: readonly string[]): Set<string> {
  const hashed = names.map((name) => ({ name, hash: createHash("sha256").update(name).digest().readUInt32BE(0) }));
  hashed.sort((a, b) => a.hash - b.hash || (a.name < b.name ? -1 : 1));
  const below = 2 ** 32 / HELD_OUT;
  return new Set(hashed.filter(({ hash }, i) => i < hashed.length - 1 && (i === 0 || hash < below)).map(({ name }) => name));
}

function listingKey(listing: Listing, shape: ImageShape): string {
  const lines = listing.files.map(({ name, bytes, changed }) => JSON.stringify([name, bytes, changed]));
  const { table, ignored } = listing;
  const labels = table && [table.classes, table.attributes, [...table.rows].map(([name, row]) => [name, row.label, ...row.values])];
  const header = JSON.stringify(labels === undefined ? [VERSION, shape, ignored] : [VERSION, shape, ignored, labels]);
  return createHash("sha256")
    .update([header, ...lines].join("\n"))
    .digest("hex")
    .slice(0, 24);
}

function folderCard(root: string, { files, classes, notes, table }: Listing, shape: ImageShape): DataCard {
  const held = heldOut(files.map(({ name }) => name)).size;
  return {
    name: root,
    title: path.basename(root),
    summary: `${files.length} pictures of your own.${notes.length > 0 ? ` ${notes.join("; ")}.` : ""}`,
    source: root,
    licence: "yours to know",
    version: VERSION,
    splits: { train: files.length - held, test: held },
    splitNote: "A tenth is held out by a hash of each file's path.",
    shape,
    range: "0..255 bytes",
    classes: classes ?? [],
    attributes: table !== undefined && table.attributes.length > 0 ? table.attributes : undefined,
    bias: "Unknown: look at the pictures, who and what is in them, and who and what is not.",
    fit: "resize",
  };
}
