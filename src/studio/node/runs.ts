import { z } from "zod";
import { curvesType, encodeCurves, reduceTable } from "../metrics.ts";
import { StudioError } from "./errors.ts";
import { findRun } from "./find-run.ts";
import { MetricsStore } from "./metrics-store.ts";
import type { Route, RouteRequest } from "./route.ts";
import { listSamples, runDetail, sampleFile } from "./run-detail.ts";
import { summaries } from "./run-list.ts";
import { liveRun, liveRuns } from "./run-live.ts";

const store = new MetricsStore();

/** Points of a curve at most: more than any screen is wide. */
const MOST_POINTS = 8192;

const emptyTable = { rows: 0, steps: new Float64Array(0), columns: new Map<string, Float64Array>() };

const resumeSchema = z.strictObject({
  epochs: z.number().positive().max(100_000).optional(),
  steps: z.int().min(1).max(1_000_000_000).optional(),
  threads: z.int().min(1).max(1024).optional(),
});

/** Runs: what they are, how they go, and the orders they take. */
export const routes: readonly Route[] = [
  {
    method: "GET",
    path: "/api/runs",
    handle: async (_, { runsFolder, jobs }) => ({ json: await summaries(runsFolder, await jobs.views()) }),
  },
  {
    method: "GET",
    path: "/api/runs-live",
    handle: async ({ signal }, { runsFolder, jobs }) => ({ events: liveRuns(runsFolder, jobs, signal) }),
  },
  {
    method: "GET",
    path: "/api/runs/:run",
    handle: async ({ parameters: { run } }, { runsFolder, jobs }) => ({ json: await runDetail(run, runsFolder, jobs) }),
  },
  {
    method: "GET",
    path: "/api/runs/:run/live",
    handle: async ({ parameters: { run }, query, signal, lastEventId }, { runsFolder, jobs }) => {
      // A run that is not there is told by the answer's status.
      await runDetail(run, runsFolder, jobs);
      const after = wholeNumber(lastEventId ?? query.get("after"), 0);
      return { events: liveRun(run, { runsFolder, jobs, store, after, signal }) };
    },
  },
  {
    method: "GET",
    path: "/api/runs/:run/metrics",
    handle: async ({ parameters, query }, { runsFolder, jobs }) => {
      // A training that waits or prepares has no folder yet: it has no rows.
      const begins = (await jobs.views()).has(parameters.run);
      const run = await findRun(parameters.run, runsFolder).catch((error: unknown) => {
        if (!begins) throw error;
      });
      const table = run === undefined ? emptyTable : await store.read(run.metricsFile);
      const points = Math.min(MOST_POINTS, Math.max(2, wholeNumber(query.get("points"), 1000)));
      const range = { from: numberOr(query.get("from")), to: numberOr(query.get("to")), columns: query.get("columns")?.split(",") };
      return { bytes: encodeCurves(reduceTable(table, { ...range, points })), type: curvesType };
    },
  },
  {
    method: "GET",
    path: "/api/runs/:run/samples",
    handle: async ({ parameters }, { runsFolder }) => ({ json: await listSamples(await findRun(parameters.run, runsFolder)) }),
  },
  {
    method: "GET",
    path: "/api/runs/:run/samples/:file",
    handle: async ({ parameters: { run, file }, query }, { runsFolder }) => ({
      ...(await sampleFile(run, file, runsFolder)),
      // Its tag names the version, so that a file of one address never changes.
      cache: query.has("tag") ? "immutable" : "none",
    }),
  },
  {
    method: "POST",
    path: "/api/runs/:run/pause",
    handle: async ({ parameters: { run } }, { jobs }) => ordered(() => jobs.ask(run, "pause")),
  },
  {
    method: "POST",
    path: "/api/runs/:run/finish",
    handle: async ({ parameters: { run } }, { jobs }) => ordered(() => jobs.ask(run, "finish")),
  },
  {
    method: "POST",
    path: "/api/runs/:run/cancel",
    handle: async ({ parameters: { run } }, { jobs }) => ordered(() => jobs.cancel(run)),
  },
  {
    method: "POST",
    path: "/api/runs/:run/resume",
    handle: async (request: RouteRequest, { jobs }) => {
      const more = await request.json(resumeSchema);
      return ordered(() => jobs.resume(request.parameters.run, more));
    },
  },
  {
    method: "DELETE",
    path: "/api/runs/:run",
    handle: async ({ parameters: { run } }, { jobs }) => ordered(() => jobs.remove(run)),
  },
];

async function ordered(order: () => Promise<void>): Promise<{ json: unknown }> {
  await order();
  return { json: { done: true } };
}

function wholeNumber(text: string | null | undefined, standard: number): number {
  if (text === null || text === undefined || text === "") return standard;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new StudioError(400, { what: "This must be a whole number.", got: text.slice(0, 40) });
}

function numberOr(text: string | null): number | undefined {
  const value = text === null || text === "" ? Number.NaN : Number(text);
  return Number.isNaN(value) ? undefined : value;
}
