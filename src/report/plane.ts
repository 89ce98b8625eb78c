/** Points and densities in the plane: small panels, one beside another. */
import { ShapeError } from "../core/errors.ts";
import { Canvas, type Colour, textWidth } from "./canvas.ts";
import { colourOf } from "./plot.ts";
import type { Raster } from "./png.ts";
import { niceTicks } from "./ticks.ts";

/** The part of the plane that a panel shows. */
export interface PlaneBounds {
  readonly x: readonly [low: number, high: number];
  readonly y: readonly [low: number, high: number];
}

/** A function on a grid of cells over the panel's bounds. */
export interface HeatMap {
  columns: number;
  rows: number;
  /** [rows, columns], the first row at the top; 0 is white, the largest value the darkest. */
  values: Float32Array;
}

export interface PlanePanel {
  /** Above the panel; keep it short. */
  title: string;
  bounds: PlaneBounds;
  heat?: HeatMap | undefined;
  /** Polylines, [N, 2] each: x and y of each corner. */
  lines?: readonly Float32Array[] | undefined;
  /** [N, 2]: x and y of each point; those outside the bounds are counted below the panel. */
  points?: Float32Array | undefined;
  /** [N], the class of each point. */
  classes?: ArrayLike<number> | undefined;
}

export interface PlaneOptions {
  /** Panels in a row. Default all. */
  columns?: number | undefined;
  /** Pixels of a panel's shorter side. Default 280. */
  side?: number | undefined;
}

const INK: Colour = [40, 40, 40];
const FRAME: Colour = [150, 150, 150];
const DOT: Colour = [196, 60, 0];
const LINE: Colour = [60, 60, 60];
/** The darkest shade of a heat map: points stay visible on it. */
const DARK: Colour = [58, 118, 190];
const [LEFT, TOP, RIGHT, BOTTOM] = [44, 26, 12, 38] as const;

/**
 * Evaluate a log-density on a grid of cells: the density at each cell's middle.
 * @param logDensity in nats; minus infinity where there is nothing
 */
export function heatMapOf(logDensity: (x: number, y: number) => number, bounds: PlaneBounds, columns = 100, rows = 100): HeatMap {
  const values = new Float32Array(columns * rows);
  cellMiddles(bounds, columns, rows).forEach(([x, y], i) => {
    values[i] = Math.exp(logDensity(x, y));
  });
  return { columns, rows, values };
}

/** The middles of a heat map's cells in their order: rows from the top, in each from the left. */
export function cellMiddles({ x, y }: PlaneBounds, columns: number, rows: number): [x: number, y: number][] {
  const along = ([low, high]: readonly [number, number], share: number) => low + share * (high - low);
  return Array.from({ length: columns * rows }, (_, i) => [
    along(x, ((i % columns) + 0.5) / columns),
    along(y, 1 - (Math.floor(i / columns) + 0.5) / rows),
  ]);
}

/**
 * Panels side by side, all of one size, with the plane's axes at equal scale where the bounds allow.
 * @throws ShapeError where points are not pairs, or have another number of classes
 */
export function planePanels(panels: readonly PlanePanel[], { columns = panels.length, side = 280 }: PlaneOptions = {}): Raster {
  const width = LEFT + side + RIGHT;
  const height = TOP + side + BOTTOM;
  const canvas = new Canvas(columns * width, Math.ceil(panels.length / columns) * height);
  panels.forEach((panel, i) => {
    drawPanel(canvas, panel, (i % columns) * width + LEFT, Math.floor(i / columns) * height + TOP, side);
  });
  return canvas;
}

