/** Picture files decoded and brought to one shape. */
import { FileError, RuntimeError } from "../../core/errors.ts";
import type { ImageShape } from "../dataset.ts";

/** One picture file of a folder. */
export interface PictureFile {
  /** Path inside the folder, with forward slashes on every system. */
  name: string;
  path: string;
  bytes: number;
  /** Milliseconds since 1970. */
  changed: number;
}

export interface PictureOptions {
  shape: ImageShape;
  onProgress?: ((message: string, seconds: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface PreparedPictures {
  /** [N, C, H, W], 0..255. */
  images: Uint8Array;
  /** How many had an alpha channel and were laid on white. */
  transparent: number;
}

type Sharp = typeof import("sharp")["default"];

const LEAST_SIDE = 8;
const MOST_SIDE = 16_384;
const MOST_PIXELS = 100e6;
/** Pictures decoded at once: the library uses threads of its own, this only keeps them fed. */
const AT_ONCE = 4;
/** How many bad files an error names. */
const NAMED = 5;

/**
 * Decode the pictures into one array [N, C, H, W], 0..255, in the files' order; transparent ones are laid on white.
 * @throws FileError naming up to five files that are broken, tiny or huge, and what is wrong with each; RuntimeError without the image library.
 */
export async function preparePictures(files: readonly PictureFile[], options: PictureOptions): Promise<PreparedPictures> {
  const [channels, height, width] = options.shape;
  const size = channels * height * width;
  const images = new Uint8Array(files.length * size);
  let transparent = 0;
  if (files.length === 0) return { images, transparent };
  const sharp = await loadSharp();
  const problems = new Map<number, string>();
  const start = performance.now();
  let next = 0;
  let told = -1;
  const work = async () => {
    while (next < files.length) {
      options.signal?.throwIfAborted();
      const index = next++;
      const seconds = Math.floor((performance.now() - start) / 1000);
      if (seconds > told) options.onProgress?.(`preparing pictures: ${index} of ${files.length}`, seconds);
      told = Math.max(told, seconds);
      try {
        const target = images.subarray(index * size, (index + 1) * size);
        if ((await decodePicture(sharp, files[index].path, options.shape, target)).transparent) transparent++;
      } catch (error) {
        problems.set(index, reason(error));
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (problems.size > 0) throw badPictures(files, problems);
  return { images, transparent };
}

/**
 * A complaint of ours as it is. Of the image library's only the kind: it keeps one buffer of messages for all its threads, so the words may be
 * another picture's, or missing.
 */
function reason(error: unknown): string {
  if (error instanceof Unfit) return error.message;
  const foreign = error instanceof Error && error.message.includes("unsupported image format");
  return foreign ? "no picture, or of a format that cannot be read" : "broken: it cannot be decoded to its end";
}

/** A whole picture that cannot be used. */
class Unfit extends Error {}

function badPictures(files: readonly Pick<PictureFile, "path">[], problems: ReadonlyMap<number, string>): FileError {
  const bad = [...problems].sort(([a], [b]) => a - b);
  const named = bad.slice(0, NAMED).map(([index, problem]) => `${files[index].path}: ${problem}`);
  if (bad.length > NAMED) named.push(`and ${bad.length - NAMED} more`);
  return new FileError({
    what: bad.length === 1 ? "A picture cannot be used." : `${bad.length} pictures cannot be used.`,
    where: named.join("\n            "),
    expected: `whole PNG, JPEG or WebP pictures, ${LEAST_SIDE} to ${MOST_SIDE} pixels a side and at most ${MOST_PIXELS / 1e6} million in all`,
    hint: "mend or remove them, and run again",
  });
}

/** What a picture file is, before it is scaled and greyed. */
export interface PictureInfo {
  /** As it is shown: turned as EXIF says. */
  width: number;
  height: number;
  grey: boolean;
  transparent: boolean;
}

/**
 * One picture file into `target` [C, H, W], 0..255, where `shape` gives [C, H, W].
 * @throws FileError when it is broken, tiny, huge or no picture; RuntimeError without the image library.
 */
export async function readPicture(
  file: string,
  shape: (info: PictureInfo) => ImageShape,
): Promise<PictureInfo & { bytes: Uint8Array; shape: ImageShape }> {
  const sharp = await loadSharp();
  try {
    const info = await inspect(sharp, file);
    const wanted = shape(info);
    const bytes = new Uint8Array(wanted[0] * wanted[1] * wanted[2]);
    return { ...(await decodePicture(sharp, file, wanted, bytes)), bytes, shape: wanted };
  } catch (error) {
    throw badPictures([{ path: file }], new Map([[0, reason(error)]]));
  }
}

/** One picture into `target` [C, H, W]. @throws Error with one line that says what is wrong with the picture. */
async function decodePicture(sharp: Sharp, file: string, shape: ImageShape, target: Uint8Array): Promise<PictureInfo> {
  const [channels, height, width] = shape;
  const info = await inspect(sharp, file);
  const { data, info: raw } = await sharp(file, { limitInputPixels: MOST_PIXELS, failOn: "error" })
    .autoOrient()
    .flatten({ background: "#ffffff" })
    .resize(width, height, { fit: "cover", position: "centre" })
    .toColourspace(channels === 1 ? "b-w" : "srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  const area = height * width;
  if (raw.channels < channels || data.length !== area * raw.channels) throw new Unfit(`decoded to ${raw.channels} channels`);
  for (let i = 0; i < area; i++) {
    for (let channel = 0; channel < channels; channel++) target[channel * area + i] = data[i * raw.channels + channel];
  }
  return info;
}

/** @throws Error with one line that says what is wrong with the picture. */
async function inspect(sharp: Sharp, file: string): Promise<PictureInfo> {
  const picture = sharp(file, { limitInputPixels: false, failOn: "error" });
  const info = await picture.metadata();
  if (!["png", "jpeg", "webp"].includes(info.format)) throw new Unfit(`not a PNG, JPEG or WebP picture but ${info.format}`);
  checkSize(info.width, info.height);
  const { width, height } = info.autoOrient;
  return { width, height, grey: info.space === "b-w" || info.space === "grey16", transparent: info.hasAlpha };
}

function checkSize(width: number, height: number): void {
  const size = `${width} x ${height} pixels`;
  if (width < LEAST_SIDE || height < LEAST_SIDE) throw new Unfit(`${size}: too small`);
  if (width > MOST_SIDE || height > MOST_SIDE || width * height > MOST_PIXELS) throw new Unfit(`${size}: too large, scale it down first`);
}

/** The image library, loaded when it is first needed: nothing else of the product needs it. @throws RuntimeError when it is not installed. */
export async function loadSharp(): Promise<Sharp> {
  try {
    return (await import("sharp")).default;
  } catch (error) {
    throw new RuntimeError({
      what: "The image library could not be loaded.",
      where: "package sharp",
      got: error instanceof Error ? error.message.split("\n")[0] : String(error),
      hint: "reinstall with optional packages: npm install --include=optional sharp",
      cause: error,
    });
  }
}
