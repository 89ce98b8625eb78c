/** Runs as pages see them: what the folder says, and what the studio knows of a process. */
import { open, readFile, stat } from "node:fs/promises";
import path from "node:path";
import type { AtelierError } from "../../core/errors.ts";
import { type RunEvent, readEvents, toldProblem } from "../../runs/events-log.ts";
import { lockHolder } from "../../runs/lock.ts";
import { type ListedRun, listRuns, type Run, runState } from "../../runs/registry.ts";
import type { RunOrder, RunState, RunSummary, Trouble } from "../training.ts";
import { runFolder } from "./find-run.ts";
import type { JobView } from "./jobs.ts";

/** Bytes from the end of the metrics that tell the last step and how long steps take. */
const TAIL = 8192;

/** Every run and every job that has no folder yet, oldest first. */
export async function summaries(runsFolder: string, jobs: ReadonlyMap<string, JobView>): Promise<RunSummary[]> {
  const listed = await listRuns(runsFolder);
  const names = new Set(listed.map(({ name }) => name));
  const early = [...jobs.values()].filter(({ job }) => !names.has(job.run)).map(jobSummary);
  return [...(await Promise.all(listed.map((each) => listedSummary(each, jobs.get(each.name))))), ...early];
}

/** One run or job. @throws StudioError (404) where there is none of that name */
export async function summaryOf(name: string, runsFolder: string, view: JobView | undefined): Promise<RunSummary> {
  try {
    await runFolder(name, runsFolder);
  } catch (error) {
    if (view === undefined) throw error;
    return jobSummary(view);
  }
  const listed = (await listRuns(runsFolder)).find((each) => each.name === name);
  return listed === undefined ? summaryOf(name, runsFolder, view) : listedSummary(listed, view);
}

async function listedSummary(listed: ListedRun, view: JobView | undefined): Promise<RunSummary> {
  if (listed.run === null) return brokenSummary(listed.name, listed.broken);
  const { run } = listed;
  try {
    return await runSummary(run, await readEvents(run), view);
  } catch (error) {
    return { ...brokenSummary(run.name, error), model: run.record.model };
  }
}

/** A run that can be read. @param events its own, oldest first */
export async function runSummary(run: Run, events: readonly RunEvent[], view: JobView | undefined): Promise<RunSummary> {
  const { model, preset, data, seed, created, results, training } = run.record;
  const begun = events.findLast((event) => event.type === "start");
  const { step, stepSeconds } = await metricsTail(run.metricsFile);
  const held = lockHolder(run.folder) !== undefined;
  const state = stateOf(run, events, view, held);
  const trouble = troubleOf(state, events, view, step);
  const planned = typeof training.steps === "number" && training.steps > 0 ? training.steps : null;
  return {
    ...{ name: run.name, state, model, preset, data: data?.name ?? null, seed, created, step, stepSeconds },
    totalSteps: begun?.totalSteps ?? planned,
    results: Object.fromEntries(Object.entries(results).map(([name, value]) => [name, Number.isFinite(value) ? value : null])),
    ...(trouble === undefined ? {} : { trouble }),
    ...(activityOf(state, view) === undefined ? {} : { activity: activityOf(state, view) }),
    ...(held ? { asked: await askedOf(run) } : {}),
    can: ordersOf(state, held),
  };
}

function stateOf(run: Run, events: readonly RunEvent[], view: JobView | undefined, held: boolean): RunState {
  if (view?.job.state === "waiting") return "waiting";
  // Between holding the run and its first step, programs are made.
  if (held)
    return events.at(-1) === undefined || ["stopped", "finished", "failed", "killed"].includes(events.at(-1)!.type)
      ? "starting"
      : "training";
  if (view?.lives) return "starting";
  const state = runState(run);
  if (state === "stopped") return "paused";
  if (state !== "interrupted" && state !== "created") return state;
  // A full disk keeps a training from marking its run as failed.
  const told = events.at(-1)?.type === "failed" || (view?.job.state === "ended" && view.job.trouble?.kind !== "Killed");
  return told ? "failed" : "killed";
}

