import { beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { namedParameters, summary } from "../../nn/module.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import type { Batch } from "../model.ts";
import { openNextToken } from "../next-token.ts";
import { languageMetricInfo } from "./blocks.ts";
import { type LstmConfig, lstm } from "./lstm.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

const smoke = lstm.presets.smoke.config;
const network = (changes: Partial<LstmConfig> = {}) => lstm.build({ ...smoke, ...changes }, new RandomStream(0, "init"));

describe("lstm", () => {
  it("of the book has exactly its parameters", () => {
    expect(summary(lstm.build(lstm.presets.paper.config, new RandomStream(0, "count"))).total).toBe(2_407_760);
  });

  it("tied shares one table, and asks for equal sizes", () => {
    const names = [...namedParameters(network({ tied: true, embedding: 10 })).keys()];
    expect(names).toContain("embedding.weight");
    expect(names).toContain("bias");
    expect(names.filter((name) => name.startsWith("head"))).toEqual([]);
    const refused = lstm.config.safeParse({ ...smoke, tied: true });
    expect(refused.error?.issues[0].message).toContain("embedding and hidden must be one number");
  });

  it.each(["lstm", "gru"] as const)("carries its state: tokens in pieces give the scores of all at once (%s)", async (cell) => {
    const config = { ...smoke, cell, tied: true, embedding: 10, dropout: 0.5 };
    const model = lstm.build(config, new RandomStream(1, "init"));
    const tokens = Int32Array.of(3, 1, 4, 1, 5, 9, 2, 6);
    const program = await compile(backend, (inputs) => ({ logits: lstm.logits!(model, inputs.tokens) }), {
      inputs: { tokens: { shape: [1, 8], dtype: "int32" as const } },
    });
    const { logits } = await program.run({ tokens });
    const reader = await openNextToken({
      record: lstm as never,
      config,
      network: model,
      compile: (build, o) => compile(backend, build, o),
    });
    for (let round = 0; round < 2; round++) {
      for (const [end, part] of [
        [3, tokens.subarray(0, 3)],
        [8, tokens.subarray(3)],
      ] as const) {
        const scores = await reader.read(part);
        scores.forEach((score, i) => {
          expect(score).toBeCloseTo(Number(logits[(end - 1) * config.vocabulary + i]), 5);
        });
      }
      reader.reset();
    }
    await expect(reader.read([])).rejects.toThrow("no token to go on from");
    await reader.close();
  });

  it("an even guess has the perplexity of the vocabulary, and bits per byte from bytes per token", async () => {
    const model = network();
    for (const parameter of namedParameters(model).values()) parameter.data.fill(0);
    const program = await compile(backend, (batch, rng) => lstm.metrics(model, batch as unknown as Batch, rng), {
      inputs: { tokens: { shape: [2, 9], dtype: "int32" as const } },
    });
    const { nats, perplexity } = await program.run({ tokens: Int32Array.from({ length: 18 }, (_, i) => i % 24) });
    expect([...nats, ...perplexity].map(Number)).toEqual([0, 0, 0, 0].map(() => expect.closeTo(Math.log(24), 5)));
    const { perplexity: exp, bitsPerByte } = languageMetricInfo;
    expect(exp.reduce([Math.log(24)])).toBeCloseTo(24, 10);
    expect(bitsPerByte.reduce([Math.log(256)], { bytesPerToken: 2 })).toBeCloseTo(4, 12);
    expect(bitsPerByte.reduce([1], {})).toBeNaN();
  });
});
