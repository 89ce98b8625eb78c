import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { conditionNames, type ImageSet } from "../dataset.ts";
import { loadDataset, preparedPlace } from "../node/load.ts";
import { avatars, drawFace } from "./avatars.ts";
import { findDataset } from "./index.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "avatars-test-"));
  vi.stubEnv("ATELIER_CACHE", folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** What is true of the picture `index`. */
function truths({ attributes }: ImageSet, index: number): string[] {
  const { names, values } = attributes!;
  return names.filter((_, k) => values[index * names.length + k] === 1);
}

describe("avatars", () => {
  it("draws few faces with their attributes, the same each time", async () => {
    const set = await loadDataset("avatars:train=12,test=3,side=32");
    expect([set.count, set.shape, set.labels, conditionNames(set).length]).toEqual([12, [3, 32, 32], undefined, 24]);
    const random = new RandomStream(0, "avatars, train");
    for (let i = 0; i < 12; i++) expect(new Set(truths(set, i))).toEqual(drawFace(random).attributes);
    // The ground is pale blue in the upper corners.
    expect([set.images[0], set.images[1024], set.images[2048]]).toEqual([0xd6, 0xe6, 0xf2]);
    await rm(folder, { recursive: true });
    expect((await loadDataset("avatars:train=12,test=3,side=32")).images).toEqual(set.images);
  });

  it("keeps the faces there are when more are asked for, and gives test and training none in common", async () => {
    const few = await loadDataset("avatars:train=4,test=8,side=16");
    const many = await loadDataset("avatars:train=9,test=8,side=16");
    expect(many.images.subarray(0, few.images.length)).toEqual(few.images);
    const test = await loadDataset("avatars:train=4,test=8,side=16", { split: "test" });
    const digest = (set: ImageSet, i: number) => set.images.subarray(i * 768, (i + 1) * 768).join();
    const all = [...Array.from({ length: 9 }, (_, i) => digest(many, i)), ...Array.from({ length: 8 }, (_, i) => digest(test, i))];
    expect(new Set(all).size).toBe(17);
  });

  it("comes at another size by area average", async () => {
    const set = await loadDataset("avatars:train=2,test=1,side=32", { shape: [3, 16, 16] });
    expect([set.shape, set.images.length, set.images[0]]).toEqual([[3, 16, 16], 2 * 768, 0xd6]);
  });

  it("has every attribute in 5 to 52% of faces, and nothing true that cannot be seen", () => {
    const random = new RandomStream(1, "rates");
    const faces = Array.from({ length: 4000 }, () => drawFace(random).attributes);
    for (const name of avatars.card.attributes ?? []) {
      const share = faces.filter((face) => face.has(name)).length / faces.length;
      expect([name, share > 0.05 && share < 0.52]).toEqual([name, true]);
    }
    for (const face of faces) {
      const hair = [...face].filter((name) => /-hair$/.test(name));
      if (face.has("headwear") || face.has("bald")) expect(hair).toEqual([]);
      else expect(hair.length).toBeGreaterThan(1);
      expect(face.has("sunglasses") && (face.has("eyes-closed") || face.has("eyeglasses"))).toBe(false);
      expect([...face].filter((name) => /-skin$/.test(name))).toHaveLength(1);
    }
  });

  it("has a place in the cache for each set of parameters", () => {
    const place = (name: string) => path.basename(preparedPlace(findDataset(name).card));
    expect(place("avatars")).toBe("avatars-v1");
    expect(place("avatars:side=64")).toBe("avatars-v1");
    expect(place("avatars:side=32,train=100")).toBe("avatars-train-100-side-32-v1");
  });

  it("refuses parameters that are not its own", () => {
    expect(() => findDataset("avatars:site=3")).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: There is no parameter of the data set avatars named "site".
        expected: one of: train, test, side, seed
        try:      did you mean "side"?]
    `);
    expect(() => findDataset("avatars:side=1000")).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: The parameter "side" of the data set avatars is not right.
        got:      side=1000
        expected: a whole number from 16 to 512
        try:      avatars:side=64]
    `);
    for (const text of ["", "side", "side=", "side=-3", "side=1e2", "side=32=32", "side=32,", "toString=1"]) {
      expect(() => findDataset(`avatars:${text}`)).toThrow(/parameter/);
    }
    expect(() => findDataset("mnist:side=3")).toThrow('The data set "mnist" has no parameters.');
  });
});
