/** Leaderboards as `atelier leaderboard` keeps them, and all runs of the studio's folder with what is known of them. */
import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { findModel, models } from "../../models/index.ts";
import { measureInfo } from "../../runs/measures.ts";
import { type ListedRun, listRuns } from "../../runs/registry.ts";
import type { BoardLine, Leaderboard, Leaderboards, RunLine } from "../evaluation.ts";
import { StudioError } from "./errors.ts";
import { latestMeasures } from "./evaluations.ts";
import { measureFigure, metricFigures } from "./figures.ts";
import type { Route } from "./route.ts";

const BOARD = /^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/;
/** Pictures shown of each. */
const SHOWN = 12;

const settingsSchema = z.looseObject({
  data: z.string(),
  image: z.tuple([z.int().positive(), z.int().positive(), z.int().positive()]),
  minutes: z.number(),
  samples: z.number(),
  features: z.string(),
});
const boardSchema = z.object({ format: z.literal(1), settings: settingsSchema });
const measureSchema = z.object({ value: z.number().nullable(), error: z.number().nullable().optional(), real: z.number().nullable() });
const rowSchema = z.looseObject({
  name: z.string(),
  model: z.string(),
  title: z.string(),
  family: z.string(),
  run: z.string(),
  shape: z.tuple([z.int().positive(), z.int().positive(), z.int().positive()]),
  parameters: z.number(),
  training: z.looseObject({ seconds: z.number() }),
  sampling: z.looseObject({ secondsPerPicture: z.number() }),
  likelihood: z.looseObject({ nats: z.number(), bitsPerDim: z.number(), kind: z.string(), of: z.string() }).optional(),
  measures: z.record(z.string(), measureSchema),
  notes: z.array(z.string()),
});
const entrySchema = z.looseObject({ name: z.string(), drawn: z.array(z.unknown()), row: rowSchema.optional() });
type Row = z.infer<typeof rowSchema>;

async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<T> {
  return schema.parse(JSON.parse(await readFile(file, "utf8")));
}

/** Every leaderboard of the folder and every run; a broken one is shown as broken. */
export async function readLeaderboards(runsFolder: string): Promise<Leaderboards> {
  const runs = await listRuns(runsFolder);
  const entries = await readdir(runsFolder, { withFileTypes: true }).catch(() => []);
  const boards: Leaderboard[] = [];
  for (const { name } of entries) {
    if (!name.startsWith(".") || !BOARD.test(name.slice(1))) continue;
    if ((await stat(path.join(runsFolder, name, "board.json")).catch(() => undefined)) === undefined) continue;
    boards.push(await readBoard(name.slice(1), runsFolder, runs));
  }
  return { boards: boards.sort((a, b) => (a.name < b.name ? -1 : 1)), runs: await Promise.all(runs.map(runLine)) };
}

async function readBoard(name: string, runsFolder: string, runs: readonly ListedRun[]): Promise<Leaderboard> {
  const folder = path.join(runsFolder, `.${name}`);
  const nothing = { name, data: "", image: [], minutes: 0, samples: 0, features: "", lines: [] };
  try {
    const { settings } = await readJson(path.join(folder, "board.json"), boardSchema);
    const { data, image, minutes, samples, features } = settings;
    const lines: BoardLine[] = [];
    const damaged: string[] = [];
    for (const file of (await readdir(folder)).sort()) {
      if (!file.endsWith(".json") || file === "board.json" || file.startsWith(".")) continue;
      const entry = file.slice(0, -".json".length);
      const line = await entryLine(folder, name, entry, runs).catch(() => undefined);
      if (line === undefined) damaged.push(entry);
      else lines.push(line);
    }
    const known = new Set(lines.map((line) => line.run));
    for (const run of runs)
      if (run.name.startsWith(`${name}-`) && !known.has(run.name)) lines.push(unfinished(run, run.name.slice(name.length + 1)));
    const broken = damaged.length === 0 ? undefined : `what is kept of ${damaged.join(", ")} is damaged`;
    return { name, data, image, minutes, samples, features, lines: lines.sort(byDistance), broken };
  } catch {
    return { ...nothing, broken: "its description is damaged" };
  }
}

