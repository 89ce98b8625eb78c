import { describe, expect, it } from "vitest";
import { openBackend } from "../runtime/node/open.ts";
import { trainChar } from "../tokenizers/char.ts";
import { searchWithDecoder } from "./decoder-beams.ts";
import { DecoderEngine } from "./decoder-engine.ts";
import { DrawableIds } from "./drawable.ts";
import type { SamplingOptions } from "./engine.ts";
import { TinyDecoder } from "./testing/tiny-decoder.ts";

const tokenizer = trainChar(["abcdefghijklmnopqrstuvwxyz \n"]);
const V = tokenizer.vocabularySize;
const PADDING = 8;

/** A network whose padding is likelier than all tokens: rows of the embeddings ten times another's, with either sign. */
function padded(): TinyDecoder {
  const network = new TinyDecoder({ vocabulary: V + PADDING, deviation: 0.3, context: 32 });
  const { data, shape } = network.tokens.weight;
  const width = shape[1];
  for (let i = 0; i < PADDING; i++)
    for (let j = 0; j < width; j++) data[(V + i) * width + j] = (i % 2 === 0 ? 10 : -10) * data[(i >> 1) * width + j];
  return network;
}

describe("ids without a token", () => {
  const gaps = { vocabularySize: 6, tokenOf: (id: number) => ([0, 2, 3].includes(id) ? "x" : undefined) };

  it("are those beyond the last one with a token, and holes before it", () => {
    const ids = new DrawableIds(gaps, 9);
    expect([ids.size, ids.holes, ids.unused(9)]).toEqual([4, [1], [1, 4, 5, 6, 7, 8]]);
    expect([-1, 0, 1, 2, 3, 4].map((id) => ids.has(id))).toEqual([false, true, false, true, true, false]);
    const row = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
    expect([...ids.of(row)]).toEqual([1, -Infinity, 3, 4]);
    expect([...row]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    ids.close(row);
    expect([...row]).toEqual([1, -Infinity, 3, 4, ...Array(5).fill(-Infinity)]);
  });

  it("are none where tokenizer and network have as many", () => {
    const ids = new DrawableIds(tokenizer, V);
    const row = new Float32Array(V);
    expect(ids.of(row).buffer).toBe(row.buffer);
    expect(ids.unused(V)).toEqual([]);
  });
});

describe("a vocabulary padded beyond the tokenizer's", async () => {
  const backend = await openBackend();
  const network = padded();
  const prompt = tokenizer.encode("the");

  it.each<[string, SamplingOptions]>([
    ["greedily", {}],
    ["at a temperature", { temperature: 1.5, seed: 1 }],
    ["with all filters", { temperature: 2, topK: V + 4, topP: 0.99, minP: 1e-6, typicalP: 0.99, seed: 2 }],
    ["with penalties and a bias for padding", { repetitionPenalty: 1.3, frequencyPenalty: 0.5, logitBias: new Map([[V + 1, 100]]) }],
  ])("is never drawn from %s", async (_, sampling) => {
    const engine = await DecoderEngine.open({ network, tokenizer, backend, slots: 1 });
    const ids: number[] = [];
    for await (const { id, top, logprob } of engine.generate({ prompt, maxTokens: 20, sampling, logprobs: V + PADDING })) {
      ids.push(id);
      expect(top!.length).toBe(V);
      expect(Math.max(...top!.map((other) => other.id))).toBeLessThan(V);
      expect(top!.reduce((sum, other) => sum + Math.exp(other.logprob), 0)).toBeCloseTo(1, 5);
      expect(logprob).toBeLessThanOrEqual(0);
    }
    await engine.close();
    expect(ids.length).toBeGreaterThan(0);
    expect(Math.max(...ids)).toBeLessThan(V);
    expect(() => tokenizer.decode(ids)).not.toThrow();
  });

  it("is never part of a beam", async () => {
    const found = await searchWithDecoder({ network, tokenizer, backend, prompt, beams: 3, maxLength: 8, endToken: 0 });
    expect(found.length).toBe(3);
    for (const { tokens } of found) expect(Math.max(...tokens)).toBeLessThan(V);
  });
});
