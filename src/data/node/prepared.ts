/** Prepared data sets: a folder of flat byte files with a `meta.json` that says what they must be. */
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, stat } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { FileError } from "../../core/errors.ts";
import { publishFolder, withTemporaryFolder } from "../../core/node/cache.ts";
import { fileError, writeFileAtomic } from "../../core/node/files.ts";
import type { DataCard, ImageSet, ImageShape, Split, SplitArrays } from "../dataset.ts";

const fileSchema = z.object({ bytes: z.int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) });
const splitSchema = z.object({
  count: z.int().min(0),
  images: fileSchema,
  labels: fileSchema.optional(),
  attributes: fileSchema.optional(),
  names: fileSchema.optional(),
});
const metaSchema = z.object({
  format: z.literal(1),
  name: z.string(),
  shape: z.tuple([z.int().positive(), z.int().positive(), z.int().positive()]),
  classes: z.array(z.string()).optional(),
  attributes: z.array(z.string()).optional(),
  notes: z.array(z.string()).optional(),
  splits: z.object({ train: splitSchema, test: splitSchema }),
});

/** What `meta.json` says. */
export type PreparedMeta = z.infer<typeof metaSchema>;

/** What a preparation gives to be stored. */
export interface PreparedArrays {
  name: string;
  shape: ImageShape;
  classes?: readonly string[] | undefined;
  attributes?: readonly string[] | undefined;
  notes?: readonly string[] | undefined;
  splits: Record<Split, SplitArrays>;
}

/**
 * Store a preparation at `place`, all or nothing: it is written to a temporary folder of the cache and then renamed. Another process's
 * finished copy at the same place is kept instead.
 * @throws FileError when the disk is full or not writable.
 */
export async function writePrepared(place: string, prepared: PreparedArrays): Promise<void> {
  await withTemporaryFolder(async (temporary) => {
    const folder = path.join(temporary, "prepared");
    await mkdir(folder).catch((error) => {
      throw fileError(error, `Could not make the folder ${folder}.`);
    });
    const splits = { train: await writeSplit(folder, "train", prepared), test: await writeSplit(folder, "test", prepared) };
    const { name, shape, classes, attributes, notes } = prepared;
    await writeFileAtomic(
      path.join(folder, "meta.json"),
      `${JSON.stringify({ format: 1, name, shape, classes, attributes, notes, splits }, null, 2)}\n`,
    );
    await publishFolder(folder, place);
  });
}

async function writeSplit(folder: string, split: Split, prepared: PreparedArrays) {
  const { images, labels, attributes, names } = prepared.splits[split];
  const count = images.length / prepared.shape.reduce((a, b) => a * b, 1);
  return {
    count,
    images: await writeBytes(folder, fileName(split, "images"), images),
    labels: labels === undefined ? undefined : await writeBytes(folder, fileName(split, "labels"), labels),
    attributes: attributes === undefined ? undefined : await writeBytes(folder, fileName(split, "attributes"), attributes),
    names: names === undefined ? undefined : await writeBytes(folder, fileName(split, "names"), Buffer.from(JSON.stringify(names))),
  };
}

async function writeBytes(folder: string, name: string, bytes: Uint8Array) {
  await writeFileAtomic(path.join(folder, name), bytes);
  return { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

function fileName(split: Split, part: "images" | "labels" | "attributes" | "names"): string {
  return `${split}-${part}.${part === "names" ? "json" : "u8"}`;
}

/** The meta data of the prepared folder at `place`; undefined when there is none. @throws FileError when it is damaged. */
export async function readMeta(place: string): Promise<PreparedMeta | undefined> {
  const file = path.join(place, "meta.json");
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((await stat(place).catch(() => undefined)) === undefined) return undefined;
    throw fileError(error, "The prepared data set lacks its description.", file);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new FileError({ what: "The description of a prepared data set is not JSON.", where: file, cause: error });
  }
  const checked = metaSchema.safeParse(parsed);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw new FileError({
      what: "The description of a prepared data set is damaged.",
      where: `${file}, ${issue.path.join(".")}`,
      got: issue.message,
    });
  }
  return checked.data;
}

