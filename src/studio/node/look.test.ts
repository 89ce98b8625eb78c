import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { ImageSet } from "../../data/dataset.ts";
import { preparedPlace } from "../../data/node/load.ts";
import type { DataFilter, PictureOverview, PicturePage, PointOverview, TextOverview, TextPage } from "../data.ts";
import { findReady } from "./data-entries.ts";
import { atlas, mean, overview, page, repetitions } from "./look.ts";
import { chosenRows, pictureMeans, pictureRepetitions } from "./look-pictures.ts";
import { histogram } from "./look-text.ts";
import { thumbs } from "./look-thumbs.ts";

const surroundings = { onProgress: () => undefined, signal: new AbortController().signal };
const filter: DataFilter = { split: "train", offset: 0, count: 10, has: true, mixed: false };
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "atelier-look-"));
  vi.stubEnv("ATELIER_CACHE", path.join(folder, "cache"));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

describe("pictures", () => {
  const use = "bars-and-stripes:train=10,test=5,side=4";
  const input = { use, kind: "pictures", split: "train" } as const;

  test("a set is not looked at before it is prepared", async () => {
    await expect(findReady(use, folder)).rejects.toThrow("not prepared");
  });

  test("sizes, a page, its atlas and the mean", async () => {
    const about = (await overview(input, surroundings)) as PictureOverview;
    expect(about).toMatchObject({ kind: "pictures", count: 10, shape: [1, 4, 4] });
    expect(about.labels.reduce((sum, { count }) => sum + count, 0)).toBe(about.labels.length === 0 ? 0 : 10);
    expect(about.channels[0].mean).toBeGreaterThan(0);
    const shown = (await page({ ...input, filter: { ...filter, offset: 8 } }, surroundings)) as PicturePage;
    expect([shown.total, shown.items.map(({ index }) => index)]).toEqual([10, [8, 9]]);
    const place = preparedPlace({ name: use, version: 1 });
    for (const png of [
      await thumbs({ place, count: 6 }),
      await atlas({ ...input, filter }, surroundings),
      await mean(input, surroundings),
    ]) {
      expect(Buffer.from(png.subarray(1, 4)).toString()).toBe("PNG");
    }
    expect(await repetitions(input, surroundings)).toMatchObject({ copies: expect.any(Number), leaks: expect.any(Number) });
    await expect(findReady(use, folder)).resolves.toMatchObject({ prepared: true });
  });

  const set: ImageSet = {
    ...{ kind: "images", split: "train", shape: [1, 1, 2], count: 4 },
    card: { name: "four" } as ImageSet["card"],
    images: Uint8Array.from([0, 0, 100, 200, 100, 200, 20, 40]),
    labels: Uint8Array.from([0, 1, 1, 0]),
    classes: ["dark", "light"],
  };

  test("a filter leaves a class, or what has an attribute or has it not", () => {
    expect([...chosenRows(set, { ...filter, label: 1 })]).toEqual([1, 2]);
    const attributes = { names: ["a", "b"], values: Uint8Array.from([1, 0, 0, 1, 1, 1, 0, 0]) };
    expect([...chosenRows({ ...set, attributes }, { ...filter, attribute: 1 })]).toEqual([1, 2]);
    expect([...chosenRows({ ...set, attributes }, { ...filter, attribute: 0, has: false })]).toEqual([1, 3]);
    expect([...chosenRows(set, { ...filter, mixed: true })].sort()).toEqual([0, 1, 2, 3]);
  });

  test("equal pictures are found, also across the splits; means are a row", () => {
    const test: ImageSet = { ...set, split: "test", count: 1, images: Uint8Array.from([0, 0]) };
    expect(pictureRepetitions(set, test)).toEqual({
      copies: 1,
      leaks: 1,
      examples: [
        { first: "#1", second: "#2", overlap: 1 },
        { first: "#0", second: "held-out #0", overlap: 1 },
      ],
    });
    expect(pictureMeans(set).length).toBeGreaterThan(50);
  });
});

test("points with their exact density", async () => {
  const about = (await overview({ use: "moons:train=50", kind: "points", split: "train" }, surroundings)) as PointOverview;
  expect(about).toMatchObject({ count: 50, density: { columns: 96, rows: 96 } });
  expect(about.points).toHaveLength(100);
  expect(Math.max(...about.density.values)).toBe(255);
  expect(about.entropy).toBeGreaterThan(0);
});

describe("texts", () => {
  test("sizes, words, lengths, excerpts and what is repeated", async () => {
    const file = path.join(folder, "lines.jsonl");
    const lines = Array.from({ length: 40 }, (_, i) => JSON.stringify({ text: `the cat number ${i} sat on the mat` }));
    await writeFile(file, `${[...lines, lines[0]].join("\n")}\n`);
    const input = { use: file, kind: "text", split: "train" } as const;
    const about = (await overview(input, surroundings)) as TextOverview;
    expect(about.frequent[0].name).toBe("the");
    expect(about.words).toBe(8 * about.count);
    expect(about.lengths.reduce((sum, { count }) => sum + count, 0)).toBe(about.count);
    const shown = (await page({ ...input, filter: { ...filter, count: 2 } }, surroundings)) as TextPage;
    expect(shown.items).toHaveLength(2);
    expect(shown.items[0].text).toContain("the cat");
    await expect(atlas({ ...input, filter }, surroundings)).rejects.toThrow("no pictures");
    expect(await repetitions(input, surroundings)).toMatchObject({ leaks: 0 });
  });

  test("lengths that reach far are counted in bins of equal ratio", () => {
    expect(histogram([])).toEqual([]);
    expect(histogram([5, 5])).toEqual([{ from: 5, to: 5, count: 2 }]);
    const far = histogram([1, 10, 100, 1000, 10_000]);
    expect(far.reduce((sum, { count }) => sum + count, 0)).toBe(5);
    expect(far[1].to / far[1].from).toBeLessThan(3);
    expect(histogram([0, 1, 2, 2]).map(({ count }) => count)).toEqual([1, 1, 2]);
  });
});
