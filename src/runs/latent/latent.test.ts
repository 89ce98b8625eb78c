import { beforeAll, describe, expect, it } from "vitest";
import { testSet } from "../../data/testing/sets.ts";
import { codeStatistics } from "../../metrics/codes.ts";
import { findModel, type ModelRecord } from "../../models/index.ts";
import { Module } from "../../nn/module.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openDevice } from "../../runtime/node/device.ts";
import type { LoadedModel } from "../load.ts";
import { anomalyScore } from "./anomaly.ts";
import {
  type AttributeReader,
  attributeCounts,
  checkAttribute,
  checkable,
  checkBase,
  chooseStrength,
  directionOf,
  readerAccuracy,
} from "./attributes.ts";
import { Codec } from "./codec.ts";
import { codeHistograms, codeMap } from "./plots.ts";
import { classifierReader } from "./reader.ts";
import { picturesOf } from "./source.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openDevice("cpu");
});

/** Its codes are the pixels themselves; its error is the first pixel. */
const mirror: Partial<ModelRecord> = {
  name: "mirror",
  data: { sets: [], labels: false, shape: () => [1, 2, 2] },
  encode: (_network, images) => images.reshape([images.shape[0], 4]),
  decode: (_network, codes) => codes.reshape([codes.shape[0], 1, 2, 2]),
  reconstruct: (_network, images) => images.mul(0.5),
  metrics: (_network, { images }) => ({ error: images.slice(2, 0, 1).slice(3, 0, 1).reshape([images.shape[0]]) }),
  metricInfo: { error: { unit: "", better: "lower", about: "" } },
};
const model: LoadedModel = { record: mirror as ModelRecord, config: {}, network: new (class extends Module {})(), step: 0, hash: "" };

/** Seven pictures; the first pixel is lit in three, the second in five. */
const set = (() => {
  const lit = Uint8Array.of(1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1, 0, 0);
  const images = new Uint8Array(7 * 4).map((_, i) => (i % 4 < 2 ? 255 * lit[2 * (i >> 2) + (i % 4)] : 100));
  return testSet(7, [1, 2, 2], { images, labels: undefined, attributes: { names: ["first", "second"], values: lit } });
})();

/** An attribute is there where its pixel is brighter than the middle. */
const reader: AttributeReader = {
  names: ["first", "second"],
  read: async ({ data, shape: [count] }) => Uint8Array.from({ length: 2 * count }, (_, i) => (data[4 * (i >> 1) + (i % 2)] > 0.5 ? 1 : 0)),
};

describe("Codec", () => {
  it("takes any number of pictures, by the batch", async () => {
    const codec = new Codec(model, backend, 3);
    const codes = await codec.encodeSet(set);
    expect([codes.count, codes.size, await codec.codeSize()]).toEqual([7, 4, 4]);
    expect([...codes.data]).toEqual(Array.from(set.images, (byte) => Math.fround(byte / 255)));
    const pictures = await codec.decode(codes);
    expect(pictures).toEqual({ data: codes.data, shape: [7, 1, 2, 2] });
    expect((await codec.encode(pictures)).data).toEqual(codes.data);
    expect((await codec.reconstruct(pictures)).data[0]).toBe(0.5);
    await expect(codec.encode({ data: new Float32Array(9), shape: [1, 1, 3, 3] })).rejects.toThrow("model's shape");
    await codec.dispose();
  });
});

