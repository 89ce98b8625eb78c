import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileError } from "../../core/errors.ts";
import { testCard } from "../testing/sets.ts";
import { openPrepared, readMeta, writePrepared } from "./prepared.ts";

let folder: string;
let place: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "prepared-test-"));
  place = path.join(folder, "data", "set-v1");
  vi.stubEnv("ATELIER_CACHE", folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const arrays = {
  name: "set",
  shape: [1, 2, 2] as const,
  classes: ["a", "b"],
  splits: {
    train: { images: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), labels: Uint8Array.of(0, 1) },
    test: { images: Uint8Array.of(9, 9, 9, 9), labels: Uint8Array.of(1) },
  },
};

let times = 0;
const open = (verify = false) => {
  const prepare = async () => {
    times++;
    await writePrepared(place, arrays);
  };
  return openPrepared(place, prepare, testCard(), "train", { verify });
};

describe("openPrepared", () => {
  it("prepares once, then reads", async () => {
    times = 0;
    const [first, second] = [await open(), await open(true)];
    expect(times).toBe(1);
    expect(second).toEqual(first);
    expect([[...first.images], [...(first.labels ?? [])], first.count, first.shape]).toEqual([
      [1, 2, 3, 4, 5, 6, 7, 8],
      [0, 1],
      2,
      [1, 2, 2],
    ]);
    expect(await readdir(path.join(folder, "tmp"))).toEqual([]);
  });

  it("keeps names and attributes, and makes a copy with other names again", async () => {
    const named = {
      ...arrays,
      attributes: ["round"],
      splits: {
        train: { ...arrays.splits.train, names: ["left", "rïght"], attributes: Uint8Array.of(1, 0) },
        test: { ...arrays.splits.test, names: ["x"], attributes: Uint8Array.of(1) },
      },
    };
    const opened = () => openPrepared(place, () => writePrepared(place, named), testCard(), "train", {});
    // Each of as many bytes as the right text.
    for (const text of ['["left",12345678]', '{"left":"rïght"}', "[[[[[[[[[[[[[[[[["]) {
      const { names, attributes } = await opened();
      expect([names, attributes]).toEqual([["left", "rïght"], { names: ["round"], values: Uint8Array.of(1, 0) }]);
      expect(Buffer.byteLength(text)).toBe(Buffer.byteLength('["left","rïght"]'));
      await writeFile(path.join(place, "train-names.json"), text);
    }
    expect((await opened()).names).toEqual(["left", "rïght"]);
  });

  it("lets several prepare at once", async () => {
    times = 0;
    const sets = await Promise.all([open(), open(), open()]);
    expect(times).toBe(3);
    for (const set of sets) expect(set).toEqual(sets[0]);
    expect(await readdir(path.join(folder, "tmp"))).toEqual([]);
  });

  it.each([
    ["a cut file", (file: string) => truncate(path.join(file, "train-images.u8"), 3)],
    ["a missing file", (file: string) => rm(path.join(file, "train-labels.u8"))],
    ["a garbled description", (file: string) => writeFile(path.join(file, "meta.json"), '{"format":1')],
    ["another description", (file: string) => writeFile(path.join(file, "meta.json"), '{"format":2}')],
    ["a missing description", (file: string) => rm(path.join(file, "meta.json"))],
  ])("makes a copy with %s again", async (_, damage) => {
    await open();
    times = 0;
    await damage(place);
    expect([...(await open()).images]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(times).toBe(1);
  });

  it("finds changed bytes only when asked to verify", async () => {
    await open();
    times = 0;
    await writeFile(path.join(place, "train-images.u8"), new Uint8Array(8));
    expect((await open()).images[0]).toBe(0);
    expect((await open(true)).images[0]).toBe(1);
    expect(times).toBe(1);
  });

  it("throws nothing but FileError on garbled descriptions", async () => {
    await open();
    const good = await readFile(path.join(place, "meta.json"), "utf8");
    for (let i = 0; i < good.length; i += 3) {
      await writeFile(path.join(place, "meta.json"), `${good.slice(0, i)}7${good.slice(i + 1)}`);
      await readMeta(place).catch((error) => expect(error).toBeInstanceOf(FileError));
    }
  });
});
