import { expect, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import type { ImageSet } from "../../data/dataset.ts";
import { defaultTraining, findModel, models } from "../../models/index.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { temporaryHome } from "../testing/make.ts";
import { Board, type BoardSettings } from "./board.ts";
import { stepsWithin } from "./budget.ts";
import { entrants } from "./entrants.ts";
import { type BoardRow, likelihoodOf } from "./row.ts";
import { tableText, timeText } from "./table.ts";

const home = temporaryHome();
const settings: BoardSettings = {
  ...{ data: "mnist", integrity: "sha512-x", image: [1, 32, 32], minutes: 5, samples: 2000, seed: "0", features: "mnist" },
};

test("every model that paints from nothing takes part in grey, at the leaderboard's shape", () => {
  const { entrants: found, absent } = entrants([1, 32, 32]);
  // FFJORD is for points, and the Boltzmann machine for pictures of a few dots.
  const painters = models
    .filter(({ name, sample, starts }) => sample !== undefined && starts !== "needs" && name !== "ffjord")
    .map(({ name }) => name);
  expect(absent).toMatchObject([{ model: "boltzmann-machine", because: expect.stringContaining("at most 16 units") }]);
  expect(found.map(({ record }) => record.name)).toEqual(painters.filter((name) => name !== "boltzmann-machine"));
  for (const { record, config } of found) {
    expect(record.data.shape(config)).toEqual([1, 32, 32]);
    expect(() => record.build(config, new RandomStream(0, "initialisation")), record.name).not.toThrow();
  }
  expect(found.find(({ record }) => record.name === "pixelcnn")!.config).toMatchObject({ levels: 16, binarize: "none", gated: true });
});

test("in colour those that can, and of the others why not", () => {
  const { entrants: found, absent } = entrants([3, 32, 32], ["autoregressive", "vae"]);
  expect(found.map(({ record }) => record.name)).toEqual(["vae", "pixelcnn", "pixelcnn-plus-plus"]);
  for (const { record, config } of found) expect(() => record.build(config, new RandomStream(0, "initialisation"))).not.toThrow();
  expect(absent).toEqual([{ model: "pixelrnn", because: "it reads grey pictures only" }]);
  expect(() => entrants([3, 32, 32], ["pixelrnn"])).toThrow("None of these models can take such pictures.");
  expect(() => entrants([1, 32, 32], ["gnas"])).toThrow('did you mean "gans"');
  expect(() => entrants([1, 32, 32], ["cnn"])).toThrow('There is no family or model that paints named "cnn"');
  expect(() => entrants([1, 32, 32], ["vae"], "smal")).toThrow('There is no preset of vae named "smal"');
});

test("a likelihood says of what it is; a density becomes one of 256 levels", () => {
  const vae = findModel("vae");
  const { config } = vae.presets.small;
  expect(likelihoodOf(vae, config, { elbo: -1024 * Math.LN2 })).toEqual({
    ...{ nats: 1024 * Math.LN2, bitsPerDim: 1, kind: "bound", of: "black and white" },
  });
  const gaussian = { ...(config as object), likelihood: "gaussian" };
  expect(likelihoodOf(vae, gaussian, { elbo: 0 })).toMatchObject({ bitsPerDim: 8, of: "256 levels" });
  expect(likelihoodOf(vae, config, {})).toBeUndefined();
  const vq = findModel("vq-vae");
  const { config: grid } = vq.presets.small;
  const dimensions = 28 * 28;
  const found = likelihoodOf(vq, grid, { reconstruction: -100, prior: 150 })!;
  expect(found.nats).toBeCloseTo(50 + dimensions * Math.log(256), 6);
  for (const name of ["realnvp", "glow", "score-sde"]) {
    const record = findModel(name);
    const { config: pictures } = entrants([1, 28, 28], [name]).entrants[0];
    expect(likelihoodOf(record, pictures, { nats: 784 * Math.LN2, bound: 784 * Math.LN2 })).toMatchObject({
      ...{ bitsPerDim: expect.closeTo(1, 6), kind: "bound", of: "256 levels" },
    });
  }
  const dcgan = findModel("dcgan");
  expect(likelihoodOf(dcgan, dcgan.presets.small.config, {})).toBeUndefined();
  expect(likelihoodOf(dcgan, dcgan.presets.small.config, { bitsPerDim: 2 })).toMatchObject({ nats: 2048 * Math.LN2, kind: "estimate" });
});

test("the steps of a budget follow from a trial's pace, each phase by its part of the training", async () => {
  const record = findModel("vq-vae");
  const { config } = record.presets.smoke;
  const training = { ...defaultTraining, ...record.presets.smoke.training };
  const images = new Uint8Array(64 * 64).map((_, i) => (i * 37) % 256);
  const set = { kind: "images", card: { name: "noise" }, split: "train", shape: [1, 8, 8], images, count: 64 } as unknown as ImageSet;
  const options = { record, config, training, set, seed: 0, backend: await openBackend() };
  const { steps, stepSeconds, presetSteps, seconds } = await stepsWithin(options, 0.5);
  expect(steps).toBe(Math.round(0.5 / stepSeconds));
  expect(seconds).toBe(0.5);
  expect(presetSteps).toBe(4);
  expect((await stepsWithin(options, 1e-9)).steps).toBe(1);
});

test("a board goes on under the same settings only", async () => {
  const board = await Board.open("board", settings, home());
  expect(await board.rows()).toEqual([]);
  await board.save({ name: "vae", drawn: [{ seconds: 1, compileSeconds: 0 }] });
  await board.saveBatch("vae", 0, Uint8Array.of(1, 2));
  await board.saveBatch("vae", 1, Uint8Array.of(3));
  const again = await Board.open("board", { ...settings }, home());
  expect(await again.entry("vae")).toMatchObject({ drawn: [{ seconds: 1 }] });
  expect([...(await again.samples("vae", 2))]).toEqual([1, 2, 3]);
  expect(await again.entry("dcgan")).toEqual({ name: "dcgan", drawn: [] });
  await expect(again.samples("vae", 3)).rejects.toThrow("Could not read");
  await expect(Board.open("board", { ...settings, minutes: 2, samples: 10 }, home())).rejects.toThrow(
    /begun with other settings[\s\S]*minutes 2, samples 10[\s\S]*minutes 5, samples 2000/,
  );
  await expect(Board.open("../board", settings, home())).rejects.toThrow("A leaderboard cannot have this name.");
});

function rowOf(name: string, kd: number, more: Partial<BoardRow> = {}): BoardRow {
  const measure = (value: number, error?: number) => ({ value, error, real: 0.5 });
  return {
    ...{ name, model: name, title: name, family: "gans", preset: "small", run: name, taken: false, checkpoint: "x", shape: [1, 32, 32] },
    ...{ parameters: 12_345, training: { seconds: 300, steps: 10, presetSteps: 20 } },
    sampling: { pictures: 2000, secondsPerPicture: 0.00123, compileSeconds: 1 },
    features: "atelier-mnist",
    measures: {
      ...{ fd: measure(3.25, 0.1), kd: measure(kd, 0.001), precision: measure(0.5), recall: measure(0.25) },
      ...{ density: measure(1), coverage: measure(0.75), memorised: measure(0.125, 0.01) },
    },
    notes: [`${name} has had 10 of the 20 steps of its preset small`],
    machine: { processor: "a processor", cores: 2, threads: 1, runtime: "a runtime", node: "v20", date: "2026-01-01" },
    ...more,
  };
}

test("the table has the nearest to the data first, real pictures last, and below it what must be known", () => {
  const likelihood = { nats: 71.25, bitsPerDim: 0.1004, kind: "bound", of: "black and white" } as const;
  const rows = [rowOf("far", 0.5), rowOf("near", 0.01, { likelihood, family: "autoencoders" })];
  const text = tableText({ settings }, rows, [{ model: "pixelrnn", because: "it is slow" }], "atelier leaderboard --data mnist");
  expect(text.slice(text.indexOf("| model"))).toMatchInlineSnapshot(`
    "| model | family | parameters | training | sampling | nats | bits/dim | of | fd | kd | precision | recall | coverage | memorised |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | near | autoencoders | 12,345 | 5.0 min | 1.23 ms | ≤ 71.25 | ≤ 0.100 | black and white | 3.25 ± 0.10 | 0.0100 ± 0.0010 | 0.500 | 0.250 | 0.750 | 0.125 ± 0.010 |
    | far | gans | 12,345 | 5.0 min | 1.23 ms |  |  |  | 3.25 ± 0.10 | 0.5000 ± 0.0010 | 0.500 | 0.250 | 0.750 | 0.125 ± 0.010 |
    | *real pictures* |  |  |  |  |  |  |  | 0.50 | 0.5000 | 0.500 | 0.500 | 0.500 | 0.500 |

    - near has had 10 of the 20 steps of its preset small
    - far has had 10 of the 20 steps of its preset small
    - pixelrnn takes no part: it is slow

    a processor, 2 cores, 1 thread, a runtime, Node v20; 2026-01-01.
    "
  `);
  expect([2, 0.0123, 3.21e-5].map(timeText)).toEqual(["2 s", "12.3 ms", "32.1 µs"]);
});
