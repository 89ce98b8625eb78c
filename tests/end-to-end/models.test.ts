import { cp, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { decode } from "fast-png";
import { beforeAll, describe, expect, it } from "vitest";
import { readPngText } from "../../src/report/png.ts";
import { Sandbox, until } from "./harness.ts";

const sandbox = await Sandbox.create();
let pictures: string;

interface Trained {
  run: string;
  folder: string;
  step: number;
  checkpoint: string;
  stopped: boolean;
  results: Record<string, number>;
  pictures: string[];
}

interface Evaluated {
  run: string;
  step: number;
  checkpoint: string;
  results: Record<string, number>;
}

beforeAll(async () => {
  pictures = await sandbox.pictures("pictures");
});

function train(model: string, ...more: string[]): Promise<Trained> {
  return sandbox.json<Trained>("train", model, "--preset", "smoke", "--data", pictures, ...more);
}

async function metricsOf(run: string): Promise<Record<string, number>[]> {
  const text = await readFile(path.join(sandbox.home, run, "metrics.jsonl"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

describe.each([
  { model: "mlp", views: [], set: ["classes=2"] },
  { model: "cnn", views: [], set: ["classes=2"] },
  { model: "autoencoder", views: ["latent", "reconstructions"], set: [] },
  { model: "vae", views: ["latent", "reconstructions", "samples"], set: ["ema=0.9"] },
])("$model on pictures of one's own", ({ model, views, set }) => {
  it("trains into a run's folder, and evaluate agrees with what the training ended with", async () => {
    const trained = await train(model, "--run", `${model}-a`, "--epochs", "2", ...set.flatMap((assignment) => ["--set", assignment]));
    expect(trained).toMatchObject({ run: `${model}-a`, step: 4, stopped: false, checkpoint: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(trained.pictures.map((file) => path.basename(file)).sort()).toEqual(views.map((view) => `step-00000004-${view}.png`));

    const files = await sandbox.files("runs", `${model}-a`);
    expect(files.filter((file) => !file.startsWith("samples/"))).toEqual([
      "card.md",
      "checkpoints/step-00000004.safetensors",
      "events.jsonl",
      "metrics.jsonl",
      "run.json",
    ]);
    const record = JSON.parse(await readFile(path.join(trained.folder, "run.json"), "utf8"));
    expect(record).toMatchObject({ model, preset: "smoke", seed: "0", status: "finished", device: "cpu", results: trained.results });
    expect(record.data).toEqual({ name: pictures, integrity: expect.stringMatching(/^sha256-/) });
    const rows = await metricsOf(`${model}-a`);
    expect(rows.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    expect(rows.every(({ loss, learningRate }) => Number.isFinite(loss) && learningRate > 0)).toBe(true);
    const card = await readFile(path.join(trained.folder, "card.md"), "utf8");
    for (const metric of Object.keys(trained.results)) expect(card).toContain(`| ${metric} |`);

    const evaluated = await sandbox.json<Evaluated>("evaluate", `${model}-a`);
    expect(evaluated).toMatchObject({ step: 4, checkpoint: trained.checkpoint, results: trained.results });
  });
});

describe("generate", () => {
  const pixels = async (file: string) => Buffer.from(decode(await readFile(file)).data as Uint8Array).toString("base64");

  it("draws the same pixels from the same seed, and the file says where it is from", async () => {
    const one = await sandbox.json("generate", "vae-a", "--count", "9", "--seed", "5", "--out", "one.png");
    const again = await sandbox.json("generate", "vae-a", "--count", "9", "--seed", "5", "--out", "again.png");
    const other = await sandbox.json("generate", "vae-a", "--count", "9", "--seed", "6", "--out", "other.png");
    expect(await pixels(String(again.file))).toBe(await pixels(String(one.file)));
    expect(await pixels(String(other.file))).not.toBe(await pixels(String(one.file)));
    const { checkpoint } = await sandbox.json("evaluate", "vae-a");
    expect(readPngText(await readFile(String(one.file)))).toEqual({
      Software: "atelier",
      run: "vae-a",
      model: "vae",
      checkpoint,
      step: "4",
      seed: "5",
      count: "9",
    });
  });

  it("names what a model can do instead", async () => {
    const { code, err } = await sandbox.run("generate", "mlp-a");
    expect({ code, err }).toMatchInlineSnapshot(`
      {
        "code": 2,
        "err": "The model "mlp" cannot generate.
        expected: what it can do: train, evaluate
      ",
      }
    `);
  });
});

describe("runs", () => {
  it("are listed, compared, and removed", async () => {
    const listed = await sandbox.json<{ name: string; state: string }[]>("runs");
    expect(listed.map(({ name }) => name).sort()).toEqual(["autoencoder-a", "cnn-a", "mlp-a", "vae-a"]);
    const compared = await sandbox.run("runs", "compare", "mlp-a", "cnn-a");
    expect(compared.code).toBe(0);
    expect(compared.out).toContain("accuracy");
    await train("mlp", "--run", "gone", "--steps", "1", "--set", "classes=2");
    expect((await sandbox.run("runs", "remove", "gone")).code).not.toBe(0);
    expect((await sandbox.run("runs", "remove", "gone", "--yes")).code).toBe(0);
    expect(await sandbox.runs()).not.toContain("gone");
  });

  it("work where they are copied to", async () => {
    const before = await sandbox.json<Evaluated>("evaluate", "vae-a");
    await cp(path.join(sandbox.home, "vae-a"), sandbox.path("elsewhere", "copy"), { recursive: true });
    const after = await sandbox.json<Evaluated>("evaluate", sandbox.path("elsewhere", "copy"));
    expect(after).toEqual({ ...before, run: "copy" });
  });

  it("say which data they need where these are not there", async () => {
    await rename(pictures, `${pictures}-away`);
    const { code, err } = await sandbox.run("evaluate", "vae-a");
    await rename(`${pictures}-away`, pictures);
    expect({ code, err: sandbox.shorten(err) }).toMatchInlineSnapshot(`
      {
        "code": 1,
        "err": "The folder of pictures cannot be read.
        where:    <folder>/pictures
        got:      ENOENT: no such file or directory, stat '<folder>/pictures'
        try:      check the path: it, or a folder on the way to it, does not exist
      ",
      }
    `);
  });
});

describe("going on", () => {
  it("after --steps ends where a run of all the steps ends", async () => {
    const whole = await train("cnn", "--run", "whole", "--steps", "5", "--set", "classes=2");
    await train("cnn", "--run", "parts", "--steps", "3", "--set", "classes=2");
    const parts = await sandbox.json<Trained>("train", "--resume", "--run", "parts", "--steps", "5");
    expect(parts).toMatchObject({ step: 5, checkpoint: whole.checkpoint, results: whole.results });
  });

  it("is refused where the data have changed, and where options would change the run", async () => {
    const changed = path.join(pictures, "left", "left-0.png");
    const kept = await readFile(changed);
    await writeFile(changed, await readFile(path.join(pictures, "right", "right-0.png")));
    const data = await sandbox.run("train", "--resume", "--run", "parts", "--steps", "6");
    await writeFile(changed, kept);
    const option = await sandbox.run("train", "--resume", "--run", "parts", "--set", "batch=8");
    expect([data, option].map(({ code, err }) => ({ code, err: sandbox.shorten(err) }))).toMatchInlineSnapshot(`
      [
        {
          "code": 2,
          "err": "preparing pictures: 0 of 40
      The data of the run "parts" have changed since it began.
        where:    <folder>/pictures
        try:      bring the folder back to what it was, or start a new run
      ",
        },
        {
          "code": 2,
          "err": "A resumed run keeps its settings.
        got:      --set
        expected: --resume with --run, and --epochs or --steps to train longer
        try:      start a new run for other settings
      ",
        },
      ]
    `);
  });

  it("after Ctrl-C goes on from the checkpoint that it wrote", async () => {
    const running = sandbox.start(["train", "vae", "--preset", "smoke", "--data", pictures, "--run", "paused", "--steps", "100000"]);
    await until(() => running.said().includes("vae  1/"), "the first step");
    running.process.kill("SIGINT");
    const { code, out, err } = await running.finished;
    expect(code).toBe(130);
    expect(out).toMatch(/^Stopped at step \d+; a checkpoint is written\. Go on with: atelier train --resume --run paused\n$/);
    expect(err).toContain("stopping after this step");
    const done = Number(/step (\d+)/.exec(out)?.[1]);
    expect(await sandbox.files("runs", "paused", "checkpoints")).toContain(`step-${String(done).padStart(8, "0")}.safetensors`);
    const resumed = await sandbox.json<Trained>("train", "--resume", "--run", "paused", "--steps", String(done + 2));
    expect(resumed).toMatchObject({ step: done + 2, stopped: false });
    expect((await metricsOf("paused")).map(({ step }) => step)).toEqual(Array.from({ length: done + 2 }, (_, i) => i + 1));
    await rm(path.join(sandbox.home, "paused"), { recursive: true });
  });
});
