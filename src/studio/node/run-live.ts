/** What happens to a run while a page looks at it. */
import { setTimeout as pause } from "node:timers/promises";
import type { LiveEvent, LiveRows, RunSummary } from "../training.ts";
import { findRun } from "./find-run.ts";
import type { Jobs } from "./jobs.ts";
import type { MetricsStore, ReadTable } from "./metrics-store.ts";
import { listSamples, runDetail } from "./run-detail.ts";
import { summaries } from "./run-list.ts";

/** Milliseconds between two looks. */
const LOOK = 400;
/** The same for all runs: while one is at work, and while none is. */
const LOOK_AT_ALL = { busy: 1000, quiet: 3000 };
/** Rows told at once; more are left to a new table. */
const MOST_ROWS = 5000;

interface LiveOptions {
  readonly runsFolder: string;
  readonly jobs: Jobs;
  readonly store: MetricsStore;
  /** Rows that the page knows. */
  readonly after: number;
  readonly signal: AbortSignal;
}

/** The run as it is, then whatever changes, until the page is gone or the run is. The id of an event is how many rows the page knows then. */
export async function* liveRun(name: string, options: LiveOptions): AsyncGenerator<LiveEvent & { id: string }> {
  const { runsFolder, jobs, store, signal } = options;
  let [told, shown, rows, generation] = ["", "", options.after, -1];
  while (!signal.aborted) {
    const detail = await runDetail(name, runsFolder, jobs).catch(() => undefined);
    if (detail === undefined) {
      yield { event: "gone", id: String(rows), data: { message: `The run ${name} is gone: its folder was removed or renamed.` } };
      return;
    }
    const now = JSON.stringify(detail);
    if (now !== told) yield { event: "run", id: String(rows), data: detail };
    told = now;
    const run = await findRun(name, runsFolder).catch(() => undefined);
    if (run !== undefined) {
      const samples = await listSamples(run);
      const list = samples.map(({ file, tag }) => file + tag).join();
      if (list !== shown) yield { event: "samples", id: String(rows), data: samples };
      shown = list;
      const table = await store.read(run.metricsFile);
      const anew = (generation !== -1 && table.generation !== generation) || table.rows < rows || table.rows - rows > MOST_ROWS;
      generation = table.generation;
      if (anew) {
        // A folder that is being removed loses its metrics before it is gone.
        await pause(LOOK, undefined, { signal }).catch(() => undefined);
        if ((await findRun(name, runsFolder).catch(() => undefined)) === undefined) continue;
      }
      if (anew) yield { event: "reset", id: String(table.rows), data: null };
      else if (table.rows > rows) yield { event: "rows", id: String(table.rows), data: rowsAfter(table, rows) };
      rows = table.rows;
    }
    await pause(LOOK, undefined, { signal }).catch(() => undefined);
  }
}

/** The rows of a table from row `from` on. */
export function rowsAfter(table: ReadTable, from: number): LiveRows {
  const list = (values: Float64Array) => Array.from(values.subarray(from, table.rows), (value) => (Number.isFinite(value) ? value : null));
  return {
    from,
    steps: [...table.steps.subarray(from, table.rows)],
    columns: Object.fromEntries([...table.columns].map(([name, values]) => [name, list(values)])),
  };
}

/** All runs, each time that anything of them changes. */
export async function* liveRuns(
  runsFolder: string,
  jobs: Jobs,
  signal: AbortSignal,
): AsyncGenerator<{ event: string; data: RunSummary[] }> {
  let told = "";
  while (!signal.aborted) {
    const all = await summaries(runsFolder, await jobs.views());
    const now = JSON.stringify(all);
    if (now !== told) yield { event: "runs", data: all };
    told = now;
    const busy = all.some(({ state }) => state === "training" || state === "starting" || state === "waiting");
    await pause(LOOK_AT_ALL[busy ? "busy" : "quiet"], undefined, { signal }).catch(() => undefined);
  }
}
