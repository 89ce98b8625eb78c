import { describe, expect, it } from "vitest";
import { RandomStream } from "../core/random.ts";
import { augmentPicture, augments } from "./augment.ts";
import type { ImageShape } from "./dataset.ts";
import { Loader } from "./loader.ts";
import { testSet } from "./testing/sets.ts";

/** The picture changed by the stream `i`. */
function changed(picture: readonly number[], shape: ImageShape, augmentation: Parameters<typeof augmentPicture>[2], i: number): number[] {
  const copy = Float32Array.from(picture);
  augmentPicture(copy, shape, augmentation, new RandomStream(i, "test"));
  return [...copy];
}
const times = (count: number) => Array.from({ length: count }, (_, i) => i);

describe("augmentPicture", () => {
  it("mirrors about half of the pictures, each channel alike", () => {
    const results = times(200).map((i) => changed([1, 2, 3, 4, 5, 6], [3, 1, 2], { flip: true }, i).join());
    expect(new Set(results)).toEqual(new Set(["1,2,3,4,5,6", "2,1,4,3,6,5"]));
    const mirrored = results.filter((result) => result.startsWith("2")).length;
    expect(mirrored).toBeGreaterThan(70);
    expect(mirrored).toBeLessThan(130);
  });

  it("moves by up to the crop, repeating the border", () => {
    const results = new Set(times(300).map((i) => changed([1, 2, 3, 4], [1, 2, 2], { crop: 1 }, i).join()));
    const rows = ([a, b, c, d]: number[]) => [`${a},${b},${c},${d}`, `${a},${b},${a},${b}`, `${c},${d},${c},${d}`];
    expect(results).toEqual(new Set([...rows([1, 2, 3, 4]), ...rows([1, 1, 3, 3]), ...rows([2, 2, 4, 4])]));
  });

  it("changes brightness, contrast and saturation within bounds, and leaves grey grey", () => {
    const random = new RandomStream(3, "pictures");
    for (const i of times(50)) {
      const picture = times(12).map(() => random.uniform());
      const result = changed(picture, [3, 2, 2], { colour: 0.5 }, i);
      expect(result).not.toEqual(picture);
      expect(result.every((value) => value >= 0 && value <= 1)).toBe(true);
      const grey = changed([0.25, 0.5, 0.25, 0.5, 0.25, 0.5], [3, 1, 2], { colour: 0.8 }, i);
      expect(Math.abs(grey[0] - grey[2]) + Math.abs(grey[0] - grey[4])).toBeLessThan(1e-6);
      const [dark, light] = changed([0.25, 0.5], [1, 1, 2], { colour: 0.3 }, i);
      expect(light).toBeGreaterThan(dark);
    }
    // Black stays black: brightness has nothing to scale, contrast and saturation nothing to spread.
    expect(changed([0, 0, 0], [3, 1, 1], { colour: 1 }, 1)).toEqual([0, 0, 0]);
  });

  it("refuses amounts out of range", () => {
    expect(augments({}, [1, 8, 8])).toBe(false);
    expect(augments({ flip: true }, [1, 8, 8])).toBe(true);
    expect(() => augments({ crop: 8 }, [1, 8, 12])).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Pictures cannot be cropped by that much.
        got:      crop 8
        expected: a whole number of pixels from 0 to 7]
    `);
    for (const wrong of [{ crop: -1 }, { crop: 0.5 }, { colour: -0.1 }, { colour: 1.1 }, { colour: Number.NaN }]) {
      expect(() => augments(wrong, [1, 8, 8])).toThrow("cannot be");
    }
  });
});

describe("a loader that augments", () => {
  const noise = new RandomStream(5, "noise");
  const images = Uint8Array.from({ length: 20 * 48 }, () => noise.below(256));
  const set = testSet(20, [3, 4, 4], { images });
  const options = { batch: 6, seed: 9, augment: { flip: true, crop: 1, colour: 0.2 } };
  const take = (loader: Loader, batches: number) => {
    const taken = new Float32Array(6 * 48);
    return times(batches).map(() => {
      loader.fill({ images: taken });
      return [...taken];
    });
  };

  it("goes on exactly from any position", () => {
    const expected = take(new Loader(set, options), 8);
    for (const skipped of times(8)) {
      const before = new Loader(set, options);
      take(before, skipped);
      const resumed = new Loader(set, options);
      take(resumed, 5);
      resumed.seek(before.position);
      expect(take(resumed, 8 - skipped)).toEqual(expected.slice(skipped));
    }
  });

  it("changes a picture differently each epoch, in the order of a loader that does not", () => {
    const labels = new Int32Array(6);
    const [plain, changing] = [new Loader(set, { ...options, augment: undefined }), new Loader(set, options)];
    for (const _ of times(6)) {
      plain.fill({ labels });
      const order = [...labels];
      changing.fill({ labels });
      expect([...labels]).toEqual(order);
    }
    const still = new Loader(testSet(1, [3, 4, 4], { images: images.subarray(0, 48) }), { ...options, batch: 1 });
    const picture = new Float32Array(48);
    const seen = new Set<string>();
    for (const _ of times(5)) {
      still.fill({ images: picture });
      seen.add(picture.join());
    }
    expect(seen.size).toBe(5);
  });

  it("evaluates pictures as they are", () => {
    const target = new Float32Array(6 * 48);
    const loader = new Loader(set, options);
    for (const { start, valid } of loader.evaluationBatches({ images: target })) {
      for (const i of times(valid * 48)) expect(target[i]).toBe(Math.fround(images[start * 48 + i] / 255));
    }
  });
});
