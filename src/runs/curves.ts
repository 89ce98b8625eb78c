/** What a training logged, as a picture of curves. */
import { UsageError, unknownName } from "../core/errors.ts";
import { linePlot, type Series } from "../report/plot.ts";
import type { Raster } from "../report/png.ts";
import { type MetricsRow, readMetrics } from "./metrics-log.ts";
import type { Run } from "./registry.ts";

/** Points of a curve at most: each stands for the mean of a stretch of steps. */
const POINTS = 300;
/** What every row has besides the numbers that a training is about. */
const about = /^(step|epoch|seconds|learningRate|gradientNorm\..*)$/;

export interface CurveWishes {
  /** Logged numbers by name. Default: all loss terms and what is watched, without learning rates and norms of gradients. */
  names?: readonly string[] | undefined;
  /** Rows up to this step are left out, so that the first steep fall does not flatten the rest. Default 0. */
  after?: number | undefined;
}

/**
 * Curves over steps, of one run or of several in one picture. A run that lacks one of the names has no curve of it.
 * @throws UsageError for runs that have logged nothing there, and for a name that none of them has logged; FileError when a run's metrics cannot be read
 */
export async function drawCurves(runs: readonly Run[], { names, after = 0 }: CurveWishes = {}): Promise<Raster> {
  const tables = await Promise.all(
    runs.map(async (run) => ({ run, rows: (await readMetrics(run.metricsFile)).filter(({ step }) => step > after) })),
  );
  const empty = tables.find(({ rows }) => rows.length === 0);
  if (empty !== undefined) {
    throw new UsageError({
      what: `The run "${empty.run.name}" has logged nothing${after === 0 ? " yet" : ` after step ${after}`}.`,
      where: empty.run.metricsFile,
    });
  }
  const known = [...new Set(tables.flatMap(({ rows }) => rows.flatMap((row) => Object.keys(row).filter((key) => key !== "step"))))];
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown !== undefined) throw unknownName("logged number", unknown, known);
  const shown = names ?? known.filter((name) => !about.test(name));
  const series = tables.flatMap(({ run, rows }) =>
    shown.map((name) => curveOf(rows, name, runs.length === 1 ? name : `${run.name} ${name}`)).filter(({ x }) => x.length > 0),
  );
  const title = runs.length === 1 ? runs[0].name : "";
  return linePlot({ series, title, xLabel: "step", width: 840, height: 460 });
}

/** Means of stretches of rows; a stretch with a value that is not finite interrupts the curve. */
function curveOf(rows: readonly MetricsRow[], name: string, label: string): Series {
  const having = rows.filter((row) => typeof row[name] === "number") as (MetricsRow & Record<string, number>)[];
  const stretch = Math.max(1, Math.ceil(having.length / POINTS));
  const points = Array.from({ length: Math.ceil(having.length / stretch) }, (_, i) => having.slice(i * stretch, (i + 1) * stretch));
  const mean = (part: typeof having, key: string) => part.reduce((sum, row) => sum + row[key], 0) / part.length;
  return { name: label, x: points.map((part) => mean(part, "step")), y: points.map((part) => mean(part, name)) };
}
