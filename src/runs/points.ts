/** What a model of points can show of itself: samples over the data's density, its own density, how it bends the space of codes. */
import type { PointSet } from "../data/points.ts";
import type { Tensor } from "../graph/tensor.ts";
import { numericShape } from "../models/index.ts";
import { cellMiddles, heatMapOf, type PlanePanel, planePanels } from "../report/plane.ts";
import type { Raster } from "../report/png.ts";
import { compile, type InputSpec } from "../runtime/program.ts";
import { classConditions } from "./conditions.ts";
import { drawPoints, type ViewContext } from "./sampling.ts";

/** Points of a scatter plot. */
export const SHOWN = 1000;
/** Rows that go through a program at once. */
const BATCH = 2048;
/** Cells a side of a map of a model's density. */
const CELLS = 64;
/** Lines of the grid of codes, from -3 to 3, and points of each. */
const [LINES, CORNERS] = [13, 61] as const;

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
  if (held.shape[0] !== 2) return {};
  if (context.record.sample !== undefined) panels.push(await samplePanel(context, held, { seed }));
  if (context.record.logDensity !== undefined) panels.push(await densityPanel(context, held));
  const warp = await warpPanel(context, held);
  if (warp !== undefined) panels.push(warp);
  const codes = await codePanel(context, held);
  if (codes !== undefined) panels.push(codes);
  return panels.length === 0 ? {} : { samples: planePanels(panels) };
}

/** Samples over the density of the data. */
export async function samplePanel(
  context: ViewContext,
  held: PointSet,
  { seed, count = SHOWN, title = "samples" }: { seed: number | string; count?: number; title?: string },
): Promise<PlanePanel> {
  const conditions = pointConditions(context, held, count);
  const { data } = await drawPoints(context, count, `${seed}/samples`, { conditions });
  return { ...truthPanel(held), title, points: data };
}

const truths = new WeakMap<object, PlanePanel["heat"]>();

/** The density of the data, where it is known. */
export function truthPanel({ density, points }: PointSet): PlanePanel {
  const bounds = density?.bounds ?? boundsOf(points);
  if (density !== undefined && !truths.has(density)) truths.set(density, heatMapOf(density.logDensity, bounds));
  return { title: "data", bounds, heat: density && truths.get(density) };
}

/** The model's own density. Of models that take conditions, the mean over the classes. */
async function densityPanel(context: ViewContext, held: PointSet): Promise<PlanePanel> {
  const { bounds } = truthPanel(held);
  const cells = Float32Array.from(cellMiddles(bounds, CELLS, CELLS).flat());
  const classes = context.record.data.conditions === undefined ? [undefined] : (held.classes ?? []).map((_, k) => k);
  const values = new Float32Array(CELLS ** 2);
  for (const k of classes) {
    const conditions = k === undefined ? undefined : classConditions(classes.length, CELLS ** 2, k);
    for (const [i, log] of (await modelLogDensity(context, cells, conditions)).entries()) values[i] += Math.exp(log) / classes.length;
  }
  return {
    title: "density of the model",
    bounds,
    heat: { columns: CELLS, rows: CELLS, values: values.map((v) => (Number.isFinite(v) ? v : 0)) },
  };
}

/** log p of points [N, 2] under a model that knows it, [N] in nats. */
export async function modelLogDensity(context: ViewContext, points: Float32Array, conditions?: Float32Array): Promise<Float32Array> {
  const { record, network } = context;
  return await mapRows(context, "density", { points, conditions }, ({ points: x, conditions: y }) => record.logDensity!(network, x, y));
}

