import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { encodePng } from "../../report/png.ts";
import { type GalleryEntry, packMask, unpackMask } from "../generate.ts";
import { fileOfEntry, findEntry, galleryFile, keepEntry, newId, readGallery, removeEntry } from "./gallery.ts";

let run: { folder: string };
beforeEach(() => {
  run = { folder: mkdtempSync(path.join(tmpdir(), "atelier-gallery-")) };
});
afterEach(() => rmSync(run.folder, { recursive: true, force: true }));

const png = encodePng({ width: 2, height: 2, channels: 1, data: new Uint8Array(4) });

function entry(id: string): GalleryEntry {
  return {
    ...{ id, created: "2026-01-02T03:04:05.678Z", run: "r", model: "vae", step: 10, checkpoint: "abc", shape: [1, 2, 2] },
    ...{ request: { work: "fresh", count: 2, seed: "7" }, files: [`${id}-1.png`, `${id}-2.png`], notes: [], seconds: 0.5 },
  };
}

it("keeps batches, newest first, in parts", async () => {
  expect(await readGallery(run)).toEqual({ entries: [], total: 0 });
  for (const id of ["a", "b", "c"]) await keepEntry(run, entry(id), [png, png]);
  expect((await readGallery(run)).entries.map(({ id }) => id)).toEqual(["c", "b", "a"]);
  expect(await readGallery(run, { after: 1, limit: 1 })).toEqual({ entries: [entry("b")], total: 3 });
  expect(readFileSync(galleryFile(run, "a-2.png"))).toEqual(Buffer.from(png));
});

it("removes a batch, whose line still says how it was made", async () => {
  await keepEntry(run, entry("a"), [png, png]);
  await removeEntry(run, "a");
  await removeEntry(run, "a");
  expect(await readGallery(run)).toEqual({ entries: [], total: 0 });
  expect(existsSync(galleryFile(run, "a-1.png"))).toBe(false);
  const kept = await findEntry(run, "a");
  expect(kept.request).toEqual(entry("a").request);
  expect(() => fileOfEntry(run, kept, 0)).toThrow(/was removed/);
  await expect(findEntry(run, "b")).rejects.toThrow(/no such batch/);
});

it("outlives a line that was cut, and lines that are none", async () => {
  await keepEntry(run, entry("a"), [png, png]);
  appendFileSync(path.join(run.folder, "gallery", "gallery.jsonl"), '{"id":"cu');
  await keepEntry(run, entry("b"), [png, png]);
  appendFileSync(path.join(run.folder, "gallery", "gallery.jsonl"), '\n{"id":"../x"}\nnull\n');
  expect((await readGallery(run)).entries.map(({ id }) => id)).toEqual(["b", "a"]);
});

it("has no names that lead elsewhere", () => {
  for (const name of ["../a.png", "a/b.png", "a.txt", "", ".png", "..\\a.png", "gallery.jsonl"])
    expect(() => galleryFile(run, name)).toThrow(/no such picture/);
  expect(newId(new Date("2026-01-02T03:04:05.678Z"))).toMatch(/^20260102-030405-[0-9a-f]{4}$/);
});

it("packs masks by the bit", () => {
  const mask = Uint8Array.from({ length: 19 }, (_, i) => (i % 3 === 0 ? 1 : 0));
  expect(unpackMask(packMask(mask), 19)).toEqual(mask);
  expect(() => unpackMask(packMask(mask), 25)).toThrow(RangeError);
});
