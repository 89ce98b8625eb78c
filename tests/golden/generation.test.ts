// Against Hugging Face transformers' generate() and logits processors: data/generation.json, made by make_generation.py.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { beamSearch } from "../../src/generation/beam.ts";

interface Golden {
  beams: {
    table: number[][][];
    start: number;
    end: number;
    maxLength: number;
    cases: { beams: number; alpha: number; early: boolean | "never"; tokens: number[][]; scores: number[] | null }[];
  };
}

const golden = JSON.parse(readFileSync(new URL("./data/generation.json", import.meta.url), "utf8")) as Golden;

function logSoftmax(row: readonly number[]): number[] {
  const most = Math.max(...row);
  const sum = Math.log(row.reduce((total, x) => total + Math.exp(x - most), 0));
  return row.map((x) => x - most - sum);
}

describe("beam search", () => {
  const { table, start, end, maxLength, cases } = golden.beams;
  it.each(cases)("as transformers with $beams beams, length penalty $alpha, early stopping $early", async (wanted) => {
    let position = 0;
    const found = await beamSearch({
      step: (tokens) => {
        const scores = [...tokens].flatMap((token) => logSoftmax(table[position][token < 0 ? start : token]));
        position++;
        return Float32Array.from(scores);
      },
      beams: wanted.beams,
      endToken: end,
      maxLength,
      lengthPenalty: wanted.alpha,
      earlyStopping: wanted.early,
    });
    expect(found.map(({ tokens }) => tokens)).toEqual(wanted.tokens);
    for (const [i, score] of (wanted.scores ?? []).entries()) expect(found[i].score).toBeCloseTo(score, 4);
  });
});
