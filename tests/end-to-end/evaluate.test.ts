import { readFile } from "node:fs/promises";
import { decode } from "fast-png";
import { beforeAll, describe, expect, it } from "vitest";
import type { SampleReport } from "../../src/runs/distances.ts";
import { Sandbox } from "./harness.ts";

const sandbox = await Sandbox.create();
interface Evaluated {
  results: Record<string, number>;
  samples?: SampleReport;
}

beforeAll(async () => {
  const pictures = await sandbox.pictures("pictures", 120);
  for (const [model, ...more] of [["vae"], ["cnn", "--set", "classes=2", "--set", "image=[1,8,8]"]])
    await sandbox.json("train", model, "--preset", "smoke", "--data", pictures, "--run", `${model}-a`, "--epochs", "2", ...more);
});

describe("evaluate", () => {
  it("compares samples with data by features that are named, and shows the nearest training pictures", async () => {
    const options = ["--features", "mnist", "--samples", "12", "--neighbours", sandbox.path("near.png")];
    const { samples, results } = await sandbox.json<Evaluated>("evaluate", "vae-a", ...options);
    expect(samples).toMatchObject({ samples: 12, features: "atelier-mnist" });
    const { training, heldOut } = samples!.reference;
    expect(training + heldOut).toBe(240);
    expect(Object.keys(samples!.measures!)).toEqual(["fd", "kd", "precision", "recall", "density", "coverage", "memorised"]);
    for (const { value, real } of Object.values(samples!.measures!)) expect([value, real].every(Number.isFinite)).toBe(true);
    expect(samples!.measures!.fd.value).toBeGreaterThan(0);
    expect(decode(await readFile(sandbox.path("near.png"))).width).toBeGreaterThan(100);
    const again = await sandbox.json<Evaluated>("evaluate", "vae-a", ...options);
    expect(again).toEqual({ ...again, samples, results });
    const { out } = await sandbox.run("evaluate", "vae-a", ...options);
    expect(out).toMatch(
      /12 samples on atelier-mnist features, against \d+ held-out and \d+ training pictures\nmeasure +samples +error +real +meaning\nfd /,
    );
  });

  it("looks for copies among the pictures that the run was trained on", async () => {
    const options = ["--preset", "smoke", "--data", sandbox.path("pictures"), "--run", "vae-few", "--epochs", "1", "--limit", "20"];
    await sandbox.json("train", "vae", ...options);
    const { samples } = await sandbox.json<Evaluated>("evaluate", "vae-few", "--features", "mnist", "--samples", "12");
    expect(samples!.reference.training).toBe(20);
  });

  it("lets a classifier of one's own name the samples", async () => {
    const { samples } = await sandbox.json<Evaluated>("evaluate", "vae-a", "--classifier", "cnn-a", "--samples", "10");
    expect(samples).toMatchObject({ samples: 10, found: { classifier: "cnn-a" } });
    expect(samples!.measures).toBeUndefined();
    expect(samples!.found!.classes!.counts.reduce((a, b) => a + b)).toBe(10);
  });

  it("names what a classifier finds by its own words, whatever the data's classes are called", async () => {
    const { out } = await sandbox.run("evaluate", "vae-a", "--classifier", "fashion-mnist", "--samples", "10");
    expect(out).toMatch(/atelier-fashion-mnist finds \d+ of 10 classes/);
    expect(out).toMatch(/samples per class: T-shirt\/top \d+, trouser \d+/);
  });

  it("without features for the data gives the model's own metrics, and says what would give more", async () => {
    const { out, err } = await sandbox.run("evaluate", "vae-a");
    expect(out).not.toContain("samples on");
    expect(err).toContain("--features takes mnist, fashion-mnist");
    expect((await sandbox.run("evaluate", "vae-a", "--no-distances")).err).not.toContain("--features");
  });

  it.each([
    [["cnn-a", "--features", "mnist"], 'The model "cnn" makes no samples to measure.'],
    [["vae-a", "--neighbours", "x.png"], "Nearest neighbours are found by features, and none are known for these data."],
    [["vae-a", "--features", "mnits"], 'There is no feature network named "mnits".'],
    [["vae-a", "--features", "absent.onnx"], "The feature network's file cannot be read."],
    [["vae-a", "--classifier", "vae-a"], 'The model "vae" is no classifier.'],
    [["vae-a", "--features", "mnist", "--samples", "3"], "There are too few pictures to measure samples by."],
  ])("refuses %j", async (words, message) => {
    const { code, err } = await sandbox.run("evaluate", ...words);
    expect(code).not.toBe(0);
    expect(err).toContain(message);
  });
});
