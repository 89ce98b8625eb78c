import { expect, it } from "vitest";
import { KeyValueCache } from "./cache.ts";

it("a cache grows by quarters and shrinks to what is needed, with what is in it", () => {
  const cache = new KeyValueCache({ layers: 2, heads: 2, keyValueHeads: 2, headSize: 3, context: 1000, vocabulary: 5 });
  cache.reserve(2, 10, []);
  const [rows, places] = [cache.rows, cache.places];
  expect([rows, places]).toEqual([2, 64]);
  const made = () => [0, 1].map((layer) => Float32Array.from({ length: 2 * 10 * 3 }, (_, i) => 100 * layer + i));
  cache.put({ keys: made(), values: made() }, 0, 10, 1, 0);
  const filled = () => {
    const { keys, values } = cache.view(1, 1);
    return [...keys, ...values].map((array) =>
      [0, 1].map((head) => [...array.subarray(head * cache.places * 3, (head * cache.places + 10) * 3)]),
    );
  };
  const first = filled();
  expect(first[1][1][0]).toBe(130);
  expect(cache.reserve(2, 700, [0, 10])).toBe(true);
  expect(cache.places).toBeGreaterThanOrEqual(700);
  expect(filled()).toEqual(first);
  expect(cache.shrink(500, [0, 10])).toBe(false);
  expect(cache.shrink(20, [0, 10])).toBe(true);
  expect([cache.rows, cache.places, cache.bytes]).toEqual([2, 64, 2 * 2 * 2 * 2 * 64 * 3 * 4]);
  expect(filled()).toEqual(first);
});
