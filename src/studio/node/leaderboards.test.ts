import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findModel } from "../../models/index.ts";
import { createRun } from "../../runs/registry.ts";
import type { EvaluationReport, RunEvaluations } from "../evaluation.ts";
import { strip } from "./board-pictures.ts";
import { evaluationFiles, routes as evaluationRoutes, readEvaluations } from "./evaluations.ts";
import { foundBy, measureFigure, metricFigures } from "./figures.ts";
import { readLeaderboards, routes } from "./leaderboards.ts";
import type { RouteRequest, Studio } from "./route.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), "atelier-boards-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const settings = { data: "mnist", integrity: "x", image: [1, 4, 4], minutes: 5, samples: 12, seed: "0", features: "mnist" };
const measure = (value: number | null, real = 1) => ({ value, error: 0.1, real });
const row = (name: string, kd: number | null) => ({
  ...{ name, model: "vae", title: "Variational autoencoder", family: "autoencoders", preset: "small", run: `small-${name}`, taken: false },
  ...{ checkpoint: "0", shape: [1, 4, 4], parameters: 100, features: "atelier-mnist", notes: ["a note"], machine: {} },
  training: { seconds: 300, steps: 10, presetSteps: 20 },
  sampling: { pictures: 12, secondsPerPicture: 0.001, compileSeconds: 0 },
  likelihood: { nats: 100, bitsPerDim: 2, kind: "bound", of: "256 levels" },
  measures: { fd: measure(2), kd: measure(kd), memorised: measure(0.1, 0.1) },
});

async function board(name: string, entries: Readonly<Record<string, unknown>>, about: unknown = { format: 1, settings }): Promise<void> {
  const folder = path.join(home, `.${name}`);
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "board.json"), typeof about === "string" ? about : JSON.stringify(about));
  for (const [entry, content] of Object.entries(entries)) {
    await writeFile(path.join(folder, `${entry}.json`), typeof content === "string" ? content : JSON.stringify(content));
  }
}

const plainRun = (name: string, model = "vae") =>
  createRun(
    {
      ...{
        name,
        model,
        preset: "small",
        config: findModel(model).presets.small.config as Record<string, unknown>,
        training: {},
        seed: "0",
        data: { name: "mnist" },
        versions: {},
        device: "cpu",
      },
      command: [],
    },
    home,
  );

/** A request as a route sees it. */
function request(parameters: Record<string, string>, body: unknown = {}): RouteRequest {
  return {
    parameters,
    query: new URLSearchParams(),
    json: async (schema) => schema.parse(body),
    body: async function* () {},
    signal: new AbortController().signal,
  };
}

test("lines come nearest first; what never finished, or is damaged, is shown as such", async () => {
  await board("small", { far: { name: "far", drawn: [], row: row("far", 3) }, near: { name: "near", drawn: [], row: row("near", 1) } });
  await board("small", { odd: { name: "odd", drawn: [], row: row("odd", null) }, begun: { name: "begun", drawn: [] }, torn: "{" });
  await board("ruined", {}, "not json");
  await plainRun("small-dcgan", "dcgan");
  const run = await plainRun("small-near");
  await run.update({ status: "finished", results: { loss: 1 } });
  const { boards, runs } = await readLeaderboards(home);
  expect(boards.map(({ name, broken }) => [name, broken])).toEqual([
    ["ruined", "its description is damaged"],
    ["small", "what is kept of torn is damaged"],
  ]);
  expect(boards[1].lines.map(({ name, state, hasRun }) => [name, state, hasRun])).toEqual([
    ["near", "measured", true],
    ["far", "measured", false],
    ["begun", "not begun", false],
    ["dcgan", "created", true],
    ["odd", "measured", false],
  ]);
  expect(boards[1].lines[0]).toMatchObject({
    trainingMinutes: 5,
    pictures: 0,
    measures: { kd: { value: 1, error: 0.1, real: 1, better: "lower" } },
  });
  expect(boards[1].lines[4].measures.kd.value).toBe(null);
  expect(runs.map(({ run, state, family }) => [run, state, family])).toEqual([
    ["small-dcgan", "created", "gans"],
    ["small-near", "finished", "autoencoders"],
  ]);
});

