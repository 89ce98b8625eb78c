// What a child process draws for leaderboards.
import { open } from "node:fs/promises";
import { FileError } from "../../core/errors.ts";
import { fileError } from "../../core/node/files.ts";
import { atlasPng } from "./look-pictures.ts";

/** The first pictures of a file of bytes [N, C, H, W] as a PNG of one row. @throws FileError where it cannot be read or is too short */
export async function strip({
  file,
  shape,
  count,
}: {
  file: string;
  shape: readonly [number, number, number];
  count: number;
}): Promise<Uint8Array> {
  const size = shape[0] * shape[1] * shape[2];
  const handle = await open(file, "r").catch((error: unknown) => {
    throw fileError(error, "The samples cannot be read.");
  });
  try {
    const { bytesRead, buffer } = await handle.read(new Uint8Array(count * size), 0, count * size, 0);
    const many = Math.floor(bytesRead / size);
    if (many === 0) throw new FileError({ what: "The file of samples is too short." });
    return atlasPng(buffer.subarray(0, many * size), shape, many);
  } finally {
    await handle.close();
  }
}