function troubleOf(state: RunState, events: readonly RunEvent[], view: JobView | undefined, step: number): Trouble | undefined {
  if (state === "waiting" || state === "starting" || state === "training") return undefined;
  if (view?.job.trouble !== undefined) return view.job.trouble;
  const last = events.at(-1);
  if (last?.type === "failed") return last.problem;
  if (state === "killed") return killedTrouble(last?.type === "killed" ? last.signal : null, step);
  return state === "failed" ? { kind: "Failed", what: "The training failed; why is not in its folder." } : undefined;
}

/** What to tell of a process that ended without a word. */
export function killedTrouble(signal: string | null, step: number): Trouble {
  const memory = signal === "SIGKILL" || signal === null ? "; the system does that when memory runs out" : "";
  return {
    kind: "Killed",
    what: `The training's process was ended from outside${signal === null ? "" : ` by ${signal}`}${memory}.`,
    got: step === 0 ? "Nothing was logged yet." : `The metrics up to step ${step} are kept, and every checkpoint written before.`,
    hint: "resume it: it goes on from its last checkpoint, or from its beginning where there is none yet",
  };
}

function activityOf(state: RunState, view: JobView | undefined): string | undefined {
  if (state === "waiting") return "waits until another training has ended";
  return state === "starting" ? (view?.activity ?? "preparing data and programs") : undefined;
}

function ordersOf(state: RunState, held: boolean): RunOrder[] {
  switch (state) {
    case "waiting":
      return ["cancel"];
    case "starting":
      return held ? ["pause"] : ["cancel"];
    case "training":
      return ["pause", "finish"];
    case "broken":
      return ["remove"];
    default:
      return ["resume", "remove"];
  }
}

function jobSummary({ job, activity, lives }: JobView): RunSummary {
  const state: RunState = job.state === "waiting" ? "waiting" : lives ? "starting" : job.trouble?.kind === "Killed" ? "killed" : "failed";
  return {
    ...{ name: job.run, state, ...job.about, created: job.created, step: 0, totalSteps: null, stepSeconds: null, results: {} },
    ...(job.trouble === undefined ? {} : { trouble: job.trouble }),
    activity: state === "waiting" ? "waits until another training has ended" : (activity ?? "starting its process"),
    can: state === "waiting" || state === "starting" ? ["cancel"] : ["remove"],
  };
}

function brokenSummary(name: string, error: AtelierError | unknown): RunSummary {
  const none = {
    model: null,
    preset: null,
    data: null,
    seed: null,
    created: null,
    step: 0,
    totalSteps: null,
    stepSeconds: null,
    results: {},
  };
  const { where: _, ...trouble } = toldProblem(error);
  return { name, state: "broken", ...none, trouble, can: ["remove"] };
}

async function askedOf(run: Run): Promise<"pause" | "finish" | undefined> {
  const text = (await readFile(path.join(run.folder, "train.request"), "utf8").catch(() => "")).trim();
  return text === "pause" || text === "finish" ? text : undefined;
}

/** The last step, and the mean time of the last ones, from the end of a run's metrics. */
async function metricsTail(file: string): Promise<{ step: number; stepSeconds: number | null }> {
  const size = (await stat(file).catch(() => undefined))?.size ?? 0;
  if (size === 0) return { step: 0, stepSeconds: null };
  const handle = await open(file, "r").catch(() => undefined);
  if (handle === undefined) return { step: 0, stepSeconds: null };
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(size, TAIL)), 0, Math.min(size, TAIL), Math.max(0, size - TAIL));
    const rows = buffer.subarray(0, bytesRead).toString("utf8").split("\n").slice(0, -1).flatMap(parseRow);
    const times = rows.flatMap(({ seconds }) => (seconds === undefined ? [] : [seconds]));
    return {
      step: rows.at(-1)?.step ?? 0,
      stepSeconds: times.length === 0 ? null : times.reduce((sum, seconds) => sum + seconds, 0) / times.length,
    };
  } finally {
    await handle.close();
  }
}

function parseRow(line: string): { step: number; seconds: number | undefined }[] {
  try {
    const { step, seconds } = JSON.parse(line) as { step?: unknown; seconds?: unknown };
    return typeof step === "number" ? [{ step, seconds: typeof seconds === "number" ? seconds : undefined }] : [];
  } catch {
    return [];
  }
}
