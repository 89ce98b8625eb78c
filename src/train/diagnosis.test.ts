import { expect, test } from "vitest";
import type { ImageSet } from "../data/dataset.ts";
import { dcgan } from "../models/gans/dcgan.ts";
import { defaultTraining } from "../models/model.ts";
import { openBackend } from "../runtime/node/open.ts";
import { Diagnosis } from "./diagnosis.ts";
import { TrainingSession } from "./session.ts";

type Look = { terms: Record<string, number>; gradient?: number };

/** Everything that is told while a game goes as `at` says, step after step. */
function watch(steps: number, at: (step: number) => Look, family = "gans"): string[] {
  const diagnosis = new Diagnosis({ family }, 500);
  const told: string[] = [];
  for (let step = 1; step <= steps; step++) {
    const { terms, gradient } = at(step);
    told.push(...diagnosis.look({ step, terms, ...(gradient === undefined ? {} : { gradientNorms: { generator: gradient } }) }));
  }
  return told;
}

const well = { real: 0.5, fake: 0.55, generator: 1, diversity: 0.9 };

test("a game in balance is left in peace, also at its start, when all pictures are alike", () => {
  expect(watch(2000, (step) => ({ terms: { ...well, diversity: Math.min(0.9, step / 400) }, gradient: 1 }))).toEqual([]);
});

test("a discriminator that is sure of everything is told of once, and not in the first steps", () => {
  const sure = { ...well, real: 0.01, fake: 0.02, generator: 7 };
  const told = watch(2000, () => ({ terms: sure, gradient: 1 }));
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(/overpowers the generator/);
  expect(watch(300, () => ({ terms: sure, gradient: 1 }))).toEqual([]);
  // Sure, but the generator is still believed now and then.
  expect(watch(2000, () => ({ terms: { ...sure, generator: 3 }, gradient: 1 }))).toEqual([]);
});

test("a discriminator worse than a coin, and a critic that has not kept up, are told of", () => {
  expect(watch(2000, () => ({ terms: { ...well, real: 1, fake: 0.9 }, gradient: 1 }))[0]).toMatch(/worse than a coin/);
  expect(watch(2000, () => ({ terms: { estimate: -0.2, penalty: 0.01, diversity: 1 }, gradient: 1 }))[0]).toMatch(/Raise criticSteps/);
  expect(watch(2000, () => ({ terms: { estimate: 4, penalty: 0.01, diversity: 1 }, gradient: 1 }))).toEqual([]);
});

test("a generator's gradient that vanishes is told of, measured against its own largest", () => {
  expect(watch(2000, (step) => ({ terms: well, gradient: 1e-6 * Math.exp(-step / 100) }))[0]).toMatch(/gradient has vanished/);
  expect(watch(2000, () => ({ terms: well, gradient: 1e-6 }))).toEqual([]);
  expect(watch(2000, () => ({ terms: well, gradient: 0 }))[0]).toMatch(/gradient has vanished/);
});

test("pictures that are all alike are told of: from the start, or after they were not", () => {
  expect(watch(2000, () => ({ terms: { ...well, diversity: 0.02 }, gradient: 1 }))[0]).toMatch(/mode collapse/);
  const falls = watch(2000, (step) => ({ terms: { ...well, diversity: step < 1000 ? 0.8 : 0.15 }, gradient: 1 }));
  expect(falls).toHaveLength(1);
  expect(watch(2000, () => ({ terms: { ...well, diversity: 0.15 }, gradient: 1 }))).toEqual([]);
});

test("classes that samples lack are named, once the game is under way", () => {
  const diagnosis = new Diagnosis({ family: "gans" }, 500);
  const names = ["boot", "bag", "coat"];
  expect(diagnosis.lookAtClasses([50, 50, 0], names)).toEqual([]);
  for (let step = 1; step <= 300; step++) diagnosis.look({ step, terms: well, gradientNorms: { generator: 1 } });
  expect(diagnosis.lookAtClasses([30, 50, 20], names)).toEqual([]);
  expect(diagnosis.lookAtClasses([50, 50, 0], names)[0]).toMatch(/of 3 classes the samples lack coat \(as many as 2\.0 classes/);
  expect(diagnosis.lookAtClasses([50, 50, 0], names)).toEqual([]);
});

test("codes that carry nothing are told of at an epoch's end, for autoencoders only", () => {
  const terms = { kl: 0.01 };
  expect(watch(499, () => ({ terms }), "autoencoders")).toEqual([]);
  expect(watch(2000, () => ({ terms }), "autoencoders")).toHaveLength(1);
  expect(watch(2000, () => ({ terms }), "classifiers")).toEqual([]);
});

test("a real game in which the generator hardly moves is seen to be lost", async () => {
  const { config } = dcgan.presets.smoke;
  const count = 32;
  const images = new Uint8Array(count * 64).map((_, i) => (i * i + 40 * Math.floor(i / 64)) % 256);
  const set: ImageSet = { kind: "images", card: { name: "made up" } as ImageSet["card"], split: "train", shape: [1, 8, 8], images, count };
  const record = { ...dcgan, players: () => ({ ...dcgan.players!(config), learningRates: { generator: 1e-6, discriminator: 50 } }) };
  const session = await TrainingSession.create({
    record: record as never,
    config: { ...config, labelNoise: 0, smoothing: 0 },
    training: { ...defaultTraining, ...dcgan.presets.smoke.training, epochs: 1000 },
    set,
    seed: 0,
    backend: await openBackend({ device: "cpu" }),
  });
  const diagnosis = new Diagnosis(record, session.stepsPerEpoch);
  const told: string[] = [];
  for (let step = 0; step < 600; step++) told.push(...diagnosis.look(await session.advance()));
  expect(told.join("\n")).toMatch(/overpowers the generator/);
  expect(told.join("\n")).toMatch(/mode collapse/);
  await session.dispose();
});
