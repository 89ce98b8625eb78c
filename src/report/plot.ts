/** Scatter and line plots as pictures. */
import { ShapeError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import { Canvas, type Colour, textWidth } from "./canvas.ts";
import { CELL_HEIGHT } from "./font.ts";
import type { Raster } from "./png.ts";
import { niceTicks, type Ticks } from "./ticks.ts";

export interface PlotLabels {
  title?: string | undefined;
  xLabel?: string | undefined;
  yLabel?: string | undefined;
  /** Pixels. Default 900 x 800. */
  width?: number | undefined;
  height?: number | undefined;
}

export interface ScatterOptions extends PlotLabels {
  /** Shape [N, 2]: x and y of each point. */
  points: Float32Array;
  /** Shape [N]: the class of each point, an index into `names`. */
  classes?: ArrayLike<number> | undefined;
  names?: readonly string[] | undefined;
}

export interface Series {
  name: string;
  x: ArrayLike<number>;
  y: ArrayLike<number>;
}

/** Ten colours that stay apart on white, also for most colour-blind readers (Petroff, "Accessible color sequences for data visualization", 2021, arXiv:2107.02270). */
export const PALETTE: readonly Colour[] = [
  [63, 144, 218],
  [255, 169, 14],
  [189, 31, 1],
  [148, 164, 162],
  [131, 45, 182],
  [169, 107, 89],
  [231, 99, 0],
  [185, 172, 112],
  [113, 117, 129],
  [146, 218, 221],
];

/** The colour of the i-th class or series; beyond ten the palette comes again, darker each time. */
export function colourOf(index: number): Colour {
  const shade = 0.65 ** Math.floor(index / PALETTE.length);
  const [red, green, blue] = PALETTE[index % PALETTE.length];
  return [red * shade, green * shade, blue * shade];
}

const INK: Colour = [40, 40, 40];
const GRID: Colour = [232, 232, 232];

/**
 * Points in the plane, coloured by class, with a legend. They are drawn in a shuffled order (the same each time), so that no class hides the
 * others. Points that are not finite are left out and counted in the title.
 * @throws ShapeError when the number of points and classes differ.
 */
export function scatterPlot(options: ScatterOptions): Raster {
  const { points, classes, names = [] } = options;
  const count = points.length / 2;
  if (!Number.isInteger(count) || (classes !== undefined && classes.length !== count)) {
    throw new ShapeError({
      what: "Each point needs two coordinates and one class.",
      got: `${points.length} values, ${classes?.length} classes`,
    });
  }
  const order = new RandomStream(0, "order of drawing").shuffle(Uint32Array.from({ length: count }, (_, i) => i));
  const shown = order.filter((i) => Number.isFinite(points[2 * i]) && Number.isFinite(points[2 * i + 1]));
  const left = count - shown.length;
  const note = left === 0 ? "" : ` (${left} not finite)`;
  const legend = classes === undefined ? [] : names.map((name, i) => ({ name, colour: colourOf(i) }));
  const plot = new Axes(
    { ...options, title: `${options.title ?? ""}${note}` },
    extent(Array.from(shown, (i) => points[2 * i])),
    extent(Array.from(shown, (i) => points[2 * i + 1])),
    legend,
  );
  const radius = Math.min(5, Math.max(2.3, 60 / Math.sqrt(Math.max(1, shown.length))));
  const cover = shown.length > 3000 ? 0.55 : 0.75;
  for (const i of shown) {
    const colour = classes === undefined ? PALETTE[0] : colourOf(classes[i]);
    plot.canvas.disc(plot.x(points[2 * i]), plot.y(points[2 * i + 1]), radius, colour, cover);
  }
  return plot.canvas;
}

/**
 * Curves, one colour each, with a legend. A value that is not finite interrupts its curve.
 * @throws ShapeError when a series' x and y differ in length.
 */
export function linePlot({ series, ...labels }: PlotLabels & { series: readonly Series[] }): Raster {
  for (const { name, x, y } of series) {
    if (x.length !== y.length)
      throw new ShapeError({ what: "A curve needs as many x as y.", where: name, got: `${x.length} and ${y.length}` });
  }
  const finite = (values: ArrayLike<number>) => Array.from(values).filter(Number.isFinite);
  const plot = new Axes(
    labels,
    extent(series.flatMap(({ x }) => finite(x))),
    extent(series.flatMap(({ y }) => finite(y))),
    series.map(({ name }, i) => ({ name, colour: colourOf(i) })),
  );
  series.forEach(({ x, y }, i) => {
    let piece: [number, number][] = [];
    const draw = () => {
      if (piece.length === 1) plot.canvas.disc(...piece[0], 2.5, colourOf(i));
      plot.canvas.line(piece, 2.5, colourOf(i));
      piece = [];
    };
    for (let k = 0; k < x.length; k++) {
      if (Number.isFinite(x[k]) && Number.isFinite(y[k])) piece.push([plot.x(x[k]), plot.y(y[k])]);
      else draw();
    }
    draw();
  });
  return plot.canvas;
}

/** Smallest and largest with a margin of 4%; a span around a single value, [0, 1] for none. */
function extent(values: readonly number[]): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [0, 1];
  const margin = (high - low) * 0.04 || Math.abs(high) * 0.1 || 1;
  return [low - margin, high + margin];
}

