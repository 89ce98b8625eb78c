/** One picture file, as a model takes pictures. */
import { stat } from "node:fs/promises";
import path from "node:path";
import { FileError, UsageError } from "../../core/errors.ts";
import { fileError } from "../../core/node/files.ts";
import { type DataCard, type ImageShape, shapeProblem } from "../dataset.ts";
import { fitBytes } from "../fit.ts";
import { type PictureInfo, readPicture } from "./pictures.ts";

/** A picture out of a file, at a model's shape. */
export interface LoadedPicture {
  /** Intensities in [0, 1]. */
  data: Float32Array;
  /** [1, C, H, W] */
  shape: readonly [1, ...ImageShape];
  /** Pixels of the file's picture, [height, width]. */
  size: readonly [height: number, width: number];
  /** What was done to it, where it was not of the shape; for the user to know. */
  note?: string | undefined;
}

/**
 * Read a PNG, JPEG or WebP file at a model's shape [C, H, W]: turned as EXIF says, alpha laid on white, grey or colour by the shape, shorter side
 * scaled and centre cropped.
 * @param fit how the model's training data were brought to its shape (the card's `fit`): with `pad`, a picture that is not larger is centred on black
 * @throws FileError when the file is missing, a folder, broken, tiny, huge or no picture; UsageError for a shape that pictures cannot have;
 * RuntimeError without the image library.
 */
export async function loadPictureFile(file: string, shape: ImageShape, fit: DataCard["fit"] = "resize"): Promise<LoadedPicture> {
  const problem = shapeProblem(shape);
  if (problem !== undefined) throw new UsageError({ what: `Pictures cannot have this shape: ${problem}.`, got: `[${shape.join(", ")}]` });
  const info = await stat(file).catch((error) => {
    throw fileError(error, "The picture cannot be read.", path.resolve(file));
  });
  if (!info.isFile()) throw new FileError({ what: "A picture file is needed, and this is none.", where: path.resolve(file) });
  const [channels, height, width] = shape;
  const pads = (picture: PictureInfo) => fit === "pad" && picture.height <= height && picture.width <= width;
  const picture = await readPicture(file, (it) => (pads(it) ? [channels, it.height, it.width] : shape));
  const bytes = fitBytes(picture.bytes, picture.shape, shape, fit);
  const done = changes(picture, shape, pads(picture));
  const note = done.length === 0 ? undefined : `${file}: ${done.join(", ")}`;
  return { data: Float32Array.from(bytes, (byte) => byte / 255), shape: [1, ...shape], size: [picture.height, picture.width], note };
}

function changes({ width, height, grey, transparent }: PictureInfo, shape: ImageShape, padded: boolean): string[] {
  const done: string[] = [];
  if (width !== shape[2] || height !== shape[1]) {
    const cropped = !padded && width * shape[1] !== height * shape[2] ? ", its centre kept" : "";
    done.push(`${padded ? "padded" : "resized"} from ${width} x ${height} to ${shape[2]} x ${shape[1]}${cropped}`);
  }
  if (shape[0] === 1 && !grey) done.push("made grey");
  if (transparent) done.push("transparent parts laid on white");
  return done;
}
