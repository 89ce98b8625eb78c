// Tiny random checkpoints that Hugging Face's library wrote (make_pretrained.py), its logits and its greedy text.
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { Tensor } from "../../src/graph/tensor.ts";
import type { DecoderNetwork } from "../../src/nn/decoder.ts";
import type { Bert } from "../../src/nn/transformers/bert.ts";
import { bertArchitecture } from "../../src/pretrained/bert.ts";
import { gpt2Architecture } from "../../src/pretrained/gpt2.ts";
import { readConfig } from "../../src/pretrained/index.ts";
import { llamaArchitecture } from "../../src/pretrained/llama.ts";
import { type PretrainedModel, readModelFolder, requireTokenizer } from "../../src/pretrained/node/index.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { compile } from "../../src/runtime/program.ts";

const data = path.join(path.dirname(fileURLToPath(import.meta.url)), "data", "pretrained");

interface Expected {
  parameters: number;
  tokens: number[][];
  places: number[];
  logits: number[][];
  prompt: number[];
  greedy: number[];
  text: string;
}

function expectedOf(name: string): Expected {
  return JSON.parse(readFileSync(path.join(data, name, "expected.json"), "utf8")) as Expected;
}

type Decoder = DecoderNetwork & {
  call: (tokens: Tensor) => Tensor;
};

/** Greedy text by prefill and one-token steps over a cache of 48 places. */
async function greedily({ network }: PretrainedModel, prompt: readonly number[], count: number): Promise<number[]> {
  const backend = await openBackend();
  const decoder = network as Decoder;
  const { layers, keyValueHeads, headSize } = decoder.decoder;
  const [S, T] = [48, prompt.length];
  const shape = [1, keyValueHeads, S, headSize];
  const caches = (kind: string) => Array.from({ length: layers }, (_, i) => `${kind}${i}`);
  const outputs = ({ logits, keys, values }: ReturnType<Decoder["decode"]>) => ({
    next: logits.slice(1, logits.shape[1] - 1, logits.shape[1]).argmax(-1),
    ...Object.fromEntries([...keys.map((t, i) => [`newK${i}`, t]), ...values.map((t, i) => [`newV${i}`, t])]),
  });
  const step = { tokens: { shape: [1, 1], dtype: "int32" as const }, positions: { shape: [1, 1], dtype: "int32" as const } };
  const prefill = await compile(backend, ({ tokens, positions }) => outputs(decoder.decode(tokens, positions)), {
    inputs: { tokens: { shape: [1, T], dtype: "int32" }, positions: { shape: [1, T], dtype: "int32" } },
  });
  const decode = await compile(
    backend,
    (inputs: Record<string, Tensor>) => {
      const past = { keys: caches("k").map((n) => inputs[n]), values: caches("v").map((n) => inputs[n]), mask: inputs.mask };
      return outputs(decoder.decode(inputs.tokens, inputs.positions, past));
    },
    {
      inputs: {
        ...step,
        mask: { shape: [1, 1, 1, S + 1], dtype: "bool" },
        ...Object.fromEntries([...caches("k"), ...caches("v")].map((name) => [name, { shape }])),
      },
    },
  );
  const put = (from: Record<string, ArrayLike<number> | ArrayLike<bigint>>, at: number, length: number) => {
    for (let layer = 0; layer < layers; layer++)
      for (const [to, source] of [
        [`k${layer}`, `newK${layer}`],
        [`v${layer}`, `newV${layer}`],
      ])
        for (let head = 0; head < keyValueHeads; head++) {
          const made = (from[source] as Float32Array).subarray(head * length * headSize, (head + 1) * length * headSize);
          (decode.inputs[to] as Float32Array).set(made, (head * S + at) * headSize);
        }
  };
  const first = await prefill.run({ tokens: prompt, positions: prompt.map((_, i) => i) });
  put(first as never, 0, T);
  const ids = [Number((first as Record<string, ArrayLike<number>>).next[0])];
  while (ids.length < count) {
    const at = T + ids.length - 1;
    const mask = Array.from({ length: S + 1 }, (_, i) => Number(i < at || i === S));
    const made = await decode.run({ tokens: [ids[ids.length - 1]], positions: [at], mask });
    put(made as never, at, 1);
    ids.push(Number((made as Record<string, ArrayLike<number>>).next[0]));
  }
  await prefill.dispose();
  await decode.dispose();
  return ids;
}