/** A canvas with title, axes, ticks, grid lines and legend drawn, and the way from values to pixels. */
class Axes {
  readonly canvas: Canvas;
  readonly #x: Ticks;
  readonly #y: Ticks;
  readonly #box: { left: number; top: number; width: number; height: number };

  constructor(labels: PlotLabels, xRange: [number, number], yRange: [number, number], legend: { name: string; colour: Colour }[]) {
    const { title = "", xLabel = "", yLabel = "", width = 900, height = 800 } = labels;
    this.canvas = new Canvas(width, height);
    this.#x = niceTicks(xRange, 8);
    this.#y = niceTicks(yRange, 8);
    const widest = (texts: readonly string[]) => Math.max(0, ...texts.map((text) => textWidth(text, 2)));
    const left = 20 + (yLabel === "" ? 0 : 28) + widest(this.#y.texts) + 12;
    const beside = widest(legend.map(({ name }) => name)) + 62;
    // Long names leave no room for the curves: they stand above them.
    const above = legend.length > 0 && beside > width / 3;
    const right = legend.length === 0 || above ? 30 : beside;
    const under = title === "" ? 24 : 64;
    const top = under + (above ? 28 * legend.length : 0);
    const bottom = xLabel === "" ? 44 : 76;
    this.#box = { left, top, width: width - left - right, height: height - top - bottom };
    this.#drawFrame();
    const middle = left + this.#box.width / 2;
    const scale = textWidth(title, 3) > width - 24 ? 2 : 3;
    const half = textWidth(title, scale) / 2 + 12;
    this.canvas.text(Math.round(Math.max(half, Math.min(middle, width - half))), 22, title, { scale, colour: INK, align: "centre" });
    this.canvas.text(Math.round(middle), height - 30, xLabel, { colour: INK, align: "centre" });
    this.canvas.text(14, Math.round(top + this.#box.height / 2), yLabel, { colour: INK, align: "centre", vertical: true });
    legend.forEach(({ name, colour }, i) => {
      const [x, y] = above ? [left + 7, under + 6 + i * 28] : [width - right + 24, top + 12 + i * 28];
      this.canvas.disc(x, y, 7, colour);
      this.canvas.text(x + 16, y - CELL_HEIGHT, name, { colour: INK });
    });
  }

  /** The pixel column of a value. */
  x(value: number): number {
    return this.#box.left + ((value - this.#x.low) / (this.#x.high - this.#x.low)) * this.#box.width;
  }

  /** The pixel row of a value; larger values lie higher. */
  y(value: number): number {
    return this.#box.top + (1 - (value - this.#y.low) / (this.#y.high - this.#y.low)) * this.#box.height;
  }

  #drawFrame(): void {
    const { canvas } = this;
    const { left, top, width, height } = this.#box;
    this.#x.values.forEach((value, i) => {
      const column = Math.round(this.x(value));
      canvas.rectangle(column, top, 1, height, GRID);
      canvas.rectangle(column, top + height, 1, 6, INK);
      canvas.text(column, top + height + 12, this.#x.texts[i], { colour: INK, align: "centre" });
    });
    this.#y.values.forEach((value, i) => {
      const row = Math.round(this.y(value));
      canvas.rectangle(left, row, width, 1, GRID);
      canvas.rectangle(left - 6, row, 6, 1, INK);
      canvas.text(left - 12, row - CELL_HEIGHT + 1, this.#y.texts[i], { colour: INK, align: "right" });
    });
    canvas.rectangle(left, top, 1, height + 1, INK);
    canvas.rectangle(left, top + height, width, 1, INK);
  }
}
