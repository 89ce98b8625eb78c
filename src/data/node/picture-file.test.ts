import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it } from "vitest";
import { FileError } from "../../core/errors.ts";
import type { ImageShape } from "../dataset.ts";
import { loadPictureFile } from "./picture-file.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "picture-test-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** A picture whose left half is black and right half white. */
async function halves(name: string, width: number, height: number, channels: 1 | 3 | 4 = 3): Promise<string> {
  const file = path.join(folder, name);
  const pixels = Buffer.from(
    Array.from({ length: width * height * channels }, (_, i) => (Math.floor(i / channels) % width < width / 2 ? 0 : 255)),
  );
  await sharp(pixels, { raw: { width, height, channels } })
    .toColourspace(channels === 1 ? "b-w" : "srgb")
    .toFile(file);
  return file;
}

const rounded = (data: Float32Array) => [...data].map((value) => Math.round(value * 100) / 100);

it("gives a picture of the shape as it is, without a note", async () => {
  const { data, shape, note } = await loadPictureFile(await halves("a.png", 8, 8), [3, 8, 8]);
  expect([data.length, shape, note]).toEqual([192, [1, 3, 8, 8], undefined]);
  expect(rounded(data.subarray(0, 8))).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
});

it("resizes, crops, greys and lays on white, and says so", async () => {
  const note = async (name: string, size: [number, number], shape: ImageShape, channels: 1 | 3 | 4 = 3) =>
    (await loadPictureFile(await halves(name, ...size, channels), shape)).note?.replace(folder + path.sep, "");
  expect(await note("b.png", [32, 32], [3, 8, 8])).toBe("b.png: resized from 32 x 32 to 8 x 8");
  expect(await note("c.jpg", [48, 32], [1, 8, 8])).toBe("c.jpg: resized from 48 x 32 to 8 x 8, its centre kept, made grey");
  expect(await note("d.png", [8, 8], [3, 8, 8], 4)).toBe("d.png: transparent parts laid on white");
  expect(await note("e.png", [8, 8], [1, 8, 8], 1)).toBeUndefined();
});

it("pads what is smaller where training data were padded", async () => {
  const { data, note } = await loadPictureFile(await halves("f.png", 8, 8, 1), [1, 12, 12], "pad");
  expect(note).toContain("f.png: padded from 8 x 8 to 12 x 12");
  expect(rounded(data.subarray(24, 36))).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0]);
  const { note: other } = await loadPictureFile(path.join(folder, "f.png"), [1, 8, 4], "pad");
  expect(other).toContain("f.png: resized from 8 x 8 to 4 x 8, its centre kept");
});

it("refuses what is no picture, with its place", async () => {
  const text = path.join(folder, "text.png");
  await writeFile(text, "hello");
  await expect(loadPictureFile(text, [3, 8, 8])).rejects.toThrow("no picture, or of a format that cannot be read");
  const cut = path.join(folder, "cut.png");
  await writeFile(
    cut,
    (
      await sharp(await halves("g.png", 64, 64))
        .png({ compressionLevel: 0 })
        .toBuffer()
    ).subarray(0, 500),
  );
  await expect(loadPictureFile(cut, [3, 8, 8])).rejects.toThrow("broken: it cannot be decoded to its end");
  await expect(loadPictureFile(await halves("tiny.png", 4, 4), [3, 8, 8])).rejects.toThrow("4 x 4 pixels: too small");
  await expect(loadPictureFile(folder, [3, 8, 8])).rejects.toThrow("A picture file is needed");
  await expect(loadPictureFile(path.join(folder, "none.png"), [3, 8, 8])).rejects.toBeInstanceOf(FileError);
  await expect(loadPictureFile(text, [2, 8, 8])).rejects.toThrow("Pictures cannot have this shape");
});
