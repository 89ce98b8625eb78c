/** What a model of points can show of itself: samples over the data's density. */
import type { PointSet } from "../data/points.ts";
import { heatMapOf, type PlanePanel, planePanels } from "../report/plane.ts";
import type { Raster } from "../report/png.ts";
import { classConditions } from "./conditions.ts";
import { drawPoints, type ViewContext } from "./sampling.ts";

/** Points of a scatter plot. */
export const SHOWN = 1000;

/** Conditions of `count` points, each class in turn; undefined for models that take none. */
export function pointConditions(
  { record }: Pick<ViewContext, "record">,
  { classes = [] }: PointSet,
  count: number,
): Float32Array | undefined {
  return record.data.conditions === undefined ? undefined : classConditions(classes.length, count);
}

/** Every view that a model of points has, by name. `held` is held-out data. */
export async function pointViews(context: ViewContext, held: PointSet, seed: number | string): Promise<Record<string, Raster>> {
  const panels: PlanePanel[] = [];
  if (context.record.sample !== undefined) panels.push(await samplePanel(context, held, seed));
  return panels.length === 0 ? {} : { samples: planePanels(panels) };
}

/** Samples over the density of the data. */
export async function samplePanel(context: ViewContext, held: PointSet, seed: number | string): Promise<PlanePanel> {
  const conditions = pointConditions(context, held, SHOWN);
  const { data } = await drawPoints(context, SHOWN, `${seed}/samples`, { conditions });
  return { ...truthPanel(held), title: "samples", points: data };
}

/** The density of the data, of which it is known. */
export function truthPanel({ density, points }: PointSet): PlanePanel {
  const bounds = density?.bounds ?? boundsOf(points);
  return { title: "density", bounds, heat: density && heatMapOf(density.logDensity, bounds) };
}

/** Smallest and largest coordinates with a margin of a tenth. */
function boundsOf(points: Float32Array): PlanePanel["bounds"] {
  const range = (axis: 0 | 1): [number, number] => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = axis; i < points.length; i += 2) [low, high] = [Math.min(low, points[i]), Math.max(high, points[i])];
    const margin = (high - low) / 10 || 1;
    return [low - margin, high + margin];
  };
  return { x: range(0), y: range(1) };
}
