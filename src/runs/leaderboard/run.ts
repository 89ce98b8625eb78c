/** What `atelier leaderboard` does: train or take a model of each family, draw, measure, and tell. Each part is on disk before the next begins. */
import { existsSync } from "node:fs";
import path from "node:path";
import { type ImageSet, limitImages, requireImages } from "../../data/dataset.ts";
import { fitImages } from "../../data/fit.ts";
import { loadDataset } from "../../data/node/load.ts";
import { findModel, pictureShape } from "../../models/index.ts";
import type { Backend } from "../../runtime/backend.ts";
import { asSet, batchesOf, drawBatch } from "../drawn.ts";
import { type FeatureExtractor, openExtractor } from "../features.ts";
import { type LoadedModel, loadModel, loadSplit } from "../load.ts";
import { measureAgainst, openReference, type Reference } from "../measures.ts";
import { readMetrics } from "../metrics-log.ts";
import { listRuns, openRun, type Run, removeRun, runState } from "../registry.ts";
import { fitConditions, integrityOf, startRun } from "../start.ts";
import { type TrainingEvent, trainRun } from "../training.ts";
import { Board, type BoardSettings, type Entry } from "./board.ts";
import { type Budget, stepsWithin } from "./budget.ts";
import { type Absent, type Entrant, entrants } from "./entrants.ts";
import { type BoardRow, likelihoodOf, machineOf } from "./row.ts";
import { requireComparable } from "./taken.ts";

export interface LeaderboardOptions extends Omit<BoardSettings, "integrity"> {
  name: string;
  /** Names of models or families that take part; all where absent. */
  families?: readonly string[] | undefined;
  /** Preset instead of each model's own. */
  preset?: string | undefined;
  /** Finished runs that take part as they are. */
  take: readonly string[];
  /** Whether models without a run that was taken are trained. */
  train: boolean;
  home: string;
  device: string;
  backend: Backend;
  signal?: AbortSignal | undefined;
  onProgress(message: string, seconds?: number): void;
}

/** What is told on the way. */
export type BoardEvent =
  | { type: "plan"; names: string[]; absent: Absent[] }
  | { type: "entrant"; name: string; title: string; number: number; of: number }
  | { type: "budget"; name: string; budget: Budget }
  | { type: "training"; name: string; event: TrainingEvent }
  | { type: "row"; row: BoardRow }
  | { type: "failed"; name: string; error: Error }
  | { type: "end"; board: Board; rows: BoardRow[]; real: ImageSet; stopped: boolean };

/** One that takes part: a finished run, or a model to train. */
type Participant = { name: string; title: string } & ({ run: Run } | { entrant: Entrant });

interface Context {
  options: LeaderboardOptions;
  board: Board;
  /** Splits at the leaderboard's shape. */
  held: ImageSet;
  training: ImageSet;
  extractor: FeatureExtractor;
  reference?: Reference;
}

/**
 * Make a leaderboard, or go on with one. What fails is told, and the others go on; a signal ends it after the step or the batch in progress.
 * @throws UsageError where names, runs or settings do not fit, before anything is computed
 */
export async function* runLeaderboard(options: LeaderboardOptions): AsyncGenerator<BoardEvent> {
  const { data, image, minutes, samples, seed, features, home, backend, onProgress, signal } = options;
  const { participants, absent } = await participantsOf(options);
  const [training, held] = [await load(options, "train"), await load(options, "test")];
  const integrity = integrityOf(data, training);
  for (const each of participants) if ("run" in each) await requireComparable(each.run, { data, image });
  const extractor = await openExtractor(features, backend);
  try {
    const board = await Board.open(options.name, { data, integrity, image, minutes, samples, seed, features }, home);
    const context: Context = { options, board, held, training, extractor };
    yield { type: "plan", names: participants.map(({ name }) => name), absent };
    for (const [i, each] of participants.entries()) {
      if (signal?.aborted) break;
      yield { type: "entrant", name: each.name, title: each.title, number: i + 1, of: participants.length };
      try {
        yield* takePart(context, each);
      } catch (error) {
        yield { type: "failed", name: each.name, error: error as Error };
      }
    }
    onProgress("writing the table");
    yield { type: "end", board, rows: await board.rows(), real: limitImages(held, samples), stopped: signal?.aborted ?? false };
  } finally {
    await extractor.dispose();
  }
}

