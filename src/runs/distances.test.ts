import { beforeAll, expect, test } from "vitest";
import { RandomStream } from "../core/random.ts";
import type { ImageSet, ImageShape } from "../data/dataset.ts";
import { frechetDistance, kernelDistance } from "../metrics/index.ts";
import type { ModelRecord, Pictures, SampleContext } from "../models/index.ts";
import { Module } from "../nn/module.ts";
import type { Backend } from "../runtime/backend.ts";
import { openBackend } from "../runtime/node/open.ts";
import { measureSamples, type SampleReportOptions } from "./distances.ts";
import { drawPictures } from "./drawn.ts";
import { openExtractor, type PictureClassifier } from "./features.ts";

const shape: ImageShape = [1, 28, 28];
const size = 28 * 28;
let backend: Backend;
beforeAll(async () => {
  backend = await openBackend();
});

/** Strokes: class 0 stands upright, class 1 lies. Each a little different. */
function strokes(count: number, split: "train" | "test"): ImageSet {
  const stream = new RandomStream(0, split);
  const images = new Uint8Array(count * size);
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 2);
  for (let n = 0; n < count; n++) {
    const [at, from, length] = [8 + stream.below(12), 3 + stream.below(5), 12 + stream.below(8)];
    for (let i = from; i < from + length; i++) {
      for (const j of [at, at + 1]) images[n * size + (labels[n] === 0 ? i * 28 + j : j * 28 + i)] = 150 + stream.below(100);
    }
  }
  const card = { name: "strokes", fit: "pad" } as ImageSet["card"];
  return { kind: "images", card, split, shape, images, labels, count, classes: ["upright", "lying"] };
}

const held = strokes(60, "test");
const training = strokes(90, "train");

class Silent extends Module {}

/** A model that paints with a function of the sample's number, its condition and a random number. */
function painter(paint: (index: number, label: number | undefined) => Uint8Array, conditional = false): SampleReportOptions["model"] {
  async function* sample(_: Module, { count, conditions, compile }: SampleContext): AsyncGenerator<Pictures> {
    const program = await compile((_inputs, rng) => ({ draw: rng.uniform("draw", [count]) }));
    const { draw } = await program.run();
    const data = new Float32Array(count * size);
    for (let i = 0; i < count; i++) {
      const label = conditions === undefined ? undefined : conditions[2 * i + 1];
      data.set(
        Float32Array.from(paint(Math.floor(Number(draw[i]) * 1e6), label), (byte) => byte / 255),
        i * size,
      );
    }
    await program.dispose();
    yield { data, shape: [count, ...shape] };
  }
  const record = { name: "painter", data: conditional ? { conditions: () => 2 } : {}, sample } as unknown as ModelRecord;
  return { record, config: {}, network: new Silent(), backend };
}

const pictureOf = (set: ImageSet, row: number) => set.images.subarray(row * size, (row + 1) * size);

/** Upright strokes are higher than wide. */
const ruler: PictureClassifier = {
  label: "ruler",
  names: ["upright", "lying"],
  scores: async (set) => {
    const scores = new Float32Array(2 * set.count);
    for (let n = 0; n < set.count; n++) {
      const picture = pictureOf(set, n);
      const rows = Array.from({ length: 28 }, (_, y) => (picture.subarray(y * 28, y * 28 + 28).some((v) => v > 0) ? 1 : 0));
      scores[2 * n] = rows.reduce<number>((a, b) => a + b, 0) - 5;
    }
    return scores;
  },
};

test("a model that copies its training pictures is found out, and is as near to the data as they are", async () => {
  const model = painter((draw) => pictureOf(training, draw % training.count));
  const extractor = await openExtractor("mnist", backend);
  const options = { model, held, training, samples: 60, seed: 0, extractor, neighbours: true, closest: 3 };
  const report = await measureSamples(options);
  expect(report).toMatchObject({ samples: 60, features: "atelier-mnist", reference: { heldOut: 60, training: 90 } });
  const { fd, kd, precision, memorised } = report.measures!;
  expect(memorised.value).toBe(1);
  expect(memorised.real).toBeLessThan(0.9);
  expect(precision.value).toBeGreaterThan(0.7);
  expect(Math.abs(kd.value)).toBeLessThan(5 * kd.error!);
  expect(fd.value).toBeLessThan(10 * fd.real);
  expect(report.neighbours).toMatchObject({ width: 10 * (28 * 2 + 2) + 2 });
  const { samples, flagged, heldQuantiles, pictures } = report.closest!;
  expect(flagged).toBe(60);
  expect(samples.map(({ neighbours }) => neighbours[0].distance)).toEqual([0, 0, 0]);
  expect(samples[0]).toMatchObject({ heldShare: 0, flagged: true });
  expect(heldQuantiles[0][1]).toBeGreaterThan(0);
  expect(pictures.shape).toEqual([15, 1, 28, 28]);
  expect(pictures.data.subarray(0, size)).toEqual(pictures.data.subarray(size, 2 * size));
  expect((await measureSamples(options)).measures).toEqual(report.measures);
});