/** Read one split's arrays, sizes checked; digests too where `verify` is set. @throws FileError when a file is missing or damaged. */
export async function readSplit(place: string, meta: PreparedMeta, split: Split, verify = false): Promise<SplitArrays & { count: number }> {
  const { count, images, labels, attributes, names } = meta.splits[split];
  const size = meta.shape.reduce((a, b) => a * b, 1);
  const fits = (file: z.infer<typeof fileSchema> | undefined, each: number) => file === undefined || file.bytes === count * each;
  if (!fits(images, size) || !fits(labels, 1) || !fits(attributes, meta.attributes?.length ?? 0)) {
    throw new FileError({ what: "The description of a prepared data set contradicts itself.", where: path.join(place, "meta.json") });
  }
  const [imageBytes, labelBytes, attributeBytes, nameBytes] = await Promise.all([
    readBytes(path.join(place, fileName(split, "images")), images, verify),
    labels === undefined ? undefined : readBytes(path.join(place, fileName(split, "labels")), labels, verify),
    attributes === undefined ? undefined : readBytes(path.join(place, fileName(split, "attributes")), attributes, verify),
    names === undefined ? undefined : readBytes(path.join(place, fileName(split, "names")), names, verify),
  ]);
  const named = nameBytes && parseNames(nameBytes, count, path.join(place, fileName(split, "names")));
  return { count, images: imageBytes, labels: labelBytes, attributes: attributeBytes, names: named };
}

function parseNames(bytes: Uint8Array, count: number, file: string): string[] {
  const damaged = (cause?: unknown) => new FileError({ what: "A prepared data file is damaged.", where: file, cause });
  let names: unknown;
  try {
    names = JSON.parse(Buffer.from(bytes).toString());
  } catch (error) {
    throw damaged(error);
  }
  if (!Array.isArray(names) || names.length !== count || !names.every((name) => typeof name === "string")) throw damaged();
  return names;
}

async function readBytes(file: string, expected: z.infer<typeof fileSchema>, verify: boolean): Promise<Uint8Array> {
  const bytes = await readFile(file).catch((error) => {
    throw fileError(error, "A prepared data file cannot be read.", file);
  });
  if (bytes.length !== expected.bytes) {
    throw new FileError({
      what: "A prepared data file has a wrong size.",
      where: file,
      got: `${bytes.length} bytes`,
      expected: `${expected.bytes} bytes`,
    });
  }
  if (verify && createHash("sha256").update(bytes).digest("hex") !== expected.sha256) {
    throw new FileError({
      what: "A prepared data file is damaged: its digest differs.",
      where: file,
      hint: "delete its folder; it is prepared again",
    });
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * Read a split of the prepared folder at `place`, after making it with `prepare` where it is missing or damaged.
 * @throws FileError when it cannot be made or read.
 */
export async function openPrepared(
  place: string,
  prepare: () => Promise<void>,
  card: DataCard,
  split: Split,
  options: { verify?: boolean | undefined; onProgress?: ((message: string, seconds: number) => void) | undefined },
): Promise<ImageSet> {
  const read = async (): Promise<ImageSet | undefined> => {
    const meta = await readMeta(place);
    if (meta === undefined) return undefined;
    const { attributes: values, ...arrays } = await readSplit(place, meta, split, options.verify);
    const { shape, classes, notes } = meta;
    const attributes = values && { names: meta.attributes ?? [], values };
    const splits = { train: meta.splits.train.count, test: meta.splits.test.count };
    return { kind: "images", card: { ...card, splits, classes: classes ?? [] }, split, shape, ...arrays, classes, attributes, notes };
  };
  const ready = await read().catch(async (error) => {
    if (!(error instanceof FileError)) throw error;
    options.onProgress?.(`the prepared copy of ${card.name} is damaged and is made again`, 0);
    await discardPrepared(place);
    return undefined;
  });
  if (ready !== undefined) return ready;
  await prepare();
  const made = await read();
  if (made === undefined) throw new FileError({ what: `The prepared copy of ${card.name} vanished.`, where: place });
  return made;
}

/** Move a damaged prepared folder out of the way, so that it can be made again. Harmless when another process has just done so. */
export async function discardPrepared(place: string): Promise<void> {
  await withTemporaryFolder(async (temporary) => {
    await rename(place, path.join(temporary, "damaged")).catch(async (error) => {
      if ((await stat(place).catch(() => undefined)) !== undefined) throw fileError(error, `Could not remove the damaged folder ${place}.`);
    });
  });
}
