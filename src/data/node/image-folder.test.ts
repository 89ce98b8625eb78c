import { mkdir, mkdtemp, readdir, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileError } from "../../core/errors.ts";
import type { ImageShape } from "../dataset.ts";
import { heldOut } from "./image-folder.ts";
import { loadDataset } from "./load.ts";

let folder: string;
let pictures: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "pictures-test-"));
  pictures = path.join(folder, "pictures");
  await mkdir(pictures);
  vi.stubEnv("ATELIER_CACHE", path.join(folder, "cache"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** Write a picture of one colour; the file's ending decides the format. */
async function paint(
  name: string,
  background: string | { r: number; g: number; b: number; alpha: number },
  [width, height] = [20, 12],
): Promise<void> {
  const file = path.join(pictures, name);
  await mkdir(path.dirname(file), { recursive: true });
  const channels = typeof background === "object" ? 4 : 3;
  await sharp({ create: { width, height, channels, background } }).toFile(file);
}

const load = (shape: ImageShape = [3, 8, 8], split: "train" | "test" = "train") => loadDataset(pictures, { shape, split });
const prepared = async () => await readdir(path.join(folder, "cache", "data")).catch(() => []);

/** The error's message without the folders' changing names. */
async function message(loading: Promise<unknown>): Promise<string> {
  const error: unknown = await loading.catch((e) => e);
  if (!(error instanceof FileError)) throw error;
  expect(await readdir(path.join(folder, "cache", "tmp")).catch(() => [])).toEqual([]);
  return error.message.replaceAll(folder, "").replaceAll("\\", "/");
}

describe("a folder of pictures", () => {
  it("takes sub-folders as classes and splits every picture into train or test", async () => {
    for (let i = 0; i < 12; i++) await paint(`cats/deep/${i}.png`, "#ff0000");
    for (let i = 0; i < 12; i++) await paint(`dogs/${i}.jpg`, "#0000ff");
    await writeFile(path.join(pictures, "cats", "notes.txt"), "hello");
    await writeFile(path.join(pictures, "._1.png"), "resource fork");
    const [train, test] = [await load(), await load([3, 8, 8], "test")];
    expect(train.classes).toEqual(["cats", "dogs"]);
    expect([train.count + test.count, train.card.splits]).toEqual([24, { train: train.count, test: test.count }]);
    expect(test.count).toBeGreaterThan(0);
    expect(train.notes).toEqual(["files that are not pictures were left out: 2"]);
    for (let i = 0; i < train.count; i++) {
      const [red, blue] = [train.images[i * 192], train.images[i * 192 + 128]];
      expect(red > 200 && blue < 50 ? 0 : 1).toBe(train.labels?.[i]);
    }
  });

  it("takes classes and attributes from labels.csv", async () => {
    for (let i = 0; i < 20; i++) await paint(`${i % 2 ? "a" : "b"}/${i}.png`, i % 4 < 2 ? "#ff0000" : "#0000ff");
    await paint("unnamed.png", "#00ff00");
    const lines = Array.from({ length: 20 }, (_, i) => `${i % 2 ? "a" : "b"}/${i}.png,${i % 4 < 2 ? "warm, red" : "cold"},${i % 2}`);
    const rows = (all: string[]) => all.map((line) => line.replace("warm, red", '"warm, red"')).join("\r\n");
    await writeFile(path.join(pictures, "labels.csv"), `file,label,Is_Odd\r\n${rows(lines)}\r\n`);
    const [train, test] = [await load(), await load([3, 8, 8], "test")];
    expect([train.count + test.count, train.classes, train.attributes?.names]).toEqual([20, ["cold", "warm, red"], ["is-odd"]]);
    expect(train.notes).toEqual(["pictures that labels.csv does not name were left out: 1"]);
    for (let i = 0; i < train.count; i++) expect(train.images[i * 192] > 200 ? 1 : 0).toBe(train.labels?.[i]);
    const odd = [...train.attributes!.values, ...test.attributes!.values].filter((bit) => bit === 1);
    expect(odd).toHaveLength(10);
    // With attributes alone the sub-folders are the classes, and another file is another set.
    const attributesOnly = lines.map((line) => `${line.split(",")[0]},${line.at(-1)}`);
    await writeFile(path.join(pictures, "labels.csv"), `file,odd\n${rows(attributesOnly)}`);
    const again = await load();
    expect([again.classes, again.attributes?.names]).toEqual([["a", "b"], ["odd"]]);
    for (let i = 0; i < again.count; i++) expect(again.attributes?.values[i]).toBe(again.labels?.[i] === 0 ? 1 : 0);
  });

  it("refuses a labels.csv that names pictures that are not there", async () => {
    await paint("cats/one.png", "#ff0000");
    await paint("two.png", "#ff0000");
    await writeFile(path.join(pictures, "labels.csv"), "file,label\ntwo.png,a\none.jpg,b\nthree.png,c\n");
    expect(await message(load())).toMatchInlineSnapshot(`
      "The label file names 2 pictures that are not there.
        where:    /pictures/labels.csv, line 3
        got:      one.jpg
        expected: the path of a .png, .jpg, .jpeg or .webp file inside the folder, with / between folders
        try:      did you mean "cats/one.png"?"
    `);
    await writeFile(path.join(pictures, "labels.csv"), "file,round\ntwo.png,maybe\n");
    expect(await message(load())).toMatchInlineSnapshot(`
      "The attribute "round" of a picture is neither 0 nor 1.
        where:    /pictures/labels.csv, line 2
        got:      maybe"
    `);
  });

  it("has no classes without sub-folders, and says so when they are mixed", async () => {
    await paint("a.png", "#808080");
    await paint("b.webp", "#808080");
    expect((await load()).labels).toBeUndefined();
    await paint("sub/c.png", "#808080");
    const mixed = await load();
    expect([mixed.labels, mixed.notes]).toEqual([undefined, ["pictures have no class: 2 lie outside the sub-folders"]]);
  });

  it("turns by EXIF, crops the centre, greys, and lays alpha on white", async () => {
    // 24 x 8, left third black, the rest white; turned by EXIF it is 8 x 24, black at the top.
    const pixels = Buffer.from(Array.from({ length: 24 * 8 * 3 }, (_, i) => (Math.floor(i / 3) % 24 < 8 ? 0 : 255)));
    const wide = sharp(pixels, { raw: { width: 24, height: 8, channels: 3 } });
    await wide.withMetadata({ orientation: 6 }).toFile(path.join(pictures, "turned.png"));
    await paint("clear.png", { r: 0, g: 0, b: 0, alpha: 0 });
    const { images, count, notes } = await loadDataset(pictures, {
      shape: [1, 24, 8],
      split: heldOut(["turned.png", "clear.png"]).has("turned.png") ? "test" : "train",
    });
    expect(count).toBe(1);
    expect([images[0], images[7], images[23 * 8], images[12 * 8]].map((v) => v > 128)).toEqual([false, false, true, true]);
    expect(notes).toEqual(["pictures with an alpha channel were laid on white: 1"]);
    const other = await loadDataset(pictures, {
      shape: [1, 8, 8],
      split: heldOut(["turned.png", "clear.png"]).has("clear.png") ? "test" : "train",
    });
    expect(new Set(other.images)).toEqual(new Set([255]));
  });

  it("prepares once, and again when the pictures or the shape change", async () => {
    await paint("a.png", "#102030");
    await paint("b.png", "#102030");
    const told: string[] = [];
    const again = (shape: ImageShape = [3, 8, 8]) => loadDataset(pictures, { shape, onProgress: (line) => told.push(line) });
    await again();
    expect(told[0]).toBe("preparing pictures: 0 of 2");
    told.length = 0;
    expect([...(await again()).images.subarray(0, 1)]).toEqual([16]);
    expect([told, await prepared()]).toEqual([[], [expect.stringMatching(/^folder-[0-9a-f]{24}$/)]]);
    await again([1, 8, 8]);
    await paint("c.png", "#102030");
    await again();
    expect(await prepared()).toHaveLength(3);
  });

  it("follows linked files but not linked folders", async () => {
    await paint("a.png", "#000000");
    await symlink(path.join(pictures, "a.png"), path.join(pictures, "b.png"));
    await symlink(pictures, path.join(pictures, "circle"));
    expect((await load()).card.splits).toEqual({ train: 1, test: 1 });
  });

  it("refuses what is no folder of pictures", async () => {
    expect(await message(loadDataset(path.join(folder, "none")))).toMatchInlineSnapshot(`
      "The folder of pictures cannot be read.
        where:    /none
        got:      ENOENT: no such file or directory, stat '/none'
        try:      check the path: it, or a folder on the way to it, does not exist"
    `);
    expect(await message(load())).toMatchInlineSnapshot(`
      "The folder has no pictures.
        where:    /pictures
        got:      an empty folder
        expected: files ending in .png, .jpg, .jpeg or .webp"
    `);
    await writeFile(path.join(pictures, "x.txt"), "");
    expect(await message(load())).toContain("1 other files");
    expect(await message(loadDataset(path.join(pictures, "x.txt")))).toContain("this is a file");
    await expect(loadDataset("cifar")).rejects.toThrow('did you mean "cifar10"?');
    await paint("one.png", "#000000");
    expect(await message(load([3, 8, 8], "test"))).toContain("no picture for the test split");
    await expect(load([2, 8, 8])).rejects.toThrow("Pictures cannot have this shape");
  });

  it("names broken, foreign, tiny and huge pictures and keeps nothing", async () => {
    for (const name of ["good", "cut", "tiny", "wide"])
      await paint(`${name}.png`, "#336699", name === "tiny" ? [1, 1] : name === "wide" ? [20_000, 10] : [64, 64]);
    await truncate(path.join(pictures, "cut.png"), 90);
    await writeFile(path.join(pictures, "text.jpg"), "not a picture");
    await writeFile(path.join(pictures, "empty.webp"), "");
    await writeFile(path.join(pictures, "vector.png"), '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    expect(await message(load())).toMatchInlineSnapshot(`
      "6 pictures cannot be used.
        where:    /pictures/cut.png: broken: it cannot be decoded to its end
                  /pictures/empty.webp: no picture, or of a format that cannot be read
                  /pictures/text.jpg: no picture, or of a format that cannot be read
                  /pictures/tiny.png: 1 x 1 pixels: too small
                  /pictures/wide.png: 20000 x 10 pixels: too large, scale it down first
                  and 1 more
        expected: whole PNG, JPEG or WebP pictures, 8 to 16384 pixels a side and at most 100 million in all
        try:      mend or remove them, and run again"
    `);
    expect(await prepared()).toEqual([]);
  });
});

describe("heldOut", () => {
  it("holds out about a tenth, and later names hardly move earlier ones", () => {
    const names = Array.from({ length: 2000 }, (_, i) => `picture-${i}.png`);
    const few = heldOut(names.slice(0, 1000));
    const many = heldOut(names);
    expect(many.size).toBeGreaterThan(150);
    expect(many.size).toBeLessThan(250);
    expect(names.slice(0, 1000).filter((name) => few.has(name) !== many.has(name)).length).toBeLessThanOrEqual(1);
    expect([heldOut(["a"]).size, heldOut(["a", "b"]).size]).toEqual([0, 1]);
  });
});
