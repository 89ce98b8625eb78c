import { describe, expect, it } from "vitest";
import { beamSearch } from "./beam.ts";

/** Next-token log-probabilities by the last token alone. */
const chain: Record<number, readonly number[]> = {
  [-1]: [0, 0.6, 0.4, 0],
  1: [0.2, 0.4, 0.4, 0],
  2: [0.95, 0.02, 0.02, 0.01],
  3: [1, 0, 0, 0],
};
const step = (tokens: Int32Array) => Float32Array.from([...tokens].flatMap((token) => chain[token].map(Math.log)));

describe("beamSearch", () => {
  it("finds what greedy search misses", async () => {
    const [greedy] = await beamSearch({ step, beams: 1, endToken: 0, maxLength: 8, lengthPenalty: 0 });
    const [best] = await beamSearch({ step, beams: 3, endToken: 0, maxLength: 8, lengthPenalty: 0 });
    expect(best.tokens).toEqual([2, 0]);
    expect(best.logProbability).toBeCloseTo(Math.log(0.4 * 0.95), 5);
    expect(best.score).toBeGreaterThan(greedy.score);
    expect(best.finished).toBe(true);
  });

  it("tells which row each row goes on from, one row first and then as many as beams", async () => {
    const calls: { tokens: number[]; parents: number[] }[] = [];
    await beamSearch({
      step: (tokens, parents) => {
        calls.push({ tokens: [...tokens], parents: [...parents] });
        return step(tokens);
      },
      beams: 2,
      endToken: 0,
      maxLength: 2,
    });
    expect(calls).toEqual([
      { tokens: [-1], parents: [0] },
      { tokens: [1, 2], parents: [0, 0] },
    ]);
  });

  it("gives unfinished texts at the longest length, and says so", async () => {
    const [best] = await beamSearch({
      step: (t) => new Float32Array(t.length * 3).fill(Math.log(1 / 3)),
      beams: 2,
      endToken: [],
      maxLength: 3,
    });
    expect(best.tokens).toHaveLength(3);
    expect(best.finished).toBe(false);
    expect(best.score).toBeCloseTo(Math.log(1 / 3), 5);
  });

  it("names bad settings", async () => {
    await expect(beamSearch({ step, beams: 0, endToken: 0, maxLength: 8 })).rejects.toThrow(/beams/);
    const forbidden = () => new Float32Array(4).fill(Number.NEGATIVE_INFINITY);
    await expect(beamSearch({ step: forbidden, beams: 2, endToken: 0, maxLength: 8 })).rejects.toThrow(/forbidden/);
  });
});