test("real pictures are as many as there are samples, however few are held out", async () => {
  const model = painter((draw) => pictureOf(training, draw % training.count));
  const extractor = await openExtractor("mnist", backend);
  const few = { ...held, images: held.images.subarray(0, 20 * size), labels: held.labels!.subarray(0, 20), count: 20 };
  const { fd, kd } = (await measureSamples({ model, held: few, training, samples: 90, seed: 0, extractor })).measures!;
  const [reference, all] = [await extractor.features(few), await extractor.features(training)];
  expect(fd.real).toBeCloseTo(frechetDistance(reference, all, 0).distance, 5);
  expect(kd.real).toBeCloseTo(kernelDistance(reference, all).value, 6);
});

test("noise is far from the data", async () => {
  const model = painter((draw) => {
    const stream = new RandomStream(draw, "noise");
    return new Uint8Array(size).map(() => stream.below(256));
  });
  const { fd, kd, precision, coverage, memorised } = (
    await measureSamples({ model, held, training, samples: 50, seed: 1, extractor: await openExtractor("mnist", backend) })
  ).measures!;
  expect(fd.value).toBeGreaterThan(20 * fd.real);
  expect(kd.value).toBeGreaterThan(5 * kd.error!);
  expect([precision.value, coverage.value, memorised.value]).toEqual([0, 0, 0]);
});

test("conditional samples are asked for equally and checked against what was asked", async () => {
  const right = painter((_, label) => pictureOf(training, label!), true);
  const { found } = await measureSamples({ model: right, held, training, samples: 40, seed: 0, classifier: ruler });
  expect(found).toMatchObject({ classifier: "ruler", classes: { counts: [20, 20], covered: 2 }, labels: { accuracy: 1, error: 0 } });
  const stubborn = painter(() => pictureOf(training, 0), true);
  const wrong = await measureSamples({ model: stubborn, held, training, samples: 40, seed: 0, classifier: ruler });
  expect(wrong.found!.labels).toMatchObject({ accuracy: 0.5, each: [1, 0] });
  expect(wrong.measures).toBeUndefined();
});

test("attributes are asked for as held-out pictures have them", async () => {
  const attributes = { names: ["bright", "lying"], values: Uint8Array.from({ length: 120 }, (_, i) => (i % 4 === 3 ? 1 : 0)) };
  const model = painter((_, lying) => pictureOf(training, lying!), true);
  const { conditions } = await drawPictures(model, { ...held, attributes }, 30, { seed: 0 });
  expect([...conditions!.subarray(0, 8)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  const shares = conditions!.filter((_, i) => i % 2 === 1).reduce((a, b) => a + b, 0);
  expect(shares).toBeGreaterThanOrEqual(0);
  const { found } = await measureSamples({
    model,
    held: { ...held, attributes },
    training,
    samples: 30,
    seed: 0,
    classifier: { ...ruler, names: attributes.names },
  });
  expect(found!.classes).toBeUndefined();
  expect(found!.labels!.each).toHaveLength(2);
});

test("attributes that nothing was asked of are counted among samples and held-out pictures", async () => {
  const attributes = { names: ["bright", "lying"], values: new Uint8Array(120) };
  const model = painter((draw) => pictureOf(training, 2 * (draw % 40)));
  const options = { model, held: { ...held, attributes }, training, samples: 30, seed: 0 };
  const upright: PictureClassifier = { ...ruler, names: attributes.names };
  const { found } = await measureSamples({ ...options, classifier: upright });
  expect(found!.classes).toBeUndefined();
  expect(found!.labels).toBeUndefined();
  expect(found!.attributes!.samples[0]).toBeCloseTo(1, 10);
  expect(found!.attributes!.held).toHaveLength(2);
  expect(found!.attributes!.samples[1]).toBe(0);
  expect((await measureSamples({ ...options, held, classifier: upright })).found!.attributes).toBeUndefined();
});

test("a first batch does not depend on how many follow", async () => {
  const model = painter((draw) => pictureOf(training, draw % training.count));
  const [few, many] = [await drawPictures(model, held, 250, { seed: 7 }), await drawPictures(model, held, 300, { seed: 7 })];
  expect(many.set.images.subarray(0, 250 * size)).toEqual(few.set.images);
});

test("what cannot be measured is told", async () => {
  const model = painter(() => pictureOf(training, 0), true);
  const none = { ...model, record: { name: "mute", data: {} } as unknown as ModelRecord };
  const extractor = await openExtractor("mnist", backend);
  await expect(measureSamples({ model: none, held, training, samples: 9, seed: 0 })).rejects.toThrow("makes no samples");
  await expect(measureSamples({ model, held, training, samples: 5, seed: 0, extractor })).rejects.toThrow("too few pictures");
  const other = { ...ruler, names: ["cat", "dog"] };
  await expect(measureSamples({ model, held, training, samples: 9, seed: 0, classifier: other })).rejects.toThrow(
    /cat, dog[\s\S]*upright, lying/,
  );
});