function drawPanel(canvas: Canvas, panel: PlanePanel, left: number, top: number, side: number): void {
  const { title, heat, points, classes, lines = [] } = panel;
  if (points !== undefined && (points.length % 2 !== 0 || (classes !== undefined && classes.length * 2 !== points.length))) {
    throw new ShapeError({
      what: "Each point needs two coordinates and one class.",
      got: `${points.length} values, ${classes?.length} classes`,
    });
  }
  const bounds = square(panel.bounds);
  const at = (x: number, y: number): [number, number] => [
    left + ((x - bounds.x[0]) / (bounds.x[1] - bounds.x[0])) * side,
    top + (1 - (y - bounds.y[0]) / (bounds.y[1] - bounds.y[0])) * side,
  ];
  if (heat !== undefined) drawHeat(canvas, heat, at(panel.bounds.x[0], panel.bounds.y[1]), at(panel.bounds.x[1], panel.bounds.y[0]));
  const inside = (x: number, y: number) => x >= bounds.x[0] && x <= bounds.x[1] && y >= bounds.y[0] && y <= bounds.y[1];
  for (const line of lines) drawLine(canvas, line, at, inside);
  let outside = 0;
  for (let i = 0; points !== undefined && i < points.length / 2; i++) {
    const [x, y] = [points[2 * i], points[2 * i + 1]];
    if (inside(x, y)) canvas.disc(...at(x, y), 1.1, classes === undefined ? DOT : colourOf(classes[i]), 0.75);
    else outside++;
  }
  drawAxes(canvas, bounds, at, left, top, side);
  const scale = textWidth(title, 2) <= side + RIGHT ? 2 : 1;
  canvas.text(left + Math.round(side / 2), top - 20, title, { scale, colour: INK, align: "centre" });
  if (outside > 0) canvas.text(left + side, top + side + 24, `${outside} outside`, { scale: 1, colour: INK, align: "right" });
}

/** Bounds widened to a square, so that a circle looks like one. */
function square({ x, y }: PlaneBounds): PlaneBounds {
  const half = Math.max(x[1] - x[0], y[1] - y[0]) / 2;
  const around = ([low, high]: readonly [number, number]) => [(low + high) / 2 - half, (low + high) / 2 + half] as const;
  return { x: around(x), y: around(y) };
}

function drawHeat(
  canvas: Canvas,
  { columns, rows, values }: HeatMap,
  [left, top]: [number, number],
  [right, bottom]: [number, number],
): void {
  const most = values.reduce((a, b) => (b > a ? b : a), 0);
  if (!(most > 0)) return;
  for (let y = Math.ceil(top); y < bottom; y++) {
    for (let x = Math.ceil(left); x < right; x++) {
      const column = Math.min(columns - 1, Math.floor(((x - left) / (right - left)) * columns));
      const row = Math.min(rows - 1, Math.floor(((y - top) / (bottom - top)) * rows));
      canvas.blend(x, y, DARK, values[row * columns + column] / most);
    }
  }
}

/** The pieces of a line that are inside. */
function drawLine(
  canvas: Canvas,
  line: Float32Array,
  at: (x: number, y: number) => [number, number],
  inside: (x: number, y: number) => boolean,
): void {
  let piece: [number, number][] = [];
  for (let i = 0; i <= line.length / 2; i++) {
    if (i < line.length / 2 && inside(line[2 * i], line[2 * i + 1])) piece.push(at(line[2 * i], line[2 * i + 1]));
    else {
      if (piece.length > 1) canvas.line(piece, 1, LINE);
      piece = [];
    }
  }
}

function drawAxes(
  canvas: Canvas,
  bounds: PlaneBounds,
  at: (x: number, y: number) => [number, number],
  left: number,
  top: number,
  side: number,
) {
  for (const [x, y, width, height] of [
    [left, top, side, 1],
    [left, top + side, side, 1],
    [left, top, 1, side],
    [left + side, top, 1, side + 1],
  ])
    canvas.rectangle(x, y, width, height, FRAME);
  const [across, up] = [niceTicks(bounds.x, 5), niceTicks(bounds.y, 5)];
  across.values.forEach((value, i) => {
    const [x] = at(value, 0).map(Math.round);
    canvas.rectangle(x, top + side, 1, 5, INK);
    canvas.text(x, top + side + 8, across.texts[i], { scale: 1, colour: INK, align: "centre" });
  });
  up.values.forEach((value, i) => {
    const y = Math.round(at(0, value)[1]);
    canvas.rectangle(left - 5, y, 5, 1, INK);
    canvas.text(left - 8, y - 3, up.texts[i], { scale: 1, colour: INK, align: "right" });
  });
}
