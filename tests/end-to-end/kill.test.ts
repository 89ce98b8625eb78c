import { readFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/core/random.ts";
import { pause, Sandbox, until } from "./harness.ts";

const sandbox = await Sandbox.create();
let pictures: string;

beforeAll(async () => {
  pictures = await sandbox.pictures("pictures");
});

const kills = 5;

/** Rows of a run's metrics without the time each step took, which no two runs share. */
async function metricsOf(run: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(path.join(sandbox.home, run, "metrics.jsonl"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => ({ ...JSON.parse(line), seconds: undefined }));
}

/** Start or resume a run and kill it at a random moment. Returns whether it was still running then, and whether it went on from a checkpoint. */
async function killed(args: string[], delayMilliseconds: number): Promise<{ hit: boolean; wentOn: boolean }> {
  const running = sandbox.start([...args, "--checkpoint", "0.03"]);
  await until(() => running.said().includes("parameters,") || running.process.exitCode !== null, "the start of training");
  await pause(delayMilliseconds);
  const hit = running.process.kill("SIGKILL");
  await running.finished;
  return { hit, wentOn: running.said().includes("going on at step") };
}

describe("a run killed at five random moments and resumed each time", () => {
  it.each([
    { model: "cnn", steps: 700, settings: ["classes=2"] }, // batch-norm state, dropout streams, Adam's moments
    { model: "vae", steps: 2500, settings: ["ema=0.99", "clipNorm=2", "schedule=cosine"] },
  ])("ends as the undisturbed run does: $model", async ({ model, steps, settings }) => {
    const args = ["train", model, "--preset", "smoke", "--data", pictures, "--steps", String(steps)];
    args.push(...settings.flatMap((assignment) => ["--set", assignment]));
    const whole = await sandbox.json("train", ...args.slice(1), "--run", `${model}-whole`);
    const rows = (await readFile(path.join(sandbox.home, `${model}-whole`, "metrics.jsonl"), "utf8")).trimEnd().split("\n");
    const trainingMilliseconds = rows.reduce((total, line) => total + 1000 * JSON.parse(line).seconds, 0);

    const moments = new RandomStream(1, `${model} kills`);
    const attempts: Awaited<ReturnType<typeof killed>>[] = [];
    for (let i = 0; i < kills; i++) {
      // The first may come before any checkpoint; together they leave the run time to end.
      const begin = i === 0 ? [...args, "--run", `${model}-killed`] : ["train", "--resume", "--run", `${model}-killed`];
      attempts.push(await killed(begin, 20 + moments.uniform() * 0.25 * trainingMilliseconds));
    }
    expect(attempts.map(({ hit }) => hit)).toEqual(Array(kills).fill(true));
    expect(attempts.some(({ wentOn }) => wentOn)).toBe(true);
    const resumed = await sandbox.json("train", "--resume", "--run", `${model}-killed`);
    expect(resumed).toMatchObject({ step: steps, stopped: false, checkpoint: whole.checkpoint, results: whole.results });
    expect(await metricsOf(`${model}-killed`)).toEqual(await metricsOf(`${model}-whole`));
    const left = await sandbox.files("runs", `${model}-killed`);
    expect(left.filter((file) => /partial|lock/.test(file))).toEqual([]);
  });
});