/** A split of the data in the leaderboard's shape. */
async function load({ data, image, onProgress }: LeaderboardOptions, split: "train" | "test"): Promise<ImageSet> {
  return fitImages(await loadDataset(data, { split, shape: image, onProgress }), image);
}

/** Runs that were taken first, then models to train, but for those that a run was taken of. */
async function participantsOf(options: LeaderboardOptions): Promise<{ participants: Participant[]; absent: Absent[] }> {
  const { image, families, preset, take, train, home } = options;
  const runs: Run[] = [];
  for (const name of take) runs.push(await openRun(name, home));
  const taken: Participant[] = runs.map((run) => ({ name: run.name, title: findModel(run.record.model).title, run }));
  if (!train) return { participants: taken, absent: [] };
  const found = entrants(image, families, preset);
  const trained = found.entrants.filter(({ record }) => !runs.some((run) => run.record.model === record.name));
  const named = trained.map((entrant): Participant => ({ name: entrant.record.name, title: entrant.record.title, entrant }));
  return { participants: [...taken, ...named], absent: found.absent };
}

/** Train, draw and measure one, from wherever it stands. */
async function* takePart(context: Context, participant: Participant): AsyncGenerator<BoardEvent> {
  const { board, options } = context;
  const entry = await board.entry(participant.name);
  const run = "run" in participant ? participant.run : yield* train(context, participant.entrant, entry);
  if (options.signal?.aborted || run === undefined) return;
  const model = await loadModel(run);
  if (entry.checkpoint !== model.hash) {
    Object.assign(entry, { checkpoint: model.hash, drawn: [] });
    delete entry.row;
  }
  const whole = batchesOf(board.settings.samples);
  const known = entry.row !== undefined && entry.drawn.length === whole;
  if (!known && !(await draw(context, entry, model))) return;
  if (!known) entry.row = await measure(context, entry, model, run, "run" in participant);
  await board.save(entry);
  yield { type: "row", row: entry.row! };
}

/** The run of an entrant, trained to its end; undefined where it was stopped. */
async function* train(context: Context, entrant: Entrant, entry: Entry): AsyncGenerator<BoardEvent, Run | undefined> {
  const { options, board } = context;
  const { home, backend, data, signal, onProgress, seed, device } = options;
  const { record, preset } = entrant;
  const name = `${board.name}-${record.name}`;
  const before = await runNamed(name, home);
  if (before !== undefined && runState(before) === "finished") return before;
  const set = await loadSplit(record, entrant.config, data, "train", undefined, { onProgress });
  const held = await loadSplit(record, entrant.config, data, "test", undefined, { onProgress });
  const config = fitConditions(record, entrant.config, set);
  if (entry.budget === undefined && before === undefined) {
    onProgress(`measuring a step of ${record.name}`);
    const seconds = 60 * board.settings.minutes;
    entry.budget = await stepsWithin({ record, config, training: entrant.training, set, seed, backend }, seconds);
    await board.save(entry);
  }
  if (entry.budget !== undefined) yield { type: "budget", name: record.name, budget: entry.budget };
  const steps = entry.budget?.steps ?? 1;
  const training = { ...shortened(entrant.training, steps), steps };
  const command = [
    "atelier",
    "train",
    record.name,
    "--data",
    data,
    "--preset",
    preset,
    "--steps",
    String(steps),
    "--seed",
    seed,
    ...settings(entrant),
  ];
  const run = before ?? (await startRun({ name, record, preset, config, training, seed, data, set, backend, device, command }));
  for await (const event of trainRun({ run, record, set, held, backend, resume: before !== undefined, pictures: 1, signal }))
    yield { type: "training", name: record.name, event };
  return runState(run) === "finished" ? run : undefined;
}

/** A warm-up made for a longer training leaves most of this one, and averaged weights forget the first ones. */
function shortened(training: Entrant["training"], steps: number): Entrant["training"] {
  const { warmup, ema } = training;
  return { ...training, warmup: Math.min(warmup, Math.floor(steps / 10)), ema: Math.max(0, Math.min(ema, 1 - 5 / steps)) };
}

