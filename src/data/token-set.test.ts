import { describe, expect, it } from "vitest";
import { limitExamples } from "./dataset.ts";
import { Loader } from "./loader.ts";
import { Prefetcher } from "./prefetch.ts";
import { tokensInMemory } from "./text/tokens.ts";
import { type PairSet, randomWindows, type WindowSet, windowSet } from "./token-set.ts";

const card = { name: "counting" } as never;
const about = { card, split: "train" as const, digest: "" };

/** The numbers 0 to 99, in windows of 8. */
function counting(length = 100): WindowSet {
  const ids = Int32Array.from({ length }, (_, i) => i);
  return windowSet(tokensInMemory(ids, 128), { ...about, shape: { tokens: 8, vocabulary: 128 } });
}

function backwards(count: number): PairSet {
  const sources = Int32Array.from({ length: count * 3 }, (_, i) => i);
  const targets = Int32Array.from({ length: count * 4 }, (_, i) => -i);
  const texts = Array.from({ length: count }, (_, i) => ({ source: String(i), target: String(-i) }));
  return { ...about, kind: "pairs", shape: { source: 3, target: 4, vocabulary: 9 }, sources, targets, texts, count };
}

/** Rows of so many batches. */
function rowsOf(loader: Loader, batches: number): number[][] {
  const tokens = new Int32Array(loader.batch * 9);
  return Array.from({ length: batches }).flatMap(() => {
    loader.fill({ tokens });
    return Array.from({ length: loader.batch }, (_, row) => [...tokens.subarray(row * 9, row * 9 + 9)]);
  });
}

describe("windows of a text", () => {
  it("are as many as fit side by side, each with the token after it", () => {
    const set = counting();
    expect(set.count).toBe(12);
    const tokens = new Int32Array(5 * 9);
    const starts: number[] = [];
    for (const { valid } of new Loader(set, { batch: 5, dropLast: false }).evaluationBatches({ tokens }))
      for (let row = 0; row < valid; row++) starts.push(tokens[row * 9]);
    expect(starts).toEqual([0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88]);
  });

  it("at random places follow from the seed, anywhere in the text, in batches larger than the text is cut into", () => {
    const draw = (seed: number) => rowsOf(new Loader(counting(), { batch: 40, seed }), 5);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    for (const row of draw(1)) expect(row).toEqual(Array.from({ length: 9 }, (_, i) => row[0] + i));
    const starts = new Set(draw(3).map(([first]) => first));
    expect([Math.min(...starts), Math.max(...starts)]).toEqual([0, 91]);
  });

  it("as blocks come once an epoch each", () => {
    const loader = new Loader(counting(), { batch: 4, windows: "blocks" });
    const [first, second] = [rowsOf(loader, 3), rowsOf(loader, 3)].map((rows) => rows.map(([start]) => start));
    const all = Array.from({ length: 12 }, (_, i) => 8 * i);
    expect(first.toSorted((a, b) => a - b)).toEqual(all);
    expect(second.toSorted((a, b) => a - b)).toEqual(all);
    expect(first).not.toEqual(second);
    expect(loader.position).toEqual({ epoch: 2, index: 0 });
  });

  it.each(["random", "blocks"] as const)("go on exactly from a saved position: %s", async (windows) => {
    const open = () => new Prefetcher(new Loader(counting(), { batch: 4, seed: 7, windows }));
    const [one, other] = [open(), open()];
    for (let i = 0; i < 5; i++) await one.next();
    const saved = JSON.parse(JSON.stringify(one.position));
    const expected = [(await one.next()).tokens!.slice(), (await one.next()).tokens!.slice()];
    other.seek(saved);
    expect([(await other.next()).tokens!.slice(), (await other.next()).tokens!.slice()]).toEqual(expected);
  });

  it("to measure on are the same for each seed", () => {
    const starts = (seed: number) => [...(randomWindows(counting(), 20, seed).starts as Float64Array)];
    expect(starts(0)).toEqual(starts(0));
    expect(starts(0)).not.toEqual(starts(1));
    const tokens = new Int32Array(9 * 20);
    const loader = new Loader(randomWindows(counting(), 20, 0), { batch: 20, shuffle: false, dropLast: false });
    for (const _ of loader.evaluationBatches({ tokens }));
    expect(Array.from({ length: 20 }, (_, row) => tokens[9 * row])).toEqual(starts(0));
  });

  it("are limited by shortening the text", () => {
    const some = limitExamples(counting(), 3) as WindowSet;
    expect([some.count, some.source.length]).toEqual([3, 25]);
    expect(Math.max(...rowsOf(new Loader(some, { batch: 50 }), 2).flat())).toBe(24);
  });

  it("of a text that is too short are refused", () => {
    expect(() => counting(8)).toThrow(
      "shorter than the context.\n  where:    counting, train split\n  got:      8 tokens\n  expected: at least 9",
    );
    expect(() => new Loader(counting(), { batch: 20, windows: "blocks" })).toThrow("20 out of 12 windows");
    expect(() => new Loader(counting(), { batch: 2, augment: { flip: true } })).toThrow("Texts cannot be changed");
    expect(() => new Loader(counting(), { batch: 2 }).fill({ images: new Float32Array(2) })).toThrow("one long text, not pictures");
  });
});

describe("pairs", () => {
  it("come together, once an epoch", () => {
    const loader = new Loader(backwards(6), { batch: 3 });
    const [source, target] = [new Int32Array(9), new Int32Array(12)];
    const seen: number[] = [];
    for (let i = 0; i < 2; i++) {
      loader.fill({ source, target });
      for (let row = 0; row < 3; row++) {
        expect(Math.abs(target[4 * row]) / 4).toBe(source[3 * row] / 3);
        seen.push(source[3 * row] / 3);
      }
    }
    expect(seen.toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(limitExamples(backwards(6), 2)).toMatchObject({ count: 2, texts: [{ source: "0" }, { source: "1" }] });
    expect(() => randomWindows(backwards(2), 1, 0)).toThrow("these data are pairs");
  });
});
