import { describe, expect, it } from "vitest";
import { Loader } from "./loader.ts";
import { Prefetcher } from "./prefetch.ts";
import { testSet } from "./testing/sets.ts";

const options = { batch: 4, seed: 3, dropLast: false };
const make = () => new Prefetcher(new Loader(testSet(18), options), { labels: true });
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** The next batches' labels; between them the event loop turns or not, as a step does or does not give it time. */
async function take(prefetcher: Prefetcher, batches: number, turns = (i: number) => i % 2): Promise<number[][]> {
  const taken: number[][] = [];
  for (let i = 0; i < batches; i++) {
    const { labels, images, valid } = await prefetcher.next();
    const held = [...(labels ?? [])];
    for (let k = turns(i); k > 0; k--) await turn();
    // What the caller holds does not change while the next batch is staged.
    expect([...(labels ?? [])]).toEqual(held);
    expect(images?.[0]).toBe(Math.fround(held[0] / 255));
    taken.push([valid, ...held]);
  }
  return taken;
}

describe("Prefetcher", () => {
  it("gives the loader's batches in the loader's order, whatever the timing", async () => {
    const loader = new Loader(testSet(18), options);
    const labels = new Int32Array(4);
    const expected = Array.from({ length: 13 }, () => [loader.fill({ labels }), ...labels]);
    expect(await take(make(), 13)).toEqual(expected);
    expect(await take(make(), 13, () => 0)).toEqual(expected);
    expect(await take(make(), 13, () => 2)).toEqual(expected);
  });

  it("tells the position of the next batch not yet taken, and resumes there", async () => {
    const whole = await take(make(), 12);
    for (let taken = 0; taken < 8; taken++) {
      const first = make();
      await take(first, taken);
      expect(first.position).toEqual({ epoch: Math.floor(taken / 5), index: (taken % 5) * 4 });
      await turn();
      const saved = first.position;
      const second = make();
      await take(second, 3);
      const { labels } = await second.next();
      const held = [...(labels ?? [])];
      await turn();
      second.seek(saved);
      await turn();
      expect([...(labels ?? [])]).toEqual(held);
      expect(await take(second, 4)).toEqual(whole.slice(taken, taken + 4));
    }
  });

  it("stages only what is asked for", async () => {
    const { images, labels } = await new Prefetcher(new Loader(testSet(4), options), { images: false }).next();
    expect([images, labels]).toEqual([undefined, undefined]);
  });
});