/** What differs from the preset, as `--set` says it. */
function settings({ record, preset, config }: Entrant): string[] {
  const base = record.presets[preset].config as Record<string, unknown>;
  const changed = Object.entries(config).filter(([key, value]) => JSON.stringify(base[key]) !== JSON.stringify(value));
  return changed.flatMap(([key, value]) => ["--set", `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`]);
}

/** The leaderboard's run of that name; a folder that a killed process left without a description is removed. */
async function runNamed(name: string, home: string): Promise<Run | undefined> {
  const listed = (await listRuns(home)).find((each) => each.name === name);
  if (listed?.broken && !existsSync(path.join(listed.folder, "run.json"))) {
    await removeRun(name, home);
    return undefined;
  }
  return listed === undefined ? undefined : openRun(name, home);
}

/** Draw the batches that are missing. @returns whether all are there: a signal ends it after a batch */
async function draw({ options, board }: Context, entry: Entry, model: LoadedModel): Promise<boolean> {
  const { backend, data, onProgress, signal } = options;
  const { samples, seed } = board.settings;
  const held = requireImages(await loadSplit(model.record, model.config, data, "test", undefined, { onProgress }), "A leaderboard");
  const whole = batchesOf(samples);
  while (entry.drawn.length < whole && !signal?.aborted) {
    const batch = entry.drawn.length;
    onProgress(
      `${entry.name}: drawing ${samples} samples`,
      entry.drawn.reduce((sum, { seconds }) => sum + seconds, 0),
    );
    const { images, seconds, compileSeconds } = await drawBatch({ ...model, backend }, held, samples, batch, { seed });
    await board.saveBatch(entry.name, batch, images);
    entry.drawn.push({ seconds, compileSeconds });
    await board.save(entry);
  }
  return entry.drawn.length >= whole;
}

async function measure(context: Context, entry: Entry, model: LoadedModel, run: Run, taken: boolean): Promise<BoardRow> {
  const { options, board, extractor, held, training } = context;
  const { backend, onProgress } = options;
  const { record, config } = model;
  onProgress(`${entry.name}: measuring`);
  const shape = pictureShape(record, config);
  const drawn = asSet(await board.samples(entry.name, entry.drawn.length), { ...held, shape });
  const own = await extractor.features(fitImages(drawn, board.settings.image));
  context.reference ??= await openReference(
    await extractor.features(held),
    await extractor.features(training),
    board.settings.samples,
    backend,
  );
  const { measures } = await measureAgainst(context.reference, own, backend);
  const seconds = (await readMetrics(run.metricsFile)).reduce((sum, row) => sum + Number(row.seconds), 0);
  const total = (part: "seconds" | "compileSeconds") => entry.drawn.reduce((sum, each) => sum + each[part], 0);
  const { preset } = run.record;
  const row: BoardRow = {
    ...{ name: entry.name, model: record.name, title: record.title, family: record.family, preset, run: run.name, taken },
    checkpoint: model.hash,
    shape,
    parameters: model.network.parameterCount,
    training: { seconds, steps: model.step, presetSteps: entry.budget?.presetSteps ?? model.step },
    sampling: { pictures: drawn.count, secondsPerPicture: total("seconds") / drawn.count, compileSeconds: total("compileSeconds") },
    likelihood: likelihoodOf(record, config, run.record.results),
    ...{ features: extractor.label, measures, notes: [], machine: machineOf(backend.description) },
  };
  return { ...row, notes: notesOf(row, board.settings) };
}

/** Training that is this much longer or shorter than its budget is told. */
const OFF_BUDGET = 0.1;

function notesOf({ name, taken, training, preset, shape }: BoardRow, { minutes, image }: BoardSettings): string[] {
  const notes: string[] = [];
  const asked = 60 * minutes;
  const { seconds, steps, presetSteps } = training;
  if (taken) notes.push(`${name} is a finished run of ${(seconds / 60).toFixed(1)} minutes, not of ${minutes}`);
  else if (Math.abs(seconds - asked) > OFF_BUDGET * asked) {
    notes.push(`${name} took ${(seconds / 60).toFixed(1)} minutes for the steps that its trial said were ${minutes}`);
  }
  if (!taken && steps < presetSteps) notes.push(`${name} has had ${steps} of the ${presetSteps} steps of its preset ${preset}`);
  if (shape.join() !== image.join()) notes.push(`${name} paints ${shape.join(" x ")}, brought to ${image.join(" x ")} to be measured`);
  return notes;
}
