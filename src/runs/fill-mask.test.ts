import { expect, it } from "vitest";
import { RandomStream } from "../core/random.ts";
import { Bert } from "../nn/transformers/bert.ts";
import { Gpt2 } from "../nn/transformers/gpt2.ts";
import { openBackend } from "../runtime/node/open.ts";
import { learnTokenizer } from "../tokenizers/learn.ts";
import { fillMasks } from "./fill-mask.ts";

const tokenizer = learnTokenizer("wordpiece", ["the cat sat on the mat and the dog sat on the log"], { size: 40 });
const sizes = { vocabulary: tokenizer.vocabularySize + 2, context: 12, width: 8, layers: 1, heads: 2 };

it("each mask has its likeliest tokens, with probabilities of the whole vocabulary", async () => {
  const backend = await openBackend({ device: "cpu" });
  const network = new Bert(sizes, new RandomStream(1, "weights"));
  const all = await fillMasks(network, tokenizer, backend, "the [MASK] sat on the [MASK]", { top: 100 });
  expect(all.length).toBe(2);
  for (const guesses of all) {
    const sum = guesses.reduce((total, { probability }) => total + probability, 0);
    expect(sum).toBeGreaterThan(0.8);
    expect(sum).toBeLessThanOrEqual(1.00001);
    expect(guesses.map(({ probability }) => probability)).toEqual(guesses.map(({ probability }) => probability).sort((a, b) => b - a));
    expect(guesses.length).toBe(tokenizer.vocabularySize);
  }
  const fails = (text: string, other: Bert | Gpt2 = network) => fillMasks(other, tokenizer, backend, text);
  await expect(fails("the cat")).rejects.toThrow("no mask");
  await expect(fails("[MASK] ".repeat(20))).rejects.toThrow("longer than the context");
  await expect(fails("[MASK]", new Gpt2(sizes, new RandomStream(1, "weights")))).rejects.toThrow("fills no masks");
});
