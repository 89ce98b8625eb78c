import { beforeAll, describe, expect, test } from "vitest";
import type { TypedArray } from "../../src/core/dtype.ts";
import { RandomStream } from "../../src/core/random.ts";
import { type ExampleSet, isPoint, limitExamples, requireImages } from "../../src/data/dataset.ts";
import { drawPointSet } from "../../src/data/points.ts";
import { findDataset } from "../../src/data/sets/index.ts";
import { tokensInMemory } from "../../src/data/text/tokens.ts";
import { isText, isWindow, type PairShape, type WindowShape, windowSet } from "../../src/data/token-set.ts";
import { isLeaf, type Parameter, type State } from "../../src/graph/leaf.ts";
import { defaultTraining, type ModelRecord, models, trainingSettings } from "../../src/models/index.ts";
import { continuesText, openNextToken } from "../../src/models/next-token.ts";
import { type Module, namedParameters, summary } from "../../src/nn/module.ts";
import { openTextWriter } from "../../src/runs/continue-text.ts";
import { rowsOf } from "../../src/runs/drawn.ts";
import { drawPoints, drawSamples } from "../../src/runs/sampling.ts";
import type { Backend } from "../../src/runtime/backend.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { compile } from "../../src/runtime/program.ts";
import { learnTokenizer } from "../../src/tokenizers/learn.ts";
import { evaluate } from "../../src/train/evaluate.ts";
import type { FlatParameters } from "../../src/train/flat.ts";
import { TrainingSession } from "../../src/train/session.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

/** A few examples with structure: points of two moons, or pictures with a bright square whose place tells the class. */
function examples(record: ModelRecord, config: unknown, count: number): ExampleSet {
  const shape = record.data.shape(config);
  if (isText(shape)) return isWindow(shape) ? windows(shape, count) : pairs(shape, count);
  if (isPoint(shape)) return moons(count);
  const [channels, height, width] = shape;
  const stream = new RandomStream(0, "squares");
  const images = new Uint8Array(count * channels * height * width).map(() => stream.below(40));
  const kinds = Math.min(4, record.data.conditions?.(config) ?? 4);
  const labels = Uint8Array.from({ length: count }, (_, i) => i % kinds);
  for (let n = 0; n < count; n++) {
    const [top, left] = [(labels[n] >> 1) * (height / 2), (labels[n] & 1) * (width / 2)];
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height / 2; y++)
        images.fill(
          220,
          ((n * channels + c) * height + top + y) * width + left,
          ((n * channels + c) * height + top + y) * width + left + width / 2,
        );
    }
  }
  const classes = Array.from({ length: record.data.conditions?.(config) ?? 4 }, (_, i) => `class ${i}`);
  return { kind: "images", card: { name: "squares" } as never, split: "train", shape, images, labels, classes, count };
}

const words = "the cat sat on the mat and the dog sat on the log; the cat ran. ".repeat(20);

/** Windows of a little text that repeats itself, as numbers of its letters. */
function windows(shape: WindowShape, count: number): ExampleSet {
  const tokenizer = learnTokenizer("char", [words]);
  const ids = tokenizer.encode(words).map((id) => id % shape.vocabulary);
  const set = windowSet(tokensInMemory(ids, shape.vocabulary), {
    card: card("words"),
    split: "train",
    shape,
    bytesPerToken: 1,
    digest: "",
    tokenizer,
  });
  return limitExamples(set, count);
}

/** Pairs of numbers and the same backwards, begun with 1 and ended with 2. */
function pairs(shape: PairShape, count: number): ExampleSet {
  const { source: S, target: T, vocabulary, sourceVocabulary = vocabulary } = shape;
  const stream = new RandomStream(0, "pairs");
  const [sources, targets] = [new Int32Array(count * S), new Int32Array(count * T)];
  for (let n = 0; n < count; n++) {
    const kinds = Math.min(vocabulary, sourceVocabulary) - 3;
    const ids = Array.from({ length: 1 + stream.below(Math.min(S - 1, T - 2)) }, () => 3 + stream.below(kinds));
    sources.set([...ids, 2], n * S);
    targets.set([1, ...ids.toReversed(), 2], n * T);
  }
  const texts = Array.from({ length: count }, () => ({ source: "", target: "" }));
  return { kind: "pairs", card: card("backwards"), split: "train", shape, sources, targets, texts, count, bytesPerToken: 1, digest: "" };
}

