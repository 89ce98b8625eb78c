/** SVG documents drawn to pixels. */
import { FileError } from "../../core/errors.ts";
import type { ImageShape } from "../dataset.ts";
import { loadSharp } from "./pictures.ts";

/** Drawings at once: the library has threads of its own, this keeps them fed. */
const AT_ONCE = 8;

/**
 * Draw SVG documents, each scaled to the shape's height and width whatever its own: [N, C, H, W], 0..255. What is transparent comes out black,
 * and grey is Rec. 709 luma.
 * @throws FileError when one cannot be drawn; RuntimeError without the image library.
 */
export async function rasterise(svgs: readonly string[], shape: ImageShape, signal?: AbortSignal): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const [channels, height, width] = shape;
  const area = height * width;
  const images = new Uint8Array(svgs.length * channels * area);
  let next = 0;
  const work = async () => {
    while (next < svgs.length) {
      signal?.throwIfAborted();
      const index = next++;
      const { data, info } = await sharp(Buffer.from(svgs[index]))
        .resize(width, height, { fit: "fill" })
        .flatten({ background: "#000000" })
        .toColourspace(channels === 1 ? "b-w" : "srgb")
        .raw()
        .toBuffer({ resolveWithObject: true })
        .catch((error) => {
          throw new FileError({ what: "A drawing cannot be turned into pixels.", got: svgs[index].slice(0, 200), cause: error });
        });
      const base = index * channels * area;
      for (let i = 0; i < area; i++) {
        for (let channel = 0; channel < channels; channel++) images[base + channel * area + i] = data[i * info.channels + channel];
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return images;
}
