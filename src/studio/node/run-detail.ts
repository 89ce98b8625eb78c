import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { listCheckpoints } from "../../runs/checkpoint.ts";
import { type RunEvent, readEvents } from "../../runs/events-log.ts";
import type { Run } from "../../runs/registry.ts";
import type { RunDetail, RunNote, RunSummary, SampleFile } from "../training.ts";
import { StudioError } from "./errors.ts";
import { findRun, runFolder } from "./find-run.ts";
import type { Jobs } from "./jobs.ts";
import { killedTrouble, runSummary, summaryOf } from "./run-list.ts";

/**
 * All that a page shows of a run, a job or a broken folder.
 * @throws StudioError (404) where there is none of that name
 */
export async function runDetail(name: string, runsFolder: string, jobs: Jobs): Promise<RunDetail> {
  const view = (await jobs.views()).get(name);
  const run = await findRun(name, runsFolder).catch(() => undefined);
  if (run === undefined) return emptyDetail(await summaryOf(name, runsFolder, view));
  const events: RunEvent[] = await readEvents(run).catch(() => []);
  const summary = await runSummary(run, events, view);
  const { config, training, device, versions, command, model } = run.record;
  const { models } = await import("../../models/index.ts");
  const record = models.find((each) => each.name === model);
  const about = Object.entries(record?.metricInfo ?? {}).map(([key, { unit, better, about: text }]) => [
    key,
    { unit, better, about: text },
  ]);
  const begun = events.findLast((event) => event.type === "start");
  return {
    ...summary,
    title: record?.title ?? null,
    ...{ config, training, device, versions, command },
    checkpoints: await listCheckpoints(run).catch(() => []),
    notes: events.map(noteOf),
    predicted: begun === undefined ? null : { memoryBytes: begun.predicted.memoryBytes, stepSeconds: begun.predicted.stepSeconds },
    parameters: begun?.parameters ?? null,
    metrics: Object.fromEntries(about),
    card: await readFile(run.cardFile, "utf8").catch(() => null),
  };
}

function emptyDetail(summary: RunSummary): RunDetail {
  const none = { title: null, config: {}, training: {}, device: null, versions: {}, command: [], checkpoints: [], notes: [] };
  return { ...summary, ...none, predicted: null, parameters: null, metrics: {}, card: null };
}

function noteOf(event: RunEvent): RunNote {
  const { time, type } = event;
  switch (event.type) {
    case "start":
      return { time, type, step: event.step, text: event.step === 0 ? "began" : `went on at step ${event.step}` };
    case "warning":
    case "early":
      return { time, type, step: event.step, text: event.text };
    case "failed":
      return { time, type, step: event.step, text: [event.problem.what, event.problem.got, event.problem.hint].filter(Boolean).join("; ") };
    case "killed":
      return { time, type, step: null, text: killedTrouble(event.signal, 0).what };
    default:
      return { time, type, step: event.step, text: event.type === "finished" ? "finished" : "paused; a checkpoint is written" };
  }
}

/** What may be read of a run's samples: names that trainings write, nothing else. */
const sampleName = /^(?:step-(\d{8,15})-([a-z]+(?:-[a-z]+)*)\.(png|txt)|(training)\.png)$/;

/** What the model has made on the way, by step. Nothing where there is no such folder. */
export async function listSamples(run: Run): Promise<SampleFile[]> {
  const names = await readdir(run.samplesFolder).catch(() => []);
  const found = await Promise.all(names.map((name) => sampleOf(run, name)));
  return found.filter((sample) => sample !== undefined).sort((a, b) => a.step - b.step || (a.view < b.view ? -1 : 1));
}

/** The newest picture of what a run makes, for lists; undefined where it makes texts, or nothing yet. */
export async function newestPicture(run: Run): Promise<SampleFile | undefined> {
  const pictures = (await listSamples(run)).filter(({ kind, view }) => kind === "picture" && view !== "training");
  return pictures.findLast(({ view }) => view === "samples") ?? pictures.at(-1);
}

async function sampleOf(run: Run, file: string): Promise<SampleFile | undefined> {
  const match = sampleName.exec(file);
  const about = match === null ? undefined : await stat(path.join(run.samplesFolder, file)).catch(() => undefined);
  if (match === null || about === undefined) return undefined;
  const tag = `${about.size.toString(36)}-${Math.round(about.mtimeMs).toString(36)}`;
  if (match[4] !== undefined) return { file, step: Number.MAX_SAFE_INTEGER, view: "training", kind: "picture", tag };
  return { file, step: Number(match[1]), view: match[2], kind: match[3] === "png" ? "picture" : "text", tag };
}

/** The path and type of a sample. @throws StudioError (404) for any other file */
export async function sampleFile(name: string, file: string, runsFolder: string): Promise<{ file: string; type: string }> {
  const folder = await runFolder(name, runsFolder);
  if (!sampleName.test(file)) throw new StudioError(404, { what: "This is no sample of a run.", got: file.slice(0, 80) });
  return { file: path.join(folder, "samples", file), type: file.endsWith(".png") ? "image/png" : "text/plain; charset=utf-8" };
}
