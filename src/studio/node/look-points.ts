/** Points of a data set, for people to look at. */
import type { PointSet } from "../../data/points.ts";
import { heatMapOf } from "../../report/plane.ts";
import type { PointOverview } from "../data.ts";

/** Points that are shown. */
const SHOWN = 3000;
/** Cells of the density a side. */
const CELLS = 96;

/** Points, their classes, and the exact density on a grid. */
export function pointOverview({ points, labels, classes = [], count, density, notes = [] }: PointSet): PointOverview {
  const many = Math.min(SHOWN, count);
  const perClass = new Array<number>(classes.length).fill(0);
  for (const label of labels ?? []) perClass[label]++;
  const { bounds, entropy } = density!;
  const heat = heatMapOf(density!.logDensity, bounds, CELLS, CELLS).values;
  const most = heat.reduce((a, b) => Math.max(a, b), 0);
  return {
    kind: "points",
    count,
    labels: classes.map((name, k) => ({ name, count: perClass[k] })),
    points: Array.from(points.subarray(0, 2 * many), (value) => Math.round(value * 1000) / 1000),
    classes: Array.from(labels?.subarray(0, many) ?? []),
    bounds,
    density: { columns: CELLS, rows: CELLS, values: Array.from(heat, (value) => Math.round((255 * value) / (most || 1))) },
    entropy,
    notes,
  };
}
