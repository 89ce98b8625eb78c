/** The pictures that a verb is given: files of the user's, or numbers of held-out pictures. */
import { UsageError } from "../../core/errors.ts";
import { conditionNames, type DataCard, type ImageSet, type ImageShape } from "../../data/dataset.ts";
import { Loader } from "../../data/loader.ts";
import { loadPictureFile } from "../../data/node/picture-file.ts";
import { selectImages } from "../../data/select.ts";
import type { Pictures } from "../../models/index.ts";

export interface GivenSource {
  /** [N, C, H, W], intensity in [0, 1]. */
  pictures: Pictures;
  /** [N, K], the conditions of held-out pictures; undefined where one is a file, whose conditions nobody knows. */
  conditions: Float32Array | undefined;
  /** What was done to pictures of another size. */
  notes: string[];
}

/**
 * Read pictures by file name, or by their number in the held-out split.
 * @param shape [C, H, W] that the model takes
 * @param held the held-out split at that shape; its card says how pictures of another size are fitted
 * @throws FileError for a file that is no picture, UsageError for a number that the split does not have
 */
export async function readPictures(names: readonly string[], shape: ImageShape, held: () => Promise<ImageSet>): Promise<GivenSource> {
  const size = shape.reduce((a, b) => a * b, 1);
  const data = new Float32Array(names.length * size);
  const notes: string[] = [];
  const set = await held();
  for (const [i, name] of names.entries()) {
    data.set(/^\d+$/.test(name) ? heldOutPicture(set, Number(name), size) : await fileOf(name, shape, set.card, notes), i * size);
  }
  const numbers = names.every((name) => /^\d+$/.test(name)) ? names.map(Number) : undefined;
  const conditions = numbers === undefined ? undefined : conditionsOf(selectImages(set, numbers));
  return { pictures: { data, shape: [names.length, ...shape] }, conditions, notes };
}

/** What is known of each picture of a set, [N, K]; undefined where nothing is. */
export function conditionsOf(set: ImageSet): Float32Array | undefined {
  const width = conditionNames(set).length;
  if (width === 0 || (set.attributes === undefined && set.labels === undefined)) return undefined;
  const conditions = new Float32Array(set.count * width);
  new Loader(set, { batch: set.count, shuffle: false }).fill({ conditions });
  return conditions;
}

/** The pictures of a set as intensities in [0, 1]. */
export function picturesOf(set: ImageSet): Pictures {
  return { data: Float32Array.from(set.images, (byte) => byte / 255), shape: [set.count, ...set.shape] };
}

function heldOutPicture(set: ImageSet, index: number, size: number): Float32Array {
  if (index < set.count) return Float32Array.from(set.images.subarray(index * size, (index + 1) * size), (byte) => byte / 255);
  throw new UsageError({
    what: "There is no held-out picture of this number.",
    where: set.card.name,
    got: String(index),
    expected: `0 to ${set.count - 1}, or the path of a picture file`,
  });
}

async function fileOf(name: string, shape: ImageShape, card: DataCard, notes: string[]): Promise<Float32Array> {
  const { data, note } = await loadPictureFile(name, shape, card.fit);
  if (note !== undefined) notes.push(note);
  return data;
}

/** A mask's file, and the picture that it lies on: a file, or a number in the held-out split. */
export interface MaskRequest {
  mask: string;
  picture: string;
  /** [C, H, W] that the model takes. */
  shape: ImageShape;
  /** How pictures of another size are fitted: the mask goes with its picture. */
  fit: DataCard["fit"];
}

/**
 * A mask picture as grey intensities in [0, 1], [H · W]. It has the model's size, or that of the picture's file, and is then fitted as the picture is.
 * @throws UsageError for a mask of another size; FileError for a file that is no picture
 */
export async function readMask({ mask, picture, shape, fit }: MaskRequest): Promise<Float32Array> {
  const [, height, width] = shape;
  const { data, size } = await loadPictureFile(mask, [1, height, width], fit);
  const sizes: (readonly [number, number])[] = [[height, width]];
  if (!/^\d+$/.test(picture)) sizes.push((await loadPictureFile(picture, shape, fit)).size);
  if (sizes.some((known) => known[0] === size[0] && known[1] === size[1])) return data;
  const words = sizes.map(([high, wide]) => `${wide} x ${high}`);
  throw new UsageError({
    what: "The mask has another size than the picture that it lies on.",
    where: mask,
    got: `${size[1]} x ${size[0]} pixels`,
    expected: [...new Set(words)].join(", or "),
  });
}