test("a row of samples is drawn, and asked for by names only", async () => {
  await board("small", { near: { name: "near", drawn: [], row: row("near", 1) } });
  const samples = path.join(home, ".small", "samples", "near");
  await mkdir(samples, { recursive: true });
  await writeFile(path.join(samples, "0000.bin"), new Uint8Array(5 * 16 + 3));
  expect((await readLeaderboards(home)).boards[0].lines[0].pictures).toBe(5);
  const studio = {
    runsFolder: home,
    looker: { ask: async (_: string, input: Parameters<typeof strip>[0]) => strip(input) },
  } as unknown as Studio;
  const { handle } = routes[1];
  const answer = (await handle(request({ board: "small", entry: "near" }), studio)) as { bytes: Uint8Array; type: string };
  expect([answer.type, Buffer.from(answer.bytes.subarray(1, 4)).toString()]).toEqual(["image/png", "PNG"]);
  for (const [board, entry] of [
    ["..", "near"],
    ["small", "../near"],
    ["small", "absent"],
  ])
    await expect(handle(request({ board, entry }), studio)).rejects.toThrow("no samples");
});

test("evaluations are read newest first, and a damaged file is no trouble to the others", async () => {
  const run = await plainRun("mine");
  const folder = path.join(run.folder, "evaluations");
  await mkdir(folder);
  const report = (id: string): Partial<EvaluationReport> => ({
    ...{ format: 1, id, created: "2026-01-01T00:00:00Z", step: 5, data: "mnist", count: 3, noun: "pictures" },
    ...{ metrics: [], estimates: [], measures: [] },
  });
  for (const id of ["20260101T000000Z", "20260102T000000Z"])
    await writeFile(evaluationFiles(run.folder, id).report, JSON.stringify(report(id)));
  await writeFile(path.join(folder, "20260103T000000Z.json"), "{");
  await writeFile(path.join(folder, "other.json"), "{}");
  const { evaluations, broken } = await readEvaluations(run.folder);
  expect(evaluations.map(({ id }) => id)).toEqual(["20260102T000000Z", "20260101T000000Z"]);
  expect(broken.map(({ file }) => file)).toEqual(["other.json", "20260103T000000Z.json"]);
  const studio = { runsFolder: home } as Studio;
  const [list, order, picture, remove] = evaluationRoutes;
  const { json } = (await list.handle(request({ run: "mine" }), studio)) as { json: RunEvaluations };
  expect(json).toMatchObject({ run: "mine", state: "created", ready: false, distances: { possible: true } });
  await expect(order.handle(request({ run: "mine" }, { samples: 2 }), studio)).rejects.toThrow();
  await expect(picture.handle(request({ run: "mine", id: "../../run" }), studio)).rejects.toThrow("no such evaluation");
  await expect(picture.handle(request({ run: "mine", id: "20260101T000000Z" }), studio)).rejects.toThrow("no pictures");
  await remove.handle(request({ run: "mine", id: "20260101T000000Z" }), studio);
  expect((await readEvaluations(run.folder)).evaluations).toHaveLength(1);
  for (const name of ["..", "a/b", ".hidden", "absent"])
    await expect(list.handle(request({ run: name }), studio)).rejects.toThrow("no run named");
});

test("figures carry what they mean; what is no number becomes null", () => {
  const info = { nll: { unit: "nats", better: "lower", about: "of held-out pictures" } } as const;
  expect(metricFigures({ metricInfo: info }, { nll: 1, other: Number.NaN })).toEqual([
    { name: "nll", value: 1, unit: "nats", better: "lower", about: "of held-out pictures" },
    { name: "other", value: null, unit: "", better: undefined, about: "" },
  ]);
  expect(measureFigure("kd", { value: 1, real: Number.NaN }, { kd: "kernel" })).toMatchObject({
    better: "lower",
    real: undefined,
    about: "kernel",
  });
  const classes = { counts: [3, 1], covered: 2, confidence: 0.9 } as never;
  const labels = { accuracy: 0.5, error: 0.1, each: [1, Number.NaN] };
  expect(foundBy({ classifier: "c", classes, labels }, ["a", "b"]).rows).toEqual([
    { name: "a", count: 3, right: 1 },
    { name: "b", count: 1 },
  ]);
  expect(foundBy({ classifier: "c", attributes: { samples: [0.5], held: [0.4] } }, ["hat"]).rows).toEqual([
    { name: "hat", share: 0.5, held: 0.4 },
  ]);
});
