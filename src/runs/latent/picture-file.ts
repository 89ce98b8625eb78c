import { stat } from "node:fs/promises";
import path from "node:path";
import { FileError } from "../../core/errors.ts";
import { fileError } from "../../core/node/files.ts";
import type { DataCard, ImageShape } from "../../data/dataset.ts";
import { fitImages } from "../../data/fit.ts";
import { preparePictures } from "../../data/node/pictures.ts";

export interface PictureOfFile {
  /** [C, H, W], 0..255. */
  data: Uint8Array;
  /** What was done to it, where it had another size. */
  note?: string | undefined;
}

/**
 * A picture file at the shape that a model takes: padded with black where the card of the model's data says so and the picture is not larger, else
 * scaled to cover and cropped to its centre.
 * @throws FileError when the file is missing, no picture, tiny or huge
 */
export async function loadPicture(file: string, shape: ImageShape, card?: DataCard): Promise<PictureOfFile> {
  const info = await stat(file).catch((error: unknown) => {
    throw fileError(error, "The picture cannot be read.", file);
  });
  if (!info.isFile()) throw new FileError({ what: "A picture file is needed, and this is none.", where: file });
  const picture = { name: path.basename(file), path: file, bytes: info.size, changed: info.mtimeMs };
  const [, height, width] = shape;
  const size = (await sizeOf(file)) ?? { height, width };
  const same = size.height === height && size.width === width;
  const pads = card?.fit === "pad" && size.height <= height && size.width <= width;
  const how = pads ? "padded" : "scaled and cropped";
  const note = same ? undefined : `${file}: ${size.width} x ${size.height} pixels, ${how} to ${width} x ${height}`;
  if (same || !pads) return { data: (await preparePictures([picture], { shape })).images, note };
  const own: ImageShape = [shape[0], size.height, size.width];
  const { images } = await preparePictures([picture], { shape: own });
  return { data: fitImages({ kind: "images", card, split: "test", shape: own, images, count: 1 }, shape).images, note };
}

/** Height and width as a viewer shows the picture; undefined where the library cannot tell: decoding it then says what is wrong. */
async function sizeOf(file: string): Promise<{ height: number; width: number } | undefined> {
  const sharp = await import("sharp").then(
    (library) => library.default,
    () => undefined,
  );
  const info = await sharp?.(file, { limitInputPixels: false })
    .metadata()
    .catch(() => undefined);
  return info?.autoOrient;
}