/** A model of text goes on from a prompt, the same for each seed, and token by token as it does from all tokens at once. */
async function writes(record: ModelRecord, config: unknown, network: Module): Promise<void> {
  const shape = record.data.shape(config) as WindowShape;
  if (!continuesText(record) || !isWindow(shape)) return;
  const tokenizer = learnTokenizer("char", [words]);
  const writer = await openTextWriter({ record, config, network, backend }, tokenizer);
  const prompt = Int32Array.of(1, 2, 3);
  const write = async (seed: number) => {
    const ids: number[] = [];
    const limited = { temperature: 1, seed };
    for await (const { id } of writer.generate({ prompt, maxTokens: 12, sampling: limited })) ids.push(id);
    return ids;
  };
  const [a, b, c] = [await write(1), await write(1), await write(2)];
  expect(a).toHaveLength(12);
  expect(a).toEqual(b);
  expect(a).not.toEqual(c);
  await writer.close();
  if (record.logits === undefined) return;
  const program = await compile(backend, ({ tokens }) => ({ logits: record.logits!(network, tokens) }), {
    inputs: { tokens: { shape: [1, 3], dtype: "int32" as const } },
  });
  const { logits } = await program.run({ tokens: prompt });
  expect(logits.length).toBe(3 * shape.vocabulary);
  const reader = await openNextToken({ record, config, network, compile: (build, options) => compile(backend, build, options) });
  const scores = await reader.read(prompt);
  scores.forEach((score, i) => {
    expect(score).toBeCloseTo(Number(logits[2 * shape.vocabulary + i]), 4);
  });
  await reader.close();
}

const card = (name: string) => ({ name }) as never;

function moons(count: number): ExampleSet {
  const dataset = findDataset(`moons:train=${count}`);
  if (!("density" in dataset)) throw new Error("moons are points");
  return drawPointSet(dataset, "train");
}

function session(record: ModelRecord, preset: string, { batch = 8, seed = 0, rate = 3e-3 } = {}): Promise<TrainingSession> {
  const { config, training } = record.presets[preset];
  const settings = { ...defaultTraining, ...training, batch, learningRate: rate, epochs: 1e4 };
  return TrainingSession.create({ record, config, training: settings, set: examples(record, config, batch), seed, backend });
}

function checkGradients(flat: FlatParameters, expected: Readonly<Record<string, { data: ArrayLike<number | bigint> }>>): void {
  const got = flat.views(flat.gradients);
  for (const name of flat.names) {
    const want = Array.from(expected[`gradient:${name}`].data, Number);
    expect(got[name].every(Number.isFinite)).toBe(true);
    const worst = Math.max(...want.map((v, at) => Math.abs(v - got[name][at])));
    expect(worst / Math.max(0.05, ...want.map(Math.abs)), name).toBeLessThan(1e-4);
  }
}

test("the book's CNN has exactly its parameters", () => {
  const record = models.find(({ name }) => name === "cnn")!;
  const { total, trainable } = summary(record.build(record.presets.paper.config, new RandomStream(0, "count")));
  expect({ total, trainable }).toEqual({ total: 592_554, trainable: 591_914 });
});

/** The small pictures of every model, and the points of those that take points. */
const cases = models.flatMap((record) =>
  ["smoke", "toy"].filter((preset) => record.presets[preset] !== undefined).map((preset) => [record.name, preset, record] as const),
);

