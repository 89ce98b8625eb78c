import { describe, expect, it } from "vitest";
import { loadDataset } from "../node/load.ts";
import { barsAndStripes, barsAndStripesEntropy } from "./bars-and-stripes.ts";

describe("bars and stripes", () => {
  it("draws whole rows or whole columns, all kinds of them, the same each time", async () => {
    const set = await loadDataset("bars-and-stripes");
    expect([set.count, set.shape, set.classes]).toEqual([2000, [1, 3, 3], ["rows", "columns"]]);
    const kinds = new Set<string>();
    for (let n = 0; n < set.count; n++) {
      const at = (y: number, x: number): number => set.images[n * 9 + y * 3 + x] / 255;
      for (let line = 0; line < 3; line++) {
        const values = [0, 1, 2].map((i) => (set.labels![n] === 0 ? at(line, i) : at(i, line)));
        expect(new Set(values).size).toBe(1);
      }
      kinds.add(set.images.subarray(n * 9, n * 9 + 9).join());
    }
    expect(kinds.size).toBe(14);
    expect((await barsAndStripes.generate({} as never)).train.images).toEqual(set.images);
  });

  it("takes another side, and knows the entropy of its pictures", async () => {
    const set = await loadDataset("bars-and-stripes:side=4,train=10,test=5");
    expect([set.count, set.shape]).toEqual([10, [1, 4, 4]]);
    for (const side of [1, 2, 3]) {
      const chances = new Map<string, number>();
      for (let kind = 0; kind < 2; kind++) {
        for (let lines = 0; lines < 2 ** side; lines++) {
          const bit = (line: number): number => (lines >> line) & 1;
          const picture = Array.from({ length: side * side }, (_, i) => bit(kind === 0 ? Math.floor(i / side) : i % side)).join();
          chances.set(picture, (chances.get(picture) ?? 0) + 2 ** -(side + 1));
        }
      }
      const entropy = [...chances.values()].reduce((sum, p) => sum - p * Math.log(p), 0);
      expect(barsAndStripesEntropy(side)).toBeCloseTo(entropy, 10);
    }
  });
});