/** How a grid of codes lies in the plane of the data, for models that decode codes of two numbers. */
async function warpPanel(context: ViewContext, held: PointSet): Promise<PlanePanel | undefined> {
  const { record, config, network } = context;
  if (record.decode === undefined || (await codeSize(context)) !== 2) return undefined;
  const width = record.data.conditions?.(config);
  const lines: Float32Array[] = [];
  const at = (i: number, all: number) => -3 + (6 * i) / (all - 1);
  for (let i = 0; i < LINES; i++) {
    lines.push(Float32Array.from({ length: 2 * CORNERS }, (_, k) => (k % 2 === 0 ? at(i, LINES) : at(k >> 1, CORNERS))));
    lines.push(Float32Array.from({ length: 2 * CORNERS }, (_, k) => (k % 2 === 1 ? at(i, LINES) : at(k >> 1, CORNERS))));
  }
  const codes = Float32Array.from(lines.flatMap((line) => [...line]));
  const conditions = width === undefined ? undefined : classConditions(width, codes.length / 2, 0);
  const moved = await mapRows(context, "decoding", { points: codes, conditions }, ({ points: z, conditions: y }) =>
    record.decode!(network, z, y),
  );
  const bent = lines.map((_, i) => moved.subarray(i * 2 * CORNERS, (i + 1) * 2 * CORNERS));
  return { ...truthPanel(held), title: "a grid of codes", lines: bent };
}

/** Codes of held-out points by class, for models that encode to two numbers. */
async function codePanel(context: ViewContext, held: PointSet): Promise<PlanePanel | undefined> {
  const { record, network } = context;
  if (record.encode === undefined || (await codeSize(context)) !== 2) return undefined;
  const count = Math.min(SHOWN, held.count);
  const classes = held.labels?.subarray(0, count);
  const width = held.classes?.length ?? 0;
  const conditions =
    record.data.conditions === undefined
      ? undefined
      : Float32Array.from({ length: count * width }, (_, i) => Number(classes![Math.floor(i / width)] === i % width));
  const points = held.points.subarray(0, 2 * count);
  const codes = await mapRows(context, "encoding", { points, conditions }, ({ points: x, conditions: y }) => record.encode!(network, x, y));
  return { title: "codes of held-out points", bounds: { x: [-4, 4], y: [-4, 4] }, points: codes, classes };
}

/** Numbers in a code; undefined where nothing says. */
async function codeSize({ record, config, network, backend }: ViewContext): Promise<number | undefined> {
  const known = record.codes?.(config);
  if (known !== undefined) return known.reduce((a, b) => a * b, 1);
  if (record.encode === undefined) return undefined;
  const inputs: Record<string, InputSpec> = { points: { shape: [1, ...numericShape(record, config)] } };
  const program = await compile<string, "codes">(backend, ({ points }) => ({ codes: record.encode!(network, points) }), { inputs });
  const size = program.outputs.codes.length;
  await program.dispose();
  return size;
}

type Inputs<T> = { points: T; conditions?: T | undefined };

/** A function of points (or codes of two numbers) applied to many rows at once; its output's rows one after the other. */
async function mapRows(
  { record, backend }: ViewContext,
  what: string,
  { points, conditions }: Inputs<Float32Array>,
  apply: (inputs: Inputs<Tensor>) => Tensor,
): Promise<Float32Array> {
  const count = points.length / 2;
  const batch = Math.min(BATCH, count);
  const known = (conditions?.length ?? 0) / count;
  const inputs: Record<string, InputSpec> = { points: { shape: [batch, 2] } };
  if (conditions !== undefined) inputs.conditions = { shape: [batch, known] };
  const program = await compile<string, "rows">(
    backend,
    (given) => ({ rows: apply({ points: given.points, conditions: given.conditions }) }),
    {
      name: `${record.name} ${what}`,
      inputs,
    },
  );
  const width = program.outputs.rows.length / batch;
  const result = new Float32Array(count * width);
  for (let done = 0; done < count; done += batch) {
    // The last batch reaches back into the one before, so that all have one size.
    const start = Math.min(done, count - batch);
    const part = (from: Float32Array, size: number) => from.subarray(start * size, (start + batch) * size);
    const { rows } = await program.run({ points: part(points, 2), ...(conditions && { conditions: part(conditions, known) }) });
    result.set(rows as Float32Array, start * width);
  }
  await program.dispose();
  return result;
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
