// Trainings that end early: by a held-out metric, or because somebody asked from elsewhere.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, expect, it } from "vitest";
import { Sandbox, until } from "./harness.ts";

const sandbox = await Sandbox.create();
let pictures: string;
beforeAll(async () => {
  pictures = await sandbox.pictures("pictures");
});

const lines = async (run: string, file: string) =>
  (await readFile(path.join(sandbox.home, run, file), "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
const train = (run: string, ...more: string[]) => ["train", "vae", "--preset", "smoke", "--data", pictures, "--run", run, ...more];
/** A rate at which it soon gets worse. */
const settings = ["evaluateEvery=2", "patience=2", "stopMetric=elbo", "learningRate=0.5"].flatMap((assignment) => ["--set", assignment]);

it("ends after so many looks that bring nothing better, with the best look's weights; a run that was paused ends there too", async () => {
  const whole = JSON.parse((await sandbox.inside([...train("whole", "--steps", "400", ...settings), "--json"])).out);
  const rows = await lines("whole", "metrics.jsonl");
  const looks = rows.filter((row) => row["heldOut.elbo"] !== undefined);
  expect(looks.map(({ step }) => step)).toEqual(looks.map((_, i) => 2 * (i + 1)));
  const best = looks.reduce((a, b) => (b["heldOut.elbo"] > a["heldOut.elbo"] ? b : a));
  expect([whole.step, looks.indexOf(best), whole.stopped]).toEqual([best.step, looks.length - 3, false]);
  const events = await lines("whole", "events.jsonl");
  expect(events.map(({ type }) => type)).toEqual(["start", "early", "finished"]);
  expect(events[1].text).toContain(`since step ${best.step}`);
  // Paused in the midst and resumed with the length that it had.
  await sandbox.inside(train("paused", "--steps", String(best.step + 1), ...settings));
  const resumed = JSON.parse((await sandbox.inside(["train", "--resume", "--run", "paused", "--steps", "400", "--json"])).out);
  expect([resumed.step, resumed.checkpoint, resumed.results]).toEqual([whole.step, whole.checkpoint, whole.results]);
});

it("pauses or finishes when another process asks for it", async () => {
  const running = sandbox.start(train("asked", "--steps", "1000000"));
  await until(() => running.said().includes("parameters,"), "the start of training");
  expect(JSON.parse((await sandbox.inside(["runs", "stop", "asked", "--json"])).out)).toEqual({ run: "asked", asked: "pause" });
  expect((await running.finished).code).toBe(130);
  const { code, err } = await sandbox.inside(["runs", "stop", "asked"]);
  expect(code).toBe(2);
  expect(err).toContain("Nobody trains the run asked now.");
  const again = sandbox.start(["train", "--resume", "--run", "asked"]);
  await until(() => again.said().includes("parameters,"), "the training to go on");
  await sandbox.inside(["runs", "stop", "asked", "--finish"]);
  const { code: ended, out } = await again.finished;
  expect([ended, out]).toEqual([0, expect.stringContaining("elbo")]);
  expect((await lines("asked", "events.jsonl")).map(({ type }) => type)).toEqual(["start", "stopped", "start", "early", "finished"]);
});

it("foresees a training without making a run", async () => {
  const foreseen = await sandbox.json("train", "vae", "--preset", "smoke", "--data", "mnist", "--predict", "--epochs", "2");
  expect(foreseen).toMatchObject({ totalSteps: 2 * Math.floor(60_000 / 16), parameters: expect.any(Number) });
  expect(foreseen.stepSeconds as number).toBeGreaterThan(0);
  expect(await sandbox.runs()).not.toContain("vae-001");
  const { code, err } = await sandbox.inside(train("wrong", "--set", "stopMetric=elbow", "--set", "patience=1", "--steps", "2"));
  expect([code, err]).toEqual([2, expect.stringContaining('did you mean "elbo"?')]);
  expect(await sandbox.runs()).not.toContain("wrong");
});
