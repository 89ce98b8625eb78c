import { describe, expect, it } from "vitest";
import { FileError } from "./errors.ts";
import { RandomStream } from "./random.ts";
import { readTar } from "./tar.ts";
import { makeTar } from "./testing/make-tar.ts";

async function* inChunks(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

interface ReadOptions {
  size?: number;
  wanted?: (name: string) => boolean;
  most?: number;
}

async function read(bytes: Uint8Array, { size = 700, wanted = () => true, most = 1e6 }: ReadOptions = {}) {
  const found: Record<string, string> = {};
  await readTar(inChunks(bytes, size), wanted, (name, data) => void Object.assign(found, { [name]: new TextDecoder().decode(data) }), most);
  return found;
}

function pax(record: string): string {
  let length = record.length + 3;
  while (`${length} ${record}\n`.length !== length) length++;
  return `${length} ${record}\n`;
}

const long = `package/${"folder/".repeat(20)}file.txt`;
const archive = makeTar([
  { name: "package/a.txt", data: "alpha" },
  { name: "package/empty" },
  { name: "package/link", type: "2" },
  { name: "package/folder/", type: "5" },
  { name: "pax", type: "x", data: pax(`path=${long}`) },
  { name: "short", data: "by pax" },
  { name: "././@LongLink", type: "L", data: `${long}2\0` },
  { name: "short", data: "by GNU" },
  { name: "package/b.txt", data: "b".repeat(2000) },
]);

describe("readTar", () => {
  it.each([1, 511, 512, 700, 100_000])("reads regular files out of chunks of %i bytes", async (size) => {
    expect(await read(archive, { size })).toEqual({
      "package/a.txt": "alpha",
      "package/empty": "",
      [long]: "by pax",
      [`${long}2`]: "by GNU",
      "package/b.txt": "b".repeat(2000),
    });
  });

  it("skips what is not wanted", async () => {
    expect(await read(archive, { wanted: (name) => name.endsWith("a.txt") })).toEqual({ "package/a.txt": "alpha" });
  });

  it("refuses truncation at any byte but an entry's end, and wrong checksums", async () => {
    await expect(read(archive.subarray(0, 600))).rejects.toThrow("The archive is damaged: it ends too early.");
    const changed = archive.slice();
    changed[3] ^= 1;
    await expect(read(changed)).rejects.toThrow("checksum");
  });

  it.each(["/etc/passwd", "package/../../x", "C:/x", "a\\..\\b"])("refuses the path %s", async (name) => {
    await expect(read(makeTar([{ name, data: "x" }]))).rejects.toThrow("unsafe path");
  });

  it("refuses a file larger than declared before taking memory for it", async () => {
    await expect(read(archive, { most: 1000 })).rejects.toThrow("package/b.txt is larger than declared");
  });

  it("throws nothing but FileError on garbled archives", async () => {
    const random = new RandomStream(1, "garble");
    for (let round = 0; round < 300; round++) {
      const garbled = archive.slice(0, 1 + random.below(archive.length));
      for (let k = random.below(4); k > 0; k--) garbled[random.below(garbled.length)] = random.below(256);
      await read(garbled).catch((error) => expect(error).toBeInstanceOf(FileError));
    }
  });
});
