// Against Hugging Face transformers' generate() and logits processors: data/generation.json, made by make_generation.py.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { beamSearch } from "../../src/generation/beam.ts";
import type { SamplingOptions } from "../../src/generation/engine.ts";
import { candidatesOf, minP, temperature, topK, topP, typicalP } from "../../src/generation/filters.ts";
import { repetitionPenalty } from "../../src/generation/penalties.ts";

interface Golden {
  processors: { logits: number[]; ids: number[]; cases: { name: string; settings: SamplingOptions; logits: (number | null)[] }[] };
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

describe("logits processors", () => {
  const { logits, ids, cases } = golden.processors;
  it.each(cases)("as transformers': $name $settings", ({ settings, logits: wanted }) => {
    const row = Float32Array.from(logits);
    if (settings.repetitionPenalty !== undefined) repetitionPenalty(row, new Set(ids), settings.repetitionPenalty);
    let left = candidatesOf(row);
    if (settings.temperature !== undefined) left = temperature(left, settings.temperature);
    if (settings.topK !== undefined) left = topK(left, settings.topK);
    if (settings.topP !== undefined) left = topP(left, settings.topP);
    if (settings.minP !== undefined) left = minP(left, settings.minP);
    if (settings.typicalP !== undefined) left = typicalP(left, settings.typicalP);
    expect([...left.ids]).toEqual(wanted.flatMap((value, id) => (value === null ? [] : [id])));
    for (const [i, id] of left.ids.entries()) expect(left.logits[i]).toBeCloseTo(wanted[id]!, 4);
  });
});
