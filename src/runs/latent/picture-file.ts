import { stat } from "node:fs/promises";
import path from "node:path";
import { FileError } from "../../core/errors.ts";
import { fileError } from "../../core/node/files.ts";
import type { DataCard, ImageSet, ImageShape } from "../../data/dataset.ts";
import { fitImages } from "../../data/fit.ts";
import { preparePictures } from "../../data/node/pictures.ts";

export interface PictureOfFile {
  /** [C, H, W], 0..255. */
  data: Uint8Array;
  /** What was done to it, where it had another size. */
  note?: string | undefined;
}

/**
 * A picture file at the shape that a model takes, brought there as the pictures of its data were: padded where the data's card says so and it is not
 * larger, else scaled to cover and cropped to its centre.
 * @throws FileError when the file is missing, no picture, tiny or huge
 */
export async function loadPicture(file: string, shape: ImageShape, card: DataCard): Promise<PictureOfFile> {
  const info = await stat(file).catch((error: unknown) => {
    throw fileError(error, "The picture cannot be read.", file);
  });
  if (!info.isFile()) throw new FileError({ what: "A picture file is needed, and this is none.", where: file });
  const [height, width] = await sizeOf(file, shape);
  const own: ImageShape = [shape[0], height, width];
  const { images } = await preparePictures([{ name: path.basename(file), path: file, bytes: info.size, changed: info.mtimeMs }], {
    shape: own,
  });
  const set: ImageSet = { kind: "images", card, split: "test", shape: own, images, count: 1 };
  const fitted = fitImages(set, shape);
  const size = (sides: readonly number[]) => `${sides[1]} x ${sides[0]}`;
  const note = fitted === set ? undefined : `${file}: ${size([height, width])} pixels, brought to ${size(shape.slice(1))}`;
  return { data: fitted.images, note };
}

/** Height and width as a viewer shows the picture; the model's own where the library cannot tell (decoding then says what is wrong). */
async function sizeOf(file: string, [, height, width]: ImageShape): Promise<readonly [number, number]> {
  const sharp = await import("sharp").then(
    (library) => library.default,
    () => undefined,
  );
  const info = await sharp?.(file, { limitInputPixels: false })
    .metadata()
    .catch(() => undefined);
  return info === undefined || info.width * info.height > 100e6 ? [height, width] : [info.autoOrient.height, info.autoOrient.width];
}