describe.each(cases)("%s, %s", (_name, preset, record) => {
  const { config } = record.presets[preset];

  test("its presets are valid configurations, and its metrics are described", async () => {
    for (const preset of Object.values(record.presets)) {
      expect(record.config.safeParse(preset.config).success).toBe(true);
      expect([...record.data.sets, undefined]).toContain(preset.data);
    }
    // --set names a setting of the model or of the training, never both.
    expect(Object.keys(record.config.shape).filter((key) => key in trainingSettings.shape)).toEqual([]);
    // Sampling options have defaults, units and ranges.
    expect(record.sampling?.safeParse({}).success ?? true).toBe(true);
    for (const field of Object.values(record.sampling?.shape ?? {})) expect((field as { description?: string }).description).toBeTruthy();
    const set = examples(record, config, 8);
    const results = await evaluate({ record, config, network: record.build(config, new RandomStream(0, "init")), set, backend, batch: 3 });
    // Points may lack what only pictures have.
    expect(Object.keys(record.metricInfo)).toEqual(expect.arrayContaining(Object.keys(results)));
    if (preset === "smoke") expect(Object.keys(results).sort()).toEqual(Object.keys(record.metricInfo).sort());
    for (const value of Object.values(results)) expect(Number.isFinite(value)).toBe(true);
  });

  test("every parameter has a finite gradient, the same on the runtime and in the interpreter", async () => {
    const one = await session(record, preset);
    const { trainer } = one;
    await one.advance();
    for (const { program, phase } of trainer.stages) {
      const feeds: Record<string, TypedArray> = {};
      const leaves = program.graph.inputs.filter(({ tensor }) => isLeaf(tensor));
      for (const { name, tensor } of leaves) feeds[name] = (tensor as Parameter | State).data.slice();
      await program.run();
      for (const [name, values] of Object.entries(program.inputs)) feeds[name] = values;
      for (const { name } of program.graph.inputs.filter((input) => input.name.startsWith("random:"))) feeds[name] = program.drawn(name);
      const expected = interpret(program.graph, feeds);
      for (const player of phase.moves) checkGradients(trainer.players.get(player)!.parameters, expected);
    }
    await one.dispose();
  });

  test.runIf(record.objective)("the loss falls when one batch is learned by heart", async () => {
    const one = await session(record, preset);
    const first = (await one.advance()).terms.loss;
    let last = first;
    for (let i = 0; i < 150; i++) last = (await one.advance()).terms.loss;
    expect(last).toBeLessThan(first * 0.8);
    await one.dispose();
  });

  test.runIf(record.players)("every player moves, and all terms stay finite", async () => {
    const one = await session(record, preset);
    const before = new Map([...one.trainer.players].map(([name, { parameters }]) => [name, parameters.values.slice()]));
    for (let i = 0; i < 20; i++) await one.advance();
    const { terms } = await one.advance();
    for (const value of Object.values(terms)) expect(Number.isFinite(value)).toBe(true);
    for (const [name, { parameters, updates }] of one.trainer.players) {
      if (updates === 0) continue; // its phase comes later in the training
      expect(parameters.values, name).not.toEqual(before.get(name));
    }
    await one.dispose();
  });

  test("a restored session goes on with the same bits, and equal seeds give equal weights", async () => {
    const [one, other] = await Promise.all([session(record, preset, { seed: 5 }), session(record, preset, { seed: 5 })]);
    for (let i = 0; i < 5; i++) await one.advance();
    const saved = new Map([...one.trainer.tensors()].map(([name, { data }]) => [name, data.slice()]));
    const state = JSON.parse(JSON.stringify(one.state)) as typeof one.state;
    for (let i = 0; i < 5; i++) await one.advance();
    other.restore(state, saved);
    for (let i = 0; i < 5; i++) await other.advance();
    for (const [name, { parameters }] of one.trainer.players) {
      expect(Buffer.from(other.trainer.players.get(name)!.parameters.values.buffer).equals(Buffer.from(parameters.values.buffer))).toBe(
        true,
      );
    }
    const different = await session(record, preset, { seed: 6 });
    expect(different.trainer.parameters.values).not.toEqual(other.trainer.parameters.values);
    await Promise.all([one.dispose(), other.dispose(), different.dispose()]);
  });

  test("what it can do gives the promised shapes and ranges", async () => {
    const network = record.build(config, new RandomStream(0, "init"));
    const shape = record.data.shape(config);
    if (isText(shape)) return await writes(record, config, network);
    const size = shape.reduce((a, b) => a * b, 1);
    const ranged = (values: Float32Array) => values.every((v) => (isPoint(shape) ? Number.isFinite(v) : v >= 0 && v <= 1));
    const inputs = { images: { shape: [3, ...shape] } };
    if (record.reconstruct !== undefined) {
      const { pictures } = await (
        await compile(backend, ({ images }) => ({ pictures: record.reconstruct!(network, images) }), { inputs })
      ).run();
      expect(pictures.length).toBe(3 * size);
      expect(ranged(pictures as Float32Array)).toBe(true);
    }
    if (record.sample !== undefined) {
      const context = { record, config, network, backend };
      const from =
        record.starts === "needs" ? rowsOf(requireImages(examples(record, config, 3), "Starting from pictures"), 0, 3) : undefined;
      const draw = (seed: number) => (isPoint(shape) ? drawPoints(context, 3, seed) : drawSamples(context, 3, seed, { from }));
      const [a, b, c] = [await draw(1), await draw(1), await draw(2)];
      expect(a.shape).toEqual([3, ...shape]);
      expect(a.data).toEqual(b.data);
      expect(a.data).not.toEqual(c.data);
      expect(ranged(a.data)).toBe(true);
    }
    expect(namedParameters(network).size).toBeGreaterThan(0);
  });
});
