import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import sharp from "sharp";
import { afterAll, expect, it } from "vitest";
import { UsageError } from "../../core/errors.ts";
import { readMask } from "./source.ts";

const folder = mkdtempSync(path.join(tmpdir(), "atelier-source-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A picture whose left half is black and right half white. */
async function halves(name: string, width: number, height: number): Promise<string> {
  const file = path.join(folder, name);
  const pixels = Buffer.from(Array.from({ length: width * height }, (_, i) => (i % width < width / 2 ? 0 : 255)));
  await sharp(pixels, { raw: { width, height, channels: 1 } })
    .toColourspace("b-w")
    .toFile(file);
  return file;
}

it("a mask has the model's size, or that of the picture that it lies on, and is fitted as the picture is", async () => {
  const picture = await halves("picture.png", 16, 8);
  const shape = [1, 8, 8] as const;
  const read = async (mask: string, lies: string, fit: "pad" | "resize" = "resize") => {
    const data = await readMask({ mask, picture: lies, shape, fit });
    return [...data.subarray(0, 8)].map(Math.round);
  };
  const half = [0, 0, 0, 0, 1, 1, 1, 1];
  expect(await read(await halves("model.png", 8, 8), "3")).toEqual(half);
  expect(await read(await halves("own.png", 16, 8), picture)).toEqual(half);
  const small = await halves("small.png", 8, 8);
  expect([...(await readMask({ mask: small, picture: small, shape: [1, 8, 12], fit: "pad" })).subarray(0, 12)]).toEqual([
    0,
    0,
    ...half,
    0,
    0,
  ]);
});

it("a mask of another size is refused, with the sizes that fit", async () => {
  const [picture, mask] = [await halves("large.png", 32, 16), await halves("other.png", 20, 20)];
  const on = (lies: string) => readMask({ mask, picture: lies, shape: [1, 8, 8], fit: "resize" });
  await expect(on(picture)).rejects.toThrow(UsageError);
  await expect(on(picture)).rejects.toThrow(/20 x 20 pixels[\s\S]*8 x 8, or 32 x 16/);
  await expect(on("0")).rejects.toThrow(/expected: 8 x 8$/);
});