/** The nearest to the data first, as in the table; those without figures last. */
function byDistance(a: BoardLine, b: BoardLine): number {
  const distance = ({ measures }: BoardLine) => measures.kd?.value ?? Number.POSITIVE_INFINITY;
  const [first, second] = [distance(a), distance(b)];
  return first === second ? a.name.localeCompare(b.name) : first - second;
}

async function entryLine(folder: string, board: string, entry: string, runs: readonly ListedRun[]): Promise<BoardLine> {
  const { row } = await readJson(path.join(folder, `${entry}.json`), entrySchema);
  const run = runs.find(({ name }) => name === (row?.run ?? `${board}-${entry}`));
  if (row === undefined) return unfinished(run, entry);
  const batch = await stat(path.join(folder, "samples", entry, "0000.bin")).catch(() => undefined);
  const size = row.shape.reduce((a, b) => a * b, 1);
  const { name, model, title, family, parameters, training, sampling, likelihood, notes } = row;
  return {
    ...{ name, model, title, family, parameters, likelihood, notes },
    run: row.run,
    hasRun: run !== undefined,
    state: "measured",
    trainingMinutes: training.seconds / 60,
    secondsPerPicture: sampling.secondsPerPicture,
    measures: measuresOf(row),
    pictures: Math.min(SHOWN, Math.floor((batch?.size ?? 0) / size)),
  };
}

function measuresOf({ measures }: Row): BoardLine["measures"] {
  const number = (value: number | null | undefined) => value ?? Number.NaN;
  return Object.fromEntries(
    Object.entries(measures).map(([name, { value, error, real }]) => [
      name,
      measureFigure(name, { value: number(value), error: error ?? undefined, real: number(real) }, measureInfo),
    ]),
  );
}

/** One that has not come to its measures. */
function unfinished(run: ListedRun | undefined, entry: string): BoardLine {
  const model = run?.run?.record.model ?? entry;
  const record = models.find(({ name }) => name === model);
  const state = run === undefined ? "not begun" : run.state === "finished" ? "trained, not measured" : run.state;
  return {
    ...{ name: entry, model, title: record?.title ?? model, family: record?.family ?? "" },
    ...{ run: run?.name ?? "", hasRun: run !== undefined, state, measures: {}, notes: [], pictures: 0 },
  };
}

async function runLine(listed: ListedRun): Promise<RunLine> {
  const { name, state, run } = listed;
  if (run === null) {
    const broken = listed.broken.problem.what;
    return { run: name, model: "", family: "", data: null, state, created: "", results: [], measures: [], broken };
  }
  const { record } = run;
  const about = { run: name, model: record.model, data: record.data?.name ?? null, state, created: record.created };
  try {
    const model = findModel(record.model);
    return { ...about, family: model.family, results: metricFigures(model, record.results), ...(await latestMeasures(run.folder)) };
  } catch {
    return { ...about, family: "", results: [], measures: [], broken: `there is no model "${record.model}" in this version` };
  }
}

/** What is needed to draw the strip of a line's samples. @throws StudioError (404) where there are none */
async function stripOf(board: string, entry: string, runsFolder: string): Promise<{ file: string; shape: Row["shape"]; count: number }> {
  const missing = new StudioError(404, "There are no samples of this line.");
  if (!BOARD.test(board) || !/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(entry)) throw missing;
  const folder = path.join(runsFolder, `.${board}`);
  const found = await readJson(path.join(folder, `${entry}.json`), entrySchema).catch(() => undefined);
  if (found?.row === undefined) throw missing;
  return { file: path.join(folder, "samples", entry, "0000.bin"), shape: found.row.shape, count: SHOWN };
}

export const routes: readonly Route[] = [
  { method: "GET", path: "/api/leaderboards", handle: async (_, { runsFolder }) => ({ json: await readLeaderboards(runsFolder) }) },
  {
    method: "GET",
    path: "/api/leaderboards/:board/:entry/samples.png",
    handle: async ({ parameters, signal }, { runsFolder, looker }) => {
      const strip = await stripOf(parameters.board, parameters.entry, runsFolder);
      return { bytes: await looker.ask<Uint8Array>("strip", strip, { signal }), type: "image/png" };
    },
  },
];
