import { FileError } from "../core/errors.ts";

/**
 * Read an IDX file of bytes (the format of the MNIST distribution): two zero bytes, type 0x08, the number of dimensions, each dimension as a
 * big-endian 32-bit integer, then the data in C order.
 * @returns the dimensions and a view (not a copy) of the data.
 * @throws FileError naming `file` and the offset when it is anything else.
 */
export function decodeIdx(bytes: Uint8Array, file: string): { shape: number[]; data: Uint8Array } {
  const fail = (what: string, got: string, expected: string) => new FileError({ what, where: file, got, expected });
  if (bytes.length < 4) throw fail("The IDX file is too short for its header.", `${bytes.length} bytes`, "at least 4");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  const rank = magic & 0xff;
  if (magic >>> 8 !== 0x08 || rank < 1 || rank > 4) {
    throw fail("The file is not an IDX file of bytes.", `0x${magic.toString(16).padStart(8, "0")} at offset 0`, "0x00000801 to 0x00000804");
  }
  const header = 4 + 4 * rank;
  if (bytes.length < header) throw fail("The IDX file is too short for its header.", `${bytes.length} bytes`, `at least ${header}`);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = shape.reduce((a, b) => a * b, 1);
  if (bytes.length !== header + size) {
    throw fail("The IDX file's length does not fit its dimensions.", `${bytes.length} bytes`, `${header + size} for [${shape.join(", ")}]`);
  }
  return { shape, data: bytes.subarray(header) };
}
