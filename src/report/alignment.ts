/** Where a model looked in one text while it wrote another: a map of dark and light cells. */
import { ShapeError } from "../core/errors.ts";
import { Canvas, type Colour, textWidth } from "./canvas.ts";
import { CELL_HEIGHT } from "./font.ts";
import type { Raster } from "./png.ts";

export interface AlignmentPanel {
  /** One a row, from top to bottom. */
  target: readonly string[];
  /** One a column. */
  source: readonly string[];
  /** [target, source], in [0, 1]; each row adds up to 1. */
  weights: ArrayLike<number>;
}

export interface AlignmentOptions {
  /** Panels in a row. Default all. */
  columns?: number | undefined;
  /** Pixels of a cell's side. Default 20. */
  cell?: number | undefined;
}

const [GAP, SCALE] = [14, 2] as const;
const DARK: Colour = [22, 58, 112];
const FRAME: Colour = [170, 170, 170];

/**
 * One map or several: the source above, the target on the left, the darker a cell the more of the attention was there.
 * @throws ShapeError where weights are not as many as rows and columns
 */
export function alignmentMaps(panels: readonly AlignmentPanel[], { columns = panels.length, cell = 20 }: AlignmentOptions = {}): Raster {
  const sized = panels.map((panel) => ({ ...panel, ...sizesOf(panel, cell) }));
  for (const { target, source, weights } of panels)
    if (weights.length !== target.length * source.length)
      throw new ShapeError({
        what: "An alignment's weights do not fit its tokens.",
        got: String(weights.length),
        expected: `${target.length * source.length}: ${target.length} rows of ${source.length}`,
      });
  const rows = Math.ceil(panels.length / columns);
  const widths = Array.from({ length: Math.min(columns, panels.length) }, (_, c) =>
    Math.max(...sized.filter((_, i) => i % columns === c).map(({ width }) => width)),
  );
  const heights = Array.from({ length: rows }, (_, r) =>
    Math.max(...sized.slice(r * columns, (r + 1) * columns).map(({ height }) => height)),
  );
  const sum = (values: readonly number[], count = values.length) => values.slice(0, count).reduce((a, b) => a + b + GAP, 0);
  const canvas = new Canvas(sum(widths) + GAP, sum(heights) + GAP);
  sized.forEach((panel, i) => {
    const [column, row] = [i % columns, Math.floor(i / columns)];
    drawPanel(canvas, panel, GAP + sum(widths, column), GAP + sum(heights, row), cell);
  });
  return canvas;
}

/** Letters without their accents: the font has plain ones. */
function plain(token: string): string {
  return token.normalize("NFD").replace(/\p{M}/gu, "");
}

const longest = (tokens: readonly string[]): number => Math.max(0, ...tokens.map((token) => textWidth(plain(token), SCALE)));

function sizesOf({ target, source }: AlignmentPanel, cell: number): { left: number; top: number; width: number; height: number } {
  const [left, top] = [longest(target) + 6, (upright(source) ? CELL_HEIGHT * SCALE : longest(source)) + 6];
  return { left, top, width: left + source.length * cell, height: top + target.length * cell };
}

/** Single letters stand upright, words are turned. */
function upright(source: readonly string[]): boolean {
  return source.every((token) => token.length <= 1);
}

function drawPanel(canvas: Canvas, panel: AlignmentPanel & { left: number; top: number }, x: number, y: number, cell: number): void {
  const { target, source, weights } = panel;
  const [left, top] = [x + panel.left, y + panel.top];
  const middle = Math.round((cell - 7 * SCALE) / 2);
  target.forEach((token, row) => {
    canvas.text(left - 6, top + row * cell + middle, plain(token), { scale: SCALE, align: "right" });
  });
  source.forEach((token, column) => {
    const text = plain(token);
    if (upright(source)) canvas.text(left + column * cell + Math.round(cell / 2), y, text, { scale: SCALE, align: "centre" });
    else canvas.text(left + column * cell + middle, top - 6, text, { scale: SCALE, vertical: true });
  });
  canvas.rectangle(left - 1, top - 1, source.length * cell + 2, target.length * cell + 2, FRAME);
  target.forEach((_, row) => {
    source.forEach((_, column) => {
      const [cx, cy] = [left + column * cell, top + row * cell];
      canvas.rectangle(cx, cy, cell, cell, [255, 255, 255]);
      canvas.rectangle(cx, cy, cell, cell, DARK, weights[row * source.length + column]);
    });
  });
}