describe("attributes", () => {
  it("are counted, have directions, and flip", async () => {
    expect(attributeCounts(set)).toEqual([
      { name: "first", with: 3, without: 4 },
      { name: "second", with: 5, without: 2 },
    ]);
    const codec = new Codec(model, backend, 4);
    const direction = directionOf(await codec.encodeSet(set), set, "first");
    expect(direction[0]).toBeCloseTo(1);
    expect(Math.abs(direction[2])).toBeLessThan(1e-6);
    const base = await checkBase(codec, set, reader);
    expect(await checkAttribute(codec, base, reader, "first", direction, 0.25)).toMatchObject({ flipped: 0, unchanged: 1 });
    const strength = await chooseStrength(codec, base, reader, "first", direction);
    expect(strength).toBe(0.75);
    expect(await checkAttribute(codec, base, reader, "first", direction, strength)).toMatchObject({
      pictures: 7,
      flipped: 1,
      unchanged: 1,
      leastSteady: { name: "second", unchanged: 1 },
    });
    expect(readerAccuracy(reader, base.before, set)).toEqual({ first: 1, second: 1 });
    await codec.dispose();
  });

  it("are checked where the reader tells of them, and some pictures have them", () => {
    const some = { ...set, attributes: { names: ["first", "second"], values: Uint8Array.of(1, 1, 0, 1) }, count: 2 };
    expect(checkable(reader, some)).toEqual(["first"]);
    expect(checkable(reader, set, ["second"])).toEqual(["second"]);
    // A set may have classes, too, of which this reader knows nothing.
    const labelled = { ...set, labels: new Uint8Array(7), classes: ["third"] };
    expect(checkable(reader, labelled)).toEqual(["first", "second"]);
    expect(() => checkable(reader, labelled, ["third"])).toThrow('no attribute that the classifier tells named "third"');
  });

  it("that nobody or everybody has give no direction", () => {
    const all = { ...set, attributes: { names: ["first"], values: new Uint8Array(7).fill(1) } };
    const codes = { data: new Float32Array(28), count: 7, size: 4 };
    expect(() => directionOf(codes, all, "first")).toThrow('Every picture of the training data is "first"');
    expect(() => directionOf(codes, all, "frist")).toThrow('did you mean "first"?');
  });
});

describe("classifierReader", () => {
  const classify: ModelRecord["classify"] = (_network, images) => images.reshape([images.shape[0], 4]).slice(1, 0, 2).sub(0.5);
  const classifier = { ...model, record: { ...mirror, classify } as ModelRecord };

  it("reads attributes by their scores' signs", async () => {
    const { reader: made, dispose } = await classifierReader({ ...classifier, outputs: ["first", "second"] }, set, backend, "signs");
    expect([...(await made.read(picturesOf(set)))]).toEqual([...set.attributes!.values]);
    await dispose();
  });

  it("refuses a network that is known to tell other things apart, though as many", async () => {
    const other = classifierReader({ ...classifier, outputs: ["cat", "dog"] }, set, backend, "animals");
    await expect(other).rejects.toThrow(
      "other things apart than these data.\n  where:    animals\n  got:      cat, dog\n  expected: first, second",
    );
  });
});

describe("anomalyScore", () => {
  it("is the AUC of a metric", async () => {
    const strange = await anomalyScore(model, set, "first", backend);
    expect(strange).toMatchObject({ metric: "error", anomalous: 3, usual: 4, auc: 1, means: { anomalous: 1, usual: 0 } });
    expect((await anomalyScore(model, set, "second", backend)).auc).toBeCloseTo(0.45);
    await expect(anomalyScore(model, set, "first", backend, { metric: "loss" })).rejects.toThrow("expected: one of: error");
  });
});

describe("plots of codes", () => {
  it("are against a prior where the model has one", () => {
    expect(
      [findModel("vae"), findModel("vae-gan"), findModel("vq-vae"), findModel("autoencoder")].map(({ prior }) => prior === "normal"),
    ).toEqual([...[true, true], ...[false, false]]);
  });

  it("are drawn for any size of code", async () => {
    const codes = { data: Float32Array.from({ length: 7 * 70 }, (_, i) => Math.sin(i)), count: 7, size: 70 };
    expect(codeHistograms(codes, codeStatistics(codes.data, 7), "a run").width).toBeGreaterThan(1000);
    const wide = Float32Array.from({ length: 200 }, (_, i) => 100 + 50 * Math.sin(i));
    const drawn = [true, false].map((prior) =>
      codeHistograms({ data: wide, count: 200, size: 1 }, codeStatistics(wide, 200), "a run", prior),
    );
    // Far from the prior, all values are in the last bar; standardised, in many.
    const coloured = drawn.map(({ data }) =>
      data.reduce((sum, value, i) => sum + (i % 3 === 0 && value < 120 && i > 3 * 320 * 52 ? 1 : 0), 0),
    );
    expect(coloured[1]).toBeGreaterThan(2 * coloured[0]);
    for (const [size, method] of [
      [1, "pca"],
      [2, "umap"],
      [5, "pca"],
      [5, "umap"],
    ] as const) {
      const some = { data: codes.data.slice(0, 7 * size), count: 7, size };
      expect((await codeMap(some, set, { method, seed: 0, title: "a run" })).width).toBe(900);
    }
  });
});
