import { afterAll, describe, expect, it } from "vitest";
import { openBackend } from "../runtime/node/open.ts";
import { compile } from "../runtime/program.ts";
import { trainChar } from "../tokenizers/char.ts";
import { DecoderEngine } from "./decoder-engine.ts";
import type { Finish, GeneratedToken, GenerationRequest } from "./engine.ts";
import { likeliest } from "./sampler.ts";
import { TinyDecoder } from "./testing/tiny-decoder.ts";

const alphabet = "abcdefghijklmnopqrstuvwxyz .,ABCDEFGHIJKLMNOPQRSTUVWXYZ\n";
const tokenizer = trainChar([alphabet]);
const network = new TinyDecoder({ vocabulary: tokenizer.vocabularySize, deviation: 0.3, context: 48 });
const backend = await openBackend();
const engine = await DecoderEngine.open({ network, tokenizer, backend, slots: 3, chunk: 5 });

async function collect(request: GenerationRequest): Promise<{ tokens: GeneratedToken[]; finish: Finish; text: string }> {
  const tokens: GeneratedToken[] = [];
  const stream = engine.generate(request);
  for (;;) {
    const { done, value } = await stream.next();
    if (done) return { tokens, finish: value, text: tokens.map(({ text }) => text).join("") };
    tokens.push(value);
  }
}

/** Greedy text by running the whole sequence anew for each token. */
async function slowly(prompt: Int32Array, count: number): Promise<number[]> {
  const ids = [...prompt];
  for (let i = 0; i < count; i++) {
    const shape = [1, ids.length];
    const program = await compile(backend, ({ tokens, positions }) => ({ logits: network.decode(tokens, positions).logits }), {
      inputs: { tokens: { shape, dtype: "int32" }, positions: { shape, dtype: "int32" } },
    });
    const { logits } = await program.run({ tokens: ids, positions: ids.map((_, at) => at) });
    ids.push(likeliest((logits as Float32Array).subarray(-network.decoder.vocabulary)));
    await program.dispose();
  }
  return ids.slice(prompt.length);
}

const prompts = ["The cat", "a", "Whoever reads this long prompt"].map((text) => tokenizer.encode(text));

afterAll(() => engine.close());

describe("DecoderEngine", () => {
  it("gives the tokens that the network without a cache gives", async () => {
    const { tokens, finish } = await collect({ prompt: prompts[0], maxTokens: 6 });
    expect(tokens.map(({ id }) => id)).toEqual(await slowly(prompts[0], 6));
    expect(finish).toEqual({ reason: "length", promptTokens: 7, completionTokens: 6 });
  });

  it("gives each text the same tokens whatever else is in the batch, also while others wait", async () => {
    const request = (i: number): GenerationRequest => ({
      prompt: prompts[i % 3],
      maxTokens: 6 + i,
      sampling: { temperature: 0.9, topK: 20, seed: i },
    });
    const alone = [];
    for (let i = 0; i < 7; i++) alone.push((await collect(request(i))).text);
    const together = await Promise.all(Array.from({ length: 7 }, (_, i) => collect(request(i))));
    expect(together.map(({ text }) => text)).toEqual(alone);
    expect(new Set(alone).size).toBe(7);
    expect(engine.stats()).toMatchObject({ active: 0, waiting: 0 });
  });

  it("ends at a stop string, which is not shown, nor its begin before", async () => {
    const free = await collect({ prompt: prompts[1], maxTokens: 20, sampling: { temperature: 1, seed: 5 } });
    const stop = free.text.slice(6, 9);
    const { text, tokens, finish } = await collect({
      prompt: prompts[1],
      maxTokens: 20,
      sampling: { temperature: 1, seed: 5 },
      stop: [stop],
    });
    expect(text).toBe(free.text.slice(0, free.text.indexOf(stop)));
    expect(finish).toMatchObject({ reason: "stop", stop });
    expect(tokens.length).toBe(finish.completionTokens);
  });

  it("ends with an end token", async () => {
    const [first] = await slowly(prompts[0], 1);
    const ending = await DecoderEngine.open({ network, tokenizer, backend, endTokens: [first] });
    const stream = ending.generate({ prompt: prompts[0], maxTokens: 4 });
    expect(await stream.next()).toMatchObject({ value: { id: first, text: "" } });
    expect(await stream.next()).toEqual({ done: true, value: { reason: "stop", promptTokens: 7, completionTokens: 1 } });
    await ending.close();
  });

  it("tells log-probabilities, which add up to 1", async () => {
    const { tokens } = await collect({ prompt: prompts[0], maxTokens: 2, logprobs: network.decoder.vocabulary });
    for (const { id, logprob, top } of tokens) {
      expect(top!.reduce((sum, alternative) => sum + Math.exp(alternative.logprob), 0)).toBeCloseTo(1, 5);
      expect(top![0]).toEqual({ id, logprob });
    }
  });

  it("cancels by a signal and by leaving the loop, and frees the slot", async () => {
    const controller = new AbortController();
    const cancelled = collect({ prompt: prompts[0], maxTokens: 40, signal: controller.signal });
    for await (const _token of engine.generate({ prompt: prompts[1], maxTokens: 40 })) break;
    controller.abort();
    expect((await cancelled).finish.reason).toBe("cancelled");
    expect(engine.stats()).toMatchObject({ active: 0, waiting: 0 });
  });

  it("embeds texts as vectors of length 1, with the same vector for the same text", async () => {
    const [a, b, c] = await engine.embed([prompts[0], prompts[2], prompts[0]]);
    expect(Math.hypot(...a)).toBeCloseTo(1, 5);
    expect(c).toEqual(a);
    expect(b).not.toEqual(a);
  });

  it("names what is wrong with a request", async () => {
    const bad = (request: Partial<GenerationRequest>) => collect({ prompt: prompts[0], maxTokens: 4, ...request });
    await expect(bad({ prompt: new Int32Array(0) })).rejects.toThrow(/empty/);
    await expect(bad({ prompt: new Int32Array(48) })).rejects.toThrow(/does not fit/);
    await expect(bad({ maxTokens: 100 })).rejects.toThrow(/1 to 41/);
    await expect(bad({ prompt: Int32Array.of(9999) })).rejects.toThrow(/9999/);
    await expect(bad({ sampling: { temperature: -1 } })).rejects.toThrow(/temperature/);
    await expect(bad({ sampling: { topP: 0 } })).rejects.toThrow(/topP/);
  });

  it("reads a short cache again some time after a long text, and goes on as if it had always been short", async () => {
    const long = new TinyDecoder({ vocabulary: tokenizer.vocabularySize, deviation: 0.3, context: 700, layers: 1 });
    const both = await DecoderEngine.open({ network: long, tokenizer, backend, slots: 2 });
    const read = async (request: GenerationRequest) => {
      const ids: number[] = [];
      for await (const { id } of both.generate(request)) ids.push(id);
      return ids;
    };
    const short = (): GenerationRequest => ({ prompt: prompts[0], maxTokens: 300 });
    const before = await read(short());
    const small = both.cacheBytes;
    await read({ prompt: Int32Array.from({ length: 690 }, (_, i) => i % tokenizer.vocabularySize), maxTokens: 2 });
    const large = both.cacheBytes;
    expect(large).toBeGreaterThan(1.8 * small);
    const after = await Promise.all([read(short()), read({ prompt: prompts[1], maxTokens: 300 })]);
    expect(after[0]).toEqual(before);
    expect(both.cacheBytes).toBeLessThan(2 * large);
    await both.close();
  });
});
