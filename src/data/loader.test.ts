import { describe, expect, it } from "vitest";
import { RandomStream } from "../core/random.ts";
import { limitImages } from "./dataset.ts";
import { Loader, type LoaderOptions } from "./loader.ts";
import { testSet } from "./testing/sets.ts";

/** The labels of the next `batches` batches. */
function take(loader: Loader, batches: number): number[] {
  const labels = new Int32Array(loader.batch);
  const taken: number[] = [];
  for (let i = 0; i < batches; i++) {
    loader.fill({ labels });
    taken.push(...labels);
  }
  return taken;
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);

describe("Loader", () => {
  it("gives every picture once an epoch, in another order each epoch", () => {
    const loader = new Loader(testSet(60), { batch: 6, seed: 7 });
    const first = take(loader, 10);
    const second = take(loader, 10);
    expect(sorted(first)).toEqual(numbers(60));
    expect(sorted(second)).toEqual(numbers(60));
    expect(first).not.toEqual(second);
    expect(first).not.toEqual(numbers(60));
    expect(loader.position).toEqual({ epoch: 2, index: 0 });
  });

  it("has an order that follows from the seed alone", () => {
    const order = (options: Partial<LoaderOptions>) => take(new Loader(testSet(60), { batch: 6, ...options }), 10);
    expect(order({ seed: 7 })).toEqual(order({ seed: "7" }));
    expect(order({ seed: 7 })).not.toEqual(order({ seed: 8 }));
    expect(order({ shuffle: false })).toEqual(numbers(60));
    expect(order({ seed: 7, batch: 10 }).slice(0, 60)).toEqual(order({ seed: 7 }));
  });

  it("goes on exactly from any position, whatever was drawn before", () => {
    const random = new RandomStream(1, "positions");
    for (let round = 0; round < 50; round++) {
      const count = 1 + random.below(40);
      const options = { batch: 1 + random.below(count), seed: round, dropLast: random.below(2) === 0 };
      const loader = new Loader(testSet(count), options);
      take(loader, random.below(3 * loader.stepsPerEpoch + 1));
      const saved = JSON.parse(JSON.stringify(loader.position));
      const expected = take(loader, 2 * loader.stepsPerEpoch);
      const resumed = new Loader(testSet(count), options);
      take(resumed, random.below(5));
      resumed.seek(saved);
      expect(take(resumed, 2 * loader.stepsPerEpoch)).toEqual(expected);
    }
  });

  it("drops or fills up the incomplete batch", () => {
    const dropping = new Loader(testSet(10), { batch: 4, shuffle: false });
    expect(dropping.stepsPerEpoch).toBe(2);
    expect(take(dropping, 3)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3]);
    const keeping = new Loader(testSet(10), { batch: 4, shuffle: false, dropLast: false });
    const labels = new Int32Array(4);
    expect([keeping.fill({ labels }), keeping.fill({ labels }), keeping.fill({ labels })]).toEqual([4, 4, 2]);
    expect([...labels]).toEqual([8, 9, 8, 9]);
    expect(keeping.position).toEqual({ epoch: 1, index: 0 });
  });

  it("writes intensities: byte / 255 in float32", () => {
    const images = new Float32Array(2 * 4);
    new Loader(testSet(2, [1, 2, 2], { images: Uint8Array.of(0, 1, 2, 128, 254, 255, 3, 51) }), { batch: 2, shuffle: false }).fill({
      images,
    });
    expect(images).toEqual(Float32Array.from([0, 1, 2, 128, 254, 255, 3, 51], (byte) => byte / 255));
  });

  it("evaluates the whole set in order without moving", () => {
    const loader = new Loader(testSet(5), { batch: 2, seed: 1 });
    take(loader, 1);
    const before = loader.position;
    const labels = new Int32Array(2);
    const seen = [...loader.evaluationBatches({ labels })].map(({ start, valid }) => [start, valid]);
    expect(seen).toEqual([
      [0, 2],
      [2, 2],
      [4, 1],
    ]);
    expect([...labels]).toEqual([4, 4]);
    expect(loader.position).toEqual(before);
  });

  it("refuses what cannot work", () => {
    const set = testSet(10);
    expect(() => new Loader(set, { batch: 0 })).toThrow("The batch size must be a positive integer.");
    expect(() => new Loader(set, { batch: 11 })).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: The batch is larger than the data set.
        where:    test-set, train split
        got:      a batch of 11 out of 10 pictures
        try:      choose a batch of at most 10, or more data]
    `);
    const loader = new Loader(set, { batch: 4 });
    for (const index of [-4, 3, 8, 12, Number.NaN]) expect(() => loader.seek({ epoch: 0, index })).toThrow("does not fit");
    expect(() => loader.seek({ epoch: -1, index: 0 })).toThrow("does not fit");
    expect(() => loader.fill({ images: new Float32Array(3) })).toThrow("The array for the pictures has a wrong length.");
    expect(() => loader.fill({ labels: new Int32Array(3) })).toThrow("The array for the labels has a wrong length.");
    const unlabelled = new Loader({ ...set, labels: undefined }, { batch: 4 });
    expect(() => unlabelled.fill({ labels: new Int32Array(4) })).toThrow("The pictures of this data set have no classes.");
  });
});

describe("limitImages", () => {
  it("keeps the first pictures", () => {
    const limited = limitImages(testSet(10), 3);
    expect([limited.count, limited.images.length, limited.labels?.length]).toEqual([3, 12, 3]);
    expect(limitImages(limited, 5)).toBe(limited);
    expect(() => limitImages(limited, 0)).toThrow("The limit must be a positive number of pictures.");
  });
});
