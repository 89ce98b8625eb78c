import { beforeAll, describe, expect, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import { EncoderDecoder, type EncoderDecoderConfig } from "./encoder-decoder.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

const config: EncoderDecoderConfig = {
  ...{ sourceVocabulary: 11, vocabulary: 13, width: 12, heads: 3, layers: 2, hidden: 20, norm: "post", tied: "none", dropout: 0.3 },
};
const source = [5, 7, 9, 2];
const target = [1, 5, 9, 4, 3];

function built(change: Partial<EncoderDecoderConfig>): EncoderDecoder {
  return new EncoderDecoder({ ...config, ...change }, new RandomStream(1, "weights"));
}

/** Logits of the target with the source padded to a length. */
async function scores(network: EncoderDecoder, length: number): Promise<Float32Array> {
  const program = await compile<"source" | "target", "logits">(
    backend,
    (given) => ({ logits: network.decode(given.target, network.encode(given.source)) }),
    { inputs: { source: { shape: [1, length], dtype: "int32" }, target: { shape: [1, target.length], dtype: "int32" } } },
  );
  (program.inputs.source as Int32Array).set(source);
  (program.inputs.target as Int32Array).set(target);
  const logits = ((await program.run()).logits as Float32Array).slice();
  await program.dispose();
  return logits;
}

describe.each(["post", "pre"] as const)("%s-norm", (norm) => {
  test("padding changes nothing", async () => {
    const network = built({ norm });
    const [exact, padded] = [await scores(network, source.length), await scores(network, 9)];
    exact.forEach((value, i) => {
      expect(padded[i]).toBeCloseTo(value, 5);
    });
  });

  test("step by step it scores as at once, and its looks add up to 1", async () => {
    const network = built({ norm });
    const wanted = await scores(network, source.length);
    const all = await compile<"source" | "target" | "positions", string>(
      backend,
      (given) => {
        const memory = network.encode(given.source);
        let caches = network.emptyCache(1, 7);
        const outputs: Record<string, ReturnType<EncoderDecoder["decode"]>> = {};
        target.forEach((_, t) => {
          const next = network.step(given.target.slice(1, t, t + 1).reshape([1]), given.positions.slice(0, t, t + 1), caches, memory);
          caches = next.caches;
          outputs[`logits${t}`] = next.logits;
          outputs[`weights${t}`] = next.weights;
        });
        return outputs;
      },
      {
        inputs: {
          source: { shape: [1, source.length], dtype: "int32" },
          target: { shape: [1, target.length], dtype: "int32" },
          positions: { shape: [target.length], dtype: "int32" },
        },
      },
    );
    const outputs = await all.run({ source, target, positions: target.map((_, t) => t) });
    target.forEach((_, t) => {
      for (let id = 0; id < config.vocabulary; id++) expect(outputs[`logits${t}`][id]).toBeCloseTo(wanted[t * config.vocabulary + id], 4);
      expect(Array.from(outputs[`weights${t}`] as Float32Array).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    });
    await all.dispose();
  });
});

test("tables are shared as asked, and sizes must fit", () => {
  const separate = built({}).parameterCount;
  const { vocabulary: V, sourceVocabulary: S, width: C } = config;
  expect(built({ tied: "target" }).parameterCount).toBe(separate - V * C - V);
  expect(built({ tied: "all", sourceVocabulary: V }).parameterCount).toBe(separate - V * C - V - S * C);
  expect(() => built({ tied: "all" })).toThrow("one vocabulary");
  expect(() => built({ heads: 5 })).toThrow("multiple of the 5 heads");
});

test("the base model has as many parameters as its formula says: 63 million with 37,000 shared tokens", () => {
  const of = (C: number, hidden: number, V: number, layers: number) =>
    V * C + layers * (12 * (C * C + C) + 2 * (2 * C * hidden + hidden + C) + 10 * C);
  expect(built({ tied: "all", sourceVocabulary: 13 }).parameterCount).toBe(of(12, 20, 13, 2));
  expect(Math.round(of(512, 2048, 37_000, 6) / 1e6)).toBe(63);
});
