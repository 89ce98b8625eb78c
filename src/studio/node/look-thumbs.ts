// A few pictures of a prepared set, read out of the middle of its file: the list of sets shows some of each without loading any.
import { open } from "node:fs/promises";
import path from "node:path";
import { FileError } from "../../core/errors.ts";
import { readMeta } from "../../data/node/prepared.ts";
import { atlasPng } from "./look-pictures.ts";

/** `count` training pictures spread over a prepared set, as a PNG of one row. @throws FileError where it is missing or damaged */
export async function thumbs({ place, count }: { place: string; count: number }): Promise<Uint8Array> {
  const meta = await readMeta(place);
  if (meta === undefined) throw new FileError({ what: "The data set is not prepared." });
  const size = meta.shape.reduce((a, b) => a * b, 1);
  const all = meta.splits.train.count;
  const many = Math.min(count, all);
  const data = new Uint8Array(many * size);
  const handle = await open(path.join(place, "train-images.u8"), "r");
  try {
    for (let i = 0; i < many; i++) {
      // One of each of equal parts, each at another place of its part: sorted classes all show, and classes that take turns do, too.
      const row = Math.floor(((i + ((i * 0.6180339887) % 1)) * all) / many);
      const { bytesRead } = await handle.read(data, i * size, size, row * size);
      if (bytesRead < size) throw new FileError({ what: "A prepared data file is too short." });
    }
  } finally {
    await handle.close();
  }
  return atlasPng(data, meta.shape, many);
}
