import { beforeAll, describe, expect, test } from "vitest";
import { RandomStream } from "../core/random.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Module } from "../nn/module.ts";
import type { Backend } from "../runtime/backend.ts";
import { openBackend } from "../runtime/node/open.ts";
import { compile } from "../runtime/program.ts";
import { type Seq2SeqConfig, seq2seq } from "./language/seq2seq.ts";
import { type TransformerConfig, transformer } from "./language/transformer.ts";
import type { SampleContext } from "./model.ts";
import { type Translation, Translator } from "./translation.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

interface Built {
  network: Module;
  vocabulary: number;
  translation: Translation;
  /** source [B, S], inputs [B, T] -> logits [B, T, V], with the true tokens given. */
  forward(source: Tensor, inputs: Tensor): Tensor;
}

function recurrent(change: Partial<Seq2SeqConfig>): Built {
  const config = { ...seq2seq.presets.smoke.config, ...change };
  const network = seq2seq.build(config, new RandomStream(1, "weights"));
  const forward = (source: Tensor, inputs: Tensor) => network.call(source, inputs).logits;
  return { network, vocabulary: config.vocabulary, translation: seq2seq.translation as Translation, forward };
}

function attentive(change: Partial<TransformerConfig>): Built {
  const config = { ...transformer.presets.smoke.config, ...change };
  const network = transformer.build(config, new RandomStream(1, "weights"));
  const forward = (source: Tensor, inputs: Tensor) => network.call(source, inputs);
  return { network, vocabulary: config.vocabulary, translation: transformer.translation as Translation, forward };
}

const cases: [string, () => Built][] = [
  ["additive attention", () => recurrent({})],
  ["general attention", () => recurrent({ attention: "general" })],
  ["dot attention", () => recurrent({ attention: "dot" })],
  ["general attention with input feeding", () => recurrent({ attention: "general", inputFeeding: true })],
  ["Transformer", () => attentive({ layers: 2 })],
  ["Transformer, post-norm, one table", () => attentive({ norm: "post", tied: "all", sourceTokenizer: "same" })],
];
const compiler: SampleContext["compile"] = (build, options) => compile(backend, build, options);
const sources = [
  [5, 7, 9, 2],
  [4, 2],
  [8, 3, 3, 6, 10, 2],
];
const inputs = [1, 5, 9, 4];

/** Logits of each source with the same target, sources padded to `length`. */
async function run({ forward }: Built, rows: number[][], length: number): Promise<Float32Array[]> {
  const program = await compile<"source" | "inputs", "logits">(backend, (given) => ({ logits: forward(given.source, given.inputs) }), {
    inputs: { source: { shape: [rows.length, length], dtype: "int32" }, inputs: { shape: [rows.length, inputs.length], dtype: "int32" } },
  });
  rows.forEach((ids, i) => {
    (program.inputs.source as Int32Array).set(ids, i * length);
    (program.inputs.inputs as Int32Array).set(inputs, i * inputs.length);
  });
  const logits = (await program.run()).logits as Float32Array;
  const parts = rows.map((_, i) => logits.slice((i * logits.length) / rows.length, ((i + 1) * logits.length) / rows.length));
  await program.dispose();
  return parts;
}

function close(a: ArrayLike<number>, b: ArrayLike<number>): void {
  expect(a.length).toBe(b.length);
  for (let i = 0; i < a.length; i++) expect(a[i]).toBeCloseTo(b[i], 5);
}

describe.each(cases)("%s", (_name, build) => {
  test("padding and the batch's other pairs change nothing", async () => {
    const built = build();
    const together = await run(built, sources, 9);
    for (const [i, source] of sources.entries()) close(together[i], (await run(built, [source], source.length))[0]);
  });

  test("written step by step it scores as with the true tokens given, and a beam finds what is likelier", async () => {
    const built = build();
    const open = (beams: number) =>
      Translator.open({
        ...{ network: built.network, translation: built.translation, compile: compiler, begin: 1, end: 2, batch: 2, beams },
        ...{ sourceLength: 6, maxLength: 7, lengthPenalty: 0 },
      });
    const [greedy, wide] = [await open(1), await open(40)];
    const [written, best] = [await greedy.translate(sources), await wide.translate(sources)];
    for (const [i, source] of sources.entries()) {
      const [{ tokens, logProbability }] = written[i];
      // Teacher forcing on the written tokens gives the same log-probability.
      expect(logProbability).toBeCloseTo(await forcedLogProbability(built, source, tokens), 4);
      const [likeliest] = best[i];
      expect(likeliest.logProbability).toBeGreaterThanOrEqual(logProbability - 1e-5);
      expect(likeliest.logProbability).toBeCloseTo(await forcedLogProbability(built, source, likeliest.tokens), 4);
      const { weights, shape } = await greedy.align(source, tokens);
      expect(shape).toEqual([tokens.length, source.length]);
      for (let t = 0; t < tokens.length; t++) {
        const row = weights.subarray(t * source.length, (t + 1) * source.length);
        expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
      }
    }
    await expect(greedy.translate([[1, 2, 3, 4, 5, 6, 7]])).rejects.toThrow("A source does not fit");
    await expect(greedy.align([5, 2], new Int32Array(8))).rejects.toThrow("The target is too long");
    await expect(open(0)).rejects.toThrow();
    for (const translator of [greedy, wide]) await translator.close();
  });
});

test("ids without a token are never written, though the network has them", async () => {
  const { network, vocabulary, translation } = recurrent({});
  const about = { network, translation, compile: compiler, begin: 1, end: 2, batch: 1, sourceLength: 6, maxLength: 8 };
  const ids = async (beams: number, unused?: number[]) => {
    const translator = await Translator.open({ ...about, beams, unused });
    const [found] = await translator.translate([sources[0]]);
    await translator.close();
    return found.flatMap(({ tokens }) => tokens);
  };
  const written = (await ids(1)).filter((id) => id !== 2);
  expect(written.length).toBeGreaterThan(0);
  const unused = [written[0], vocabulary - 1];
  for (const beams of [1, 3]) expect((await ids(beams, unused)).filter((id) => unused.includes(id))).toEqual([]);
});

/** Sum of log p of `labels`; begin and padding are never written, so they take no probability. */
async function forcedLogProbability({ forward, vocabulary }: Built, source: number[], labels: readonly number[]): Promise<number> {
  const given = [1, ...labels.slice(0, -1)];
  const program = await compile<"source" | "inputs", "logits">(backend, (given) => ({ logits: forward(given.source, given.inputs) }), {
    inputs: { source: { shape: [1, source.length], dtype: "int32" }, inputs: { shape: [1, given.length], dtype: "int32" } },
  });
  (program.inputs.source as Int32Array).set(source);
  (program.inputs.inputs as Int32Array).set(given);
  const logits = (await program.run()).logits as Float32Array;
  const total = labels.reduce((sum, label, t) => {
    const row = Array.from(logits.subarray(t * vocabulary, (t + 1) * vocabulary), (score, id) =>
      id < 2 ? Number.NEGATIVE_INFINITY : score,
    );
    return sum + row[label] - Math.log(row.reduce((all, score) => all + Math.exp(score), 0));
  }, 0);
  await program.dispose();
  return total;
}

test("dot attention needs two sides of one width", () => {
  expect(() => recurrent({ attention: "dot", hidden: 6 })).toThrow("hidden=8: twice encoderHidden");
});
