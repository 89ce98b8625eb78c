import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../core/random.ts";
import { splitLabelled } from "../data/text/labelled.ts";
import { Bert } from "../nn/transformers/bert.ts";
import { decodeSafetensors } from "../pretrained/safetensors.ts";
import type { Backend } from "../runtime/backend.ts";
import { openBackend } from "../runtime/node/open.ts";
import { learnTokenizer } from "../tokenizers/learn.ts";
import { classifyTexts, idsWithin, measureClassifier, textClassifier } from "./classify.ts";
import { classifierLength, classifierRate, finetuneClassifier, writeClassifier } from "./finetune-classifier.ts";
import { loadText } from "./text-engine.ts";

const golden = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../tests/golden/data/pretrained");
let backend: Backend;
let folder: string;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
  folder = await mkdtemp(path.join(tmpdir(), "atelier-classify-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Told {
  label: string;
  score: number;
}

describe("a folder of Hugging Face's library", () => {
  it("is told apart as its pipeline does, one by one and padded in a batch", async () => {
    const expected = JSON.parse(await readFile(path.join(golden, "bert-labels", "expected.json"), "utf8")) as {
      texts: string[];
      ids: number[][];
      told: Told[][];
    };
    const classifier = textClassifier(await loadText(path.join(golden, "bert-labels")));
    expect(classifier.labels).toEqual(["calm", "storm", "night"]);
    expect(expected.texts.map((text) => [...classifier.tokenizer.encode(text)])).toEqual(expected.ids);
    for (const batch of [1, 4]) {
      const { probabilities, cut } = await classifyTexts(classifier, backend, expected.texts, { batch });
      expect(cut).toBe(0);
      for (const [i, told] of expected.told.entries())
        for (const { label, score } of told) expect(probabilities[i][classifier.labels.indexOf(label)]).toBeCloseTo(score, 5);
    }
  });

  it("without a head for classes, or with one for numbers, is refused", async () => {
    const tokenizer = learnTokenizer("wordpiece", ["a b c"], { size: 20 });
    const sizes = { vocabulary: 20, context: 12, width: 8, layers: 1, heads: 2 };
    expect(() => textClassifier({ network: new Bert(sizes), tokenizer })).toThrow("tells no classes of texts apart");
    const network = new Bert({ ...sizes, classes: 3 }, new RandomStream(1, "weights"));
    expect(() => textClassifier({ network, tokenizer, configJson: { problem_type: "regression" } })).toThrow("numbers and no classes");
    expect(textClassifier({ network, tokenizer }).labels).toEqual(["LABEL_0", "LABEL_1", "LABEL_2"]);
    const independent = textClassifier({ network, tokenizer, configJson: { problem_type: "multi_label_classification" } });
    const [found] = (await classifyTexts(independent, backend, ["a b"])).probabilities;
    expect(found.reduce((sum, p) => sum + p, 0)).not.toBeCloseTo(1, 3);
  });
});

describe("texts", () => {
  const tokenizer = learnTokenizer("wordpiece", ["a b c d e f g h"], { size: 20 });

  it("that are too long lose their end, not their special tokens", () => {
    const whole = [...tokenizer.encode("a b c d e f")];
    const { ids, cut } = idsWithin(tokenizer, "a b c d e f", 5);
    expect([cut, [...ids]]).toEqual([true, [...whole.slice(0, 4), whole.at(-1)]]);
    expect(idsWithin(tokenizer, "a b", 5)).toMatchObject({ cut: false });
  });

  it("that are empty, and lengths that do not fit, are refused", async () => {
    const network = new Bert({ vocabulary: 20, context: 12, width: 8, layers: 1, heads: 2, classes: 2 }, new RandomStream(1, "weights"));
    const classifier = textClassifier({ network, tokenizer });
    await expect(classifyTexts(classifier, backend, ["a", " "])).rejects.toThrow(/empty[\s\S]*text 2 of 2/);
    await expect(classifyTexts(classifier, backend, ["a"], { length: 13 })).rejects.toThrow("3 to 12");
    expect((await classifyTexts(classifier, backend, ["a b c d e f g h a b c d"])).cut).toBe(1);
    const wrong = [{ id: "1", text: "a", label: "other" }];
    await expect(measureClassifier(classifier, backend, wrong)).rejects.toThrow(/does not tell[\s\S]*other/);
    expect(() => classifierLength(network, 13)).toThrow("3 to 12");
    expect([classifierLength(network), classifierRate(768, false), classifierRate(128, true)]).toEqual([12, 5e-5, 3e-3]);
  });
});

/** Sea texts have a word of the sea in them, town texts one of the town; the rest is the same. */
function made(count: number) {
  const stream = new RandomStream(4, "texts");
  const pick = (words: string[]) => words[stream.below(words.length)];
  const filler = ["the", "a", "old", "new", "far", "near", "and", "then"];
  return Array.from({ length: count }, (_, i) => {
    const label = i % 2 === 0 ? "sea" : "town";
    const words = Array.from({ length: 5 }, () => pick(filler));
    words[stream.below(5)] = label === "sea" ? pick(["tide", "boat", "wave"]) : pick(["street", "house", "wall"]);
    const text = `${words.join(" ")} ${i}`;
    return { id: String(i), key: text, text, label };
  });
}

describe("fine-tuning", () => {
  const splits = splitLabelled(made(160));
  const tokenizer = learnTokenizer(
    "wordpiece",
    splits.train.map(({ text }) => text),
    { size: 80 },
  );
  const base = (change = {}) =>
    new Bert(
      { vocabulary: tokenizer.vocabularySize, context: 16, width: 32, layers: 1, heads: 2, deviation: 0.2, ...change },
      new RandomStream(1, "weights"),
    );

  it.each([
    ["all weights", base(), undefined, 0.003],
    ["adapters and the head", base(), { rank: 4 }, 0.01],
    ["adapters, of a base without a pooler", base({ pooled: false, nextSentence: false }), { rank: 4 }, 0.01],
  ] as const)("of %s learns, is written as a folder, and is read as it was", async (name, network, lora, learningRate) => {
    const before = network.bert.encoder.layer[0].attention.self.query.weight.data.slice();
    const options = { backend, lora, epochs: 3, steps: 100, batch: 16, learningRate, seed: 1 };
    const { network: tuned, report } = await finetuneClassifier({ network, tokenizer }, splits, options);
    expect(report).toMatchObject({ steps: 100, cut: 0, labels: ["sea", "town"], heldOut: splits.test.length, texts: splits.train.length });
    expect(report.accuracy).toBeGreaterThan(0.9);
    expect(report.macroF1).toBeGreaterThan(0.9);
    expect(report.baseline.accuracy).toBeLessThan(0.7);
    if (lora === undefined) expect(report.trained).toBe(tuned.parameterCount);
    else expect(report.trained).toBeLessThan(tuned.parameterCount);
    // The base is as it was.
    expect(network.bert.encoder.layer[0].attention.self.query.weight.data).toEqual(before);
    const out = path.join(folder, name);
    await writeClassifier(out, tuned, { tokenizer, folder: "base" }, report as unknown as Record<string, unknown>);
    const loaded = await loadText(out);
    const classifier = textClassifier(loaded);
    expect(classifier.labels).toEqual(["sea", "town"]);
    const figures = await measureClassifier(classifier, backend, splits.test);
    expect(figures).toMatchObject({ accuracy: report.accuracy, macroF1: report.macroF1 });
  });

  it("writes what the reference library reads: names of weights and classes, and of special tokens", async () => {
    const out = path.join(folder, "all weights");
    const config = JSON.parse(await readFile(path.join(out, "config.json"), "utf8"));
    expect(config).toMatchObject({
      architectures: ["BertForSequenceClassification"],
      id2label: { 0: "sea", 1: "town" },
      label2id: { sea: 0, town: 1 },
      problem_type: "single_label_classification",
      pad_token_id: 0,
    });
    const { tensors } = decodeSafetensors(new Uint8Array(await readFile(path.join(out, "model.safetensors"))), { file: out });
    const reference = decodeSafetensors(new Uint8Array(await readFile(path.join(golden, "bert-classes", "model.safetensors"))), {
      file: out,
    });
    const inFirst = (names: Iterable<string>) => [...names].filter((one) => !/layer\.[1-9]/.test(one)).sort();
    expect(inFirst(tensors.keys())).toEqual(inFirst(reference.tensors.keys()));
    const settings = JSON.parse(await readFile(path.join(out, "tokenizer_config.json"), "utf8"));
    expect(settings).toMatchObject({ cls_token: "[CLS]", pad_token: "[PAD]", model_max_length: 16 });
  });

  it("goes on with the head of a network that knows the labels, in its order", async () => {
    const { network: tuned } = await finetuneClassifier({ network: base(), tokenizer }, splits, { backend, epochs: 1, steps: 1, seed: 1 });
    const turned = new Bert({ ...tuned.config, labels: ["town", "sea"] }, new RandomStream(2, "weights"));
    const options = { backend, epochs: 1, steps: 1, seed: 1, learningRate: 1e-9 };
    const { network } = await finetuneClassifier({ network: turned, tokenizer }, splits, options);
    expect(network.config.labels).toEqual(["town", "sea"]);
    for (const [i, value] of network.classifier!.weight.data.entries()) expect(value).toBeCloseTo(turned.classifier!.weight.data[i], 6);
  });
});
