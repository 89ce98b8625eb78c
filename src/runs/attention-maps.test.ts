import { beforeAll, expect, it } from "vitest";
import { RandomStream } from "../core/random.ts";
import { findModel } from "../models/index.ts";
import type { Backend } from "../runtime/backend.ts";
import { openBackend } from "../runtime/node/open.ts";
import { learnTokenizer } from "../tokenizers/learn.ts";
import { attentionMaps, attentionPicture } from "./attention-maps.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

const tokenizer = learnTokenizer("char", ["the cat sat on the mat\n"]);

it.each(["gpt", "llama"])("%s: each token looks at itself and those before it, with weights that sum to 1", async (name) => {
  const record = findModel(name);
  const network = record.build(record.presets.smoke.config, new RandomStream(1, "weights"));
  const { tokens, layers } = await attentionMaps(network, backend, tokenizer, "the cat\n");
  expect(tokens).toEqual(["t", "h", "e", "_", "c", "a", "t", "/"]);
  expect(layers.length).toBe(2);
  const T = tokens.length;
  for (const weights of layers.flat()) {
    for (let t = 0; t < T; t++) {
      const row = [...weights.subarray(t * T, (t + 1) * T)];
      expect(row.slice(0, t + 1).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
      expect(row.slice(t + 1)).toEqual(Array(T - t - 1).fill(0));
    }
  }
  const [all, one] = [attentionPicture({ tokens, layers }), attentionPicture({ tokens, layers }, { layer: 1 })];
  expect(all.width).toBe(one.width);
  expect(all.height).toBeGreaterThan(one.height);
});

it("says what has no attention, and what is too long", async () => {
  const [lstm, gpt] = [findModel("lstm"), findModel("gpt")];
  const network = lstm.build(lstm.presets.smoke.config, new RandomStream(1, "weights"));
  const attending = gpt.build(gpt.presets.smoke.config, new RandomStream(1, "weights"));
  await expect(attentionMaps(network, backend, tokenizer, "the")).rejects.toThrow("no attention");
  await expect(attentionMaps(attending, backend, tokenizer, "the cat ".repeat(20))).rejects.toThrow("1 to 64 tokens");
});
