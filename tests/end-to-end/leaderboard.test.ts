import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { decode } from "fast-png";
import { beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/core/random.ts";
import type { BoardRow } from "../../src/runs/leaderboard/row.ts";
import { pause, Sandbox } from "./harness.ts";

const sandbox = await Sandbox.create();
let pictures: string;
let words: string[];

interface Told {
  name: string;
  rows: BoardRow[];
  files: string[];
  failed: unknown[];
}

beforeAll(async () => {
  pictures = await sandbox.pictures("pictures", 120);
  words = ["leaderboard", "--data", pictures, "--features", "mnist", "--preset", "smoke", "--side", "8", "--samples", "300"];
});

/** A leaderboard whose models have their steps already, so that two of them can be compared exactly. */
async function begun(name: string, steps: number, models: readonly string[]): Promise<string[]> {
  const folder = path.join(sandbox.home, `.${name}`);
  await mkdir(folder, { recursive: true });
  for (const model of models) {
    const budget = { seconds: 6, stepSeconds: 6 / steps, steps, presetSteps: 10 };
    await writeFile(path.join(folder, `${model}.json`), JSON.stringify({ name: model, budget, drawn: [] }));
  }
  return [...words, "--minutes", "0.1", "--name", name, "--families", models.join(",")];
}

describe("leaderboard", () => {
  it("trains, draws, measures and tells; the same words again find everything done", async () => {
    const told = await sandbox.json<Told>(...words, "--minutes", "0.01", "--families", "vae,gans", "--name", "board");
    expect(told.failed).toEqual([]);
    expect(told.rows.map(({ name }) => name).sort()).toEqual(["conditional-gan", "dcgan", "vae", "wgan-gp"]);
    for (const { measures, training, sampling, parameters, features } of told.rows) {
      expect(features).toBe("atelier-mnist");
      expect(Math.min(parameters, training.seconds, training.steps, sampling.secondsPerPicture)).toBeGreaterThan(0);
      for (const { value, real } of Object.values(measures)) expect([value, real].every(Number.isFinite)).toBe(true);
    }
    const vae = told.rows.find(({ name }) => name === "vae")!;
    expect(vae.likelihood).toMatchObject({ kind: "bound", of: "black and white" });
    const [table, lines, picture] = await Promise.all(told.files.map((file) => readFile(file)));
    expect(table.toString()).toContain("| vae | autoencoders |");
    expect(table.toString()).toContain("| *real pictures* |");
    const figures = lines.toString().trimEnd().split("\n");
    expect(figures.map((line) => JSON.parse(line) as BoardRow)).toMatchObject(
      [...told.rows].sort((a, b) => a.measures.kd.value - b.measures.kd.value),
    );
    expect(decode(picture).height).toBeGreaterThan(4 * 48);
    const again = await sandbox.json<Told>(...words, "--minutes", "0.01", "--families", "vae,gans", "--name", "board");
    expect(again.rows).toEqual(told.rows);
    expect((await sandbox.runs()).filter((name) => name.startsWith("board-"))).toHaveLength(4);
  });

  it("takes finished runs as they are, and refuses others", async () => {
    const train = async (model: string, data: string, run: string, ...more: string[]) => {
      const { code, err } = await sandbox.inside(["train", model, "--preset", "smoke", "--data", data, "--run", run, ...more]);
      expect(code, err).toBe(0);
    };
    await train("vae", pictures, "vae-done", "--set", "image=[3,8,8]");
    const take = (...more: string[]) => [...words, "--minutes", "0.01", "--name", "taken", "--no-train", "--take", ...more];
    const { rows } = JSON.parse((await sandbox.inside([...take("vae-done"), "--json"])).out) as Told;
    expect(rows).toMatchObject([{ name: "vae-done", taken: true, run: "vae-done", training: { steps: 13 } }]);
    expect(rows[0].notes[0]).toContain("vae-done is a finished run");
    const elsewhere = await sandbox.pictures("elsewhere", 60);
    await train("vae", elsewhere, "vae-other", "--steps", "2");
    await train("vae", pictures, "vae-few", "--limit", "40", "--steps", "2");
    await train("cnn", pictures, "cnn", "--set", "classes=2", "--steps", "2");
    const stopped = path.join(sandbox.home, "vae-few", "run.json");
    const cases: [string[], string][] = [
      [take("vae-other"), "A leaderboard does not mix data sets."],
      [take("vae-few"), "has seen only a part of the data"],
      [take("cnn"), "makes no pictures from nothing"],
      [take("vae-dnoe"), 'There is no run named "vae-dnoe"'],
      [[...words, "--minutes", "0"], "It must be a number above 0"],
      [[...words, "--minutes", "1e5"], "A leaderboard's minutes are out of range."],
      [[...words, "--families", "vea"], 'There is no family or model that paints named "vea"'],
      [[...words, "--no-train"], "Nothing would be trained and no run is taken."],
      [["leaderboard", "--data", pictures], "No features come with these data"],
      [["leaderboard", "--data", "mnist,emoji"], "A leaderboard does not mix data sets."],
      [["leaderboard", "--data", "mnist", "--data", pictures], "A leaderboard does not mix data sets."],
      [["leaderboard", "--data", "moons"], "These data are points, not pictures."],
      [["leaderboard", "--data", "mnits"], 'There is no data set named "mnits"'],
      [[...words, "--minutes", "0.02", "--name", "taken"], 'The leaderboard "taken" was begun with other settings'],
    ];
    for (const [args, message] of cases) {
      const { code, err } = await sandbox.inside(args);
      expect(err).toContain(message);
      expect(code).toBe(2);
    }
    const record = JSON.parse(await readFile(stopped, "utf8")) as Record<string, unknown>;
    await writeFile(stopped, JSON.stringify({ ...record, status: "stopped" }));
    expect((await sandbox.inside(take("vae-few"))).err).toContain('The run "vae-few" has not finished');
  });

  it("ends as the undisturbed one does after being killed while it trains, draws and measures", async () => {
    const models = ["vae", "dcgan"];
    const started = performance.now();
    const whole = await sandbox.json<Told>(...(await begun("whole", 400, models)));
    const seconds = (performance.now() - started) / 1000;
    const args = await begun("killed", 400, models);
    const moments = new RandomStream(1, "kills of a leaderboard");
    for (let i = 0; i < 6; i++) {
      const running = sandbox.start(args);
      await pause(1000 * (0.2 + moments.uniform() * 0.6) * seconds);
      running.process.kill("SIGKILL");
      await running.finished;
    }
    const resumed = await sandbox.json<Told>(...args);
    expect(resumed.failed).toEqual([]);
    const figures = ({ rows }: Told) =>
      rows.map(({ name, checkpoint, measures, likelihood }) => ({ name, checkpoint, measures, likelihood }));
    expect(figures(resumed)).toEqual(figures(whole));
    expect((await sandbox.files("runs")).filter((file) => /partial|lock/.test(file))).toEqual([]);
  });
});