describe.each(["gpt2", "llama", "llama3", "qwen2"])("%s of Hugging Face's files", (name) => {
  const expected = expectedOf(name);

  it("has the reference's logits", async () => {
    const { network, configJson } = await readModelFolder(path.join(data, name));
    const { architecture, config } = readConfig(configJson, name);
    expect(network.parameterCount).toBe(expected.parameters);
    expect(architecture.parameterCount(config)).toBe(expected.parameters);
    const [B, T] = [expected.tokens.length, expected.tokens[0].length];
    const program = await compile(await openBackend(), ({ tokens }) => ({ logits: (network as Decoder).call(tokens) }), {
      inputs: { tokens: { shape: [B, T], dtype: "int32" } },
    });
    const { logits } = await program.run({ tokens: expected.tokens.flat() });
    const V = logits.length / (B * T);
    let worst = 0;
    expected.logits.forEach((row, i) => {
      const at = (Math.floor(i / expected.places.length) * T + expected.places[i % expected.places.length]) * V;
      row.forEach((value, j) => {
        worst = Math.max(worst, Math.abs(value - Number(logits[at + j])));
      });
    });
    expect(worst).toBeLessThan(2e-5);
    await program.dispose();
  });

  it("writes the reference's greedy text, token by token over a cache", async () => {
    const model = await readModelFolder(path.join(data, name));
    const tokenizer = requireTokenizer(model);
    expect([...tokenizer.encode("the boat and the ")]).toEqual(expected.prompt);
    const ids = await greedily(model, expected.prompt, expected.greedy.length);
    expect(ids).toEqual(expected.greedy);
    expect(tokenizer.decode([...expected.prompt, ...ids])).toBe(expected.text);
  });
});

interface BertExpected {
  parameters: number;
  tokens: number[][];
  segments: number[][];
  mask: number[][];
  masked?: number[];
  next?: number[];
  classes?: number[];
}

describe.each(["bert", "bert-classes"])("%s of Hugging Face's files", (name) => {
  it("has the reference's logits of each head, with segments and padding", async () => {
    const expected = JSON.parse(readFileSync(path.join(data, name, "expected.json"), "utf8")) as BertExpected;
    const network = (await readModelFolder(path.join(data, name))).network as Bert;
    expect(network.parameterCount).toBe(expected.parameters);
    expect(bertArchitecture.parameterCount(network.config)).toBe(expected.parameters);
    const shape = [expected.tokens.length, expected.tokens[0].length];
    const program = await compile(
      await openBackend(),
      ({ tokens, segments, mask }) => {
        const hidden = network.call(tokens, { segments, mask });
        const pooled = network.pooled(hidden);
        const outputs: Record<string, Tensor> =
          expected.classes === undefined
            ? { masked: network.maskedLogits(hidden), next: network.nextSentence(pooled) }
            : { classes: network.classify(pooled) };
        return outputs;
      },
      { inputs: { tokens: { shape, dtype: "int32" }, segments: { shape, dtype: "int32" }, mask: { shape, dtype: "bool" } } },
    );
    const got = await program.run({ tokens: expected.tokens.flat(), segments: expected.segments.flat(), mask: expected.mask.flat() });
    for (const [head, values] of Object.entries(got)) {
      const wanted = expected[head as "masked"]!;
      expect(values.length).toBe(wanted.length);
      expect(Math.max(...wanted.map((value, i) => Math.abs(value - Number(values[i]))))).toBeLessThan(2e-5);
    }
    await program.dispose();
  });
});

describe("networks as large as the published ones have as many parameters", () => {
  const bert = (width: number, layers: number, heads: number) => ({ vocabulary: 30_522, context: 512, width, layers, heads });
  const gpt2 = (width: number, layers: number, heads: number) => ({ vocabulary: 50_257, context: 1024, width, layers, heads });

  it("BERT base and large, with and without their heads", () => {
    const bare = { masked: false, nextSentence: false };
    expect(bertArchitecture.parameterCount(bert(768, 12, 12))).toBe(110_106_428);
    expect(bertArchitecture.parameterCount(bert(1024, 24, 16))).toBe(336_226_108);
    expect(bertArchitecture.parameterCount({ ...bert(768, 12, 12), ...bare })).toBe(109_482_240);
    expect(bertArchitecture.parameterCount({ ...bert(1024, 24, 16), ...bare })).toBe(335_141_888);
  });

  it("GPT-2 small and XL, Llama 2's 7 billion and Llama 3.2's 1 billion", () => {
    expect(gpt2Architecture.parameterCount(gpt2(768, 12, 12))).toBe(124_439_808);
    expect(gpt2Architecture.parameterCount(gpt2(1600, 48, 25))).toBe(1_557_611_200);
    const llama2 = { vocabulary: 32_000, context: 4096, width: 4096, layers: 32, heads: 32, hidden: 11_008 };
    expect(llamaArchitecture.parameterCount(llama2)).toBe(6_738_415_616);
    const llama3 = {
      vocabulary: 128_256,
      context: 131_072,
      width: 2048,
      layers: 16,
      heads: 32,
      keyValueHeads: 8,
      hidden: 8192,
      tied: true,
    };
    expect(llamaArchitecture.parameterCount(llama3)).toBe(1_235_814_400);
  });
});
