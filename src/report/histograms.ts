/** Small histograms, one beside another, each against the curve that it should follow. */
import { ShapeError } from "../core/errors.ts";
import { Canvas, type Colour } from "./canvas.ts";
import { CELL_HEIGHT } from "./font.ts";
import { PALETTE } from "./plot.ts";
import type { Raster } from "./png.ts";

export interface HistogramPanel {
  /** Above the panel; keep it short. */
  title: string;
  values: ArrayLike<number>;
  /** Drawn in grey. */
  faded?: boolean | undefined;
}

export interface HistogramOptions {
  title?: string | undefined;
  panels: readonly HistogramPanel[];
  /** Default: as near to a square as it goes. */
  columns?: number | undefined;
  /** What the values are compared with: its density at a value. Default the standard normal. */
  density?: ((value: number) => number) | undefined;
  /** The values shown are in [-range, range]; those beyond count in the outermost bars. Default 4. */
  range?: number | undefined;
}

const [WIDTH, HEIGHT, GAP, BARS] = [150, 90, 14, 41] as const;
const INK: Colour = [40, 40, 40];
const FADED: Colour = [190, 190, 190];

/**
 * One panel for each list of values: bars for their density, a line for the density they should have. All panels share one scale of height, that of the
 * line; bars that are higher are cut off.
 * @throws ShapeError without panels
 */
export function histograms(options: HistogramOptions): Raster {
  const { panels, title = "", density = standardNormal, range = 4 } = options;
  if (panels.length === 0) throw new ShapeError({ what: "Histograms need at least one list of values." });
  const columns = options.columns ?? Math.ceil(Math.sqrt(panels.length));
  const top = title === "" ? GAP : 52;
  const label = CELL_HEIGHT + 6;
  const rows = Math.ceil(panels.length / columns);
  const canvas = new Canvas(Math.max(GAP + columns * (WIDTH + GAP), 320), top + rows * (HEIGHT + label + GAP), [255, 255, 255]);
  canvas.text(GAP, 16, title, { scale: 2, colour: INK });
  panels.forEach((panel, i) => {
    const left = GAP + (i % columns) * (WIDTH + GAP);
    const y = top + Math.floor(i / columns) * (HEIGHT + label + GAP);
    canvas.text(left, y, panel.title, { scale: 1, colour: INK });
    drawPanel(canvas, panel, left, y + label, density, range);
  });
  return canvas;
}

function drawPanel(
  canvas: Canvas,
  { values, faded }: HistogramPanel,
  left: number,
  top: number,
  density: (value: number) => number,
  range: number,
): void {
  const width = (2 * range) / BARS;
  const counts = new Array<number>(BARS).fill(0);
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) counts[Math.min(BARS - 1, Math.max(0, Math.floor((values[i] + range) / width)))]++;
  }
  const highest = 1.6 * Math.max(...counts.map((_, bar) => density(-range + (bar + 0.5) * width)));
  const pixels = (value: number) => Math.min(HEIGHT, (value / highest) * HEIGHT);
  counts.forEach((count, bar) => {
    const high = Math.round(pixels(count / (values.length * width)));
    const from = Math.round((bar * WIDTH) / BARS);
    canvas.rectangle(
      left + from,
      top + HEIGHT - high,
      Math.round(((bar + 1) * WIDTH) / BARS) - from,
      high,
      faded ? FADED : PALETTE[0],
      0.8,
    );
  });
  const curve = Array.from({ length: WIDTH }, (_, x) => {
    const value = ((x + 0.5) / WIDTH) * 2 * range - range;
    return [left + x, top + HEIGHT - pixels(density(value))] as const;
  });
  canvas.line(curve, 1.5, PALETTE[2]);
  canvas.rectangle(left, top + HEIGHT, WIDTH, 1, INK);
  canvas.rectangle(left + Math.round(WIDTH / 2), top + HEIGHT, 1, 4, INK);
}

function standardNormal(value: number): number {
  return Math.exp(-0.5 * value * value) / Math.sqrt(2 * Math.PI);
}
