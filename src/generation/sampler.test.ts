import { describe, expect, it } from "vitest";
import type { SamplingOptions } from "./engine.ts";
import { candidatesOf, topK, topP } from "./filters.ts";
import { checkSampling, likeliest, logProbabilities, Sampler } from "./sampler.ts";
import { StopStrings } from "./stop-strings.ts";

const row = Float32Array.of(1, 3, 2, -1);
const prompt = Int32Array.of(1);

function draws(options: SamplingOptions, count: number, logits = row): number[] {
  const sampler = new Sampler(options, prompt);
  return Array.from({ length: count }, () => sampler.choose(logits));
}

describe("Sampler", () => {
  it("takes the likeliest without a temperature, the first of equals", () => {
    expect(draws({}, 2)).toEqual([1, 1]);
    expect(likeliest(Float32Array.of(2, 5, 5))).toBe(1);
  });

  it("draws tokens as often as their probabilities say", () => {
    const count = 20_000;
    const found = draws({ temperature: 2, seed: 3 }, count);
    const weights = [...row].map((logit) => Math.exp(logit / 2));
    const all = weights.reduce((a, b) => a + b);
    weights.forEach((weight, id) => {
      const p = weight / all;
      const share = found.filter((other) => other === id).length / count;
      expect(Math.abs(share - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / count));
    });
  });

  it("gives the same tokens for the same seed, others for another", () => {
    expect(draws({ temperature: 1, seed: 3 }, 30)).toEqual(draws({ temperature: 1, seed: "3" }, 30));
    expect(draws({ temperature: 1, seed: 3 }, 30)).not.toEqual(draws({ temperature: 1, seed: 4 }, 30));
  });

  it("counts what it made for the frequency penalty, and the prompt too for repetition", () => {
    expect(draws({ frequencyPenalty: 0.6 }, 4)).toEqual([1, 1, 2, 1]);
    expect(draws({ presencePenalty: 1.5 }, 3)).toEqual([1, 2, 1]);
    expect(draws({ repetitionPenalty: 2 }, 1)).toEqual([2]);
  });

  it("adds the bias", () => {
    expect(
      draws(
        {
          logitBias: new Map([
            [3, 100],
            [99, 1],
          ]),
        },
        1,
      ),
    ).toEqual([3]);
  });

  it("keeps the row as it is", () => {
    const logits = Float32Array.from(row);
    draws({ temperature: 1, topK: 2, repetitionPenalty: 3, logitBias: new Map([[0, 5]]) }, 2, logits);
    expect(logits).toEqual(row);
  });

  it("names settings out of range", () => {
    expect(() => checkSampling({ temperature: Number.NaN })).toThrow(/temperature/);
    expect(() => checkSampling({ topK: 1.5 })).toThrow(/whole/);
    expect(() => checkSampling({ logitBias: new Map([[1, 101]]) })).toThrow(/-100 to 100/);
    expect(() => checkSampling({ temperature: 0, topP: 1, minP: 0, frequencyPenalty: -2 })).not.toThrow();
  });
});

describe("filters of large vocabularies", () => {
  const many = Float32Array.from({ length: 50_000 }, (_, i) => Math.sin(i * 12.9898) * 8);

  it("keep the likeliest", () => {
    const sorted = [...many].sort((a, b) => b - a);
    expect(Math.min(...topK(candidatesOf(many), 100).logits)).toBe(sorted[99]);
    const { logits } = topP(candidatesOf(many), 0.5);
    expect(Math.min(...logits)).toBe(sorted[logits.length - 1]);
  });
});

describe("logProbabilities", () => {
  it("are of the row as it is", () => {
    const all = Math.log([...row].reduce((sum, logit) => sum + Math.exp(logit), 0));
    const { logprob, top } = logProbabilities(row, 2, 2);
    expect(logprob).toBeCloseTo(2 - all, 5);
    expect(top.map(({ id }) => id)).toEqual([1, 2]);
  });
});

describe("StopStrings", () => {
  it("hold back what may become one, and give it out when it does not", () => {
    const stops = new StopStrings(["END", "ENDING", ""]);
    expect(stops.push("an E")).toEqual({ text: "an " });
    expect(stops.push("N")).toEqual({ text: "" });
    expect(stops.push("T E")).toEqual({ text: "ENT " });
    expect(stops.flush()).toBe("E");
    expect(stops.push("x END y")).toEqual({ text: "x ", stop: "END" });
  });
});
