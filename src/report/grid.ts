/** Many pictures in one. */
import { ShapeError } from "../core/errors.ts";
import { Canvas, type Colour } from "./canvas.ts";
import { CELL_HEIGHT, CELL_WIDTH } from "./font.ts";
import type { Raster } from "./png.ts";

/** Pictures [N, C, H, W]: Float32Array holds intensities in [0, 1], Uint8Array bytes 0..255; C is 1 or 3. */
export interface Pictures {
  data: Float32Array | Uint8Array;
  shape: readonly [count: number, channels: number, height: number, width: number];
}

export interface GridOptions {
  /** Default: as near to a square as it goes. */
  columns?: number | undefined;
  /** Pixels between pictures and around them. Default 2. */
  gap?: number | undefined;
  /** Pixels a side for each pixel of the pictures, a positive integer. Default 2. */
  scale?: number | undefined;
  /** A caption under each picture, cut to its width. */
  captions?: readonly string[] | undefined;
  ground?: Colour | undefined;
}

/** What a value that is not a number looks like: nobody takes it for a picture. */
const NOT_A_NUMBER: Colour = [255, 0, 255];

/**
 * The pictures side by side, row after row. Intensities beyond [0, 1] are clipped; values that are not numbers show in magenta.
 * @throws ShapeError when the data do not fit the shape.
 */
export function imageGrid(pictures: Pictures, options: GridOptions = {}): Raster {
  const [count, , height, width] = checkPictures(pictures);
  const { columns = Math.ceil(Math.sqrt(count)), gap = 2, scale = 2, captions, ground = [255, 255, 255] } = options;
  const rows = Math.ceil(count / columns);
  const captionScale = Math.max(1, Math.round((width * scale) / 70));
  const captionHeight = captions === undefined ? 0 : (CELL_HEIGHT + 1) * captionScale;
  const stepX = width * scale + gap;
  const stepY = height * scale + captionHeight + gap;
  const canvas = new Canvas(columns * stepX + gap, rows * stepY + gap, ground);
  for (let i = 0; i < count; i++) {
    const left = gap + (i % columns) * stepX;
    const top = gap + Math.floor(i / columns) * stepY;
    drawPicture(canvas, pictures, i, left, top, scale);
    const caption = captions?.[i];
    if (caption === undefined) continue;
    const fits = caption.slice(0, Math.max(1, Math.floor((width * scale + captionScale) / (CELL_WIDTH * captionScale))));
    canvas.text(left + Math.round((width * scale) / 2), top + height * scale + captionScale, fits, {
      scale: captionScale,
      align: "centre",
    });
  }
  return canvas;
}

/**
 * Originals above their reconstructions, pair after pair.
 * @throws ShapeError when the two differ in shape or the data do not fit.
 */
export function imagePairs(originals: Pictures, reconstructions: Pictures, options: Omit<GridOptions, "captions"> = {}): Raster {
  const [count, channels, height, width] = checkPictures(originals);
  checkPictures(reconstructions);
  if (originals.shape.join() !== reconstructions.shape.join()) {
    throw new ShapeError({
      what: "Pairs need pictures of the same shape.",
      got: `[${originals.shape.join(", ")}] and [${reconstructions.shape.join(", ")}]`,
    });
  }
  const { columns = Math.min(count, 10), gap = 2, scale = 2, ground = [255, 255, 255] } = options;
  const stepX = width * scale + gap;
  const stepY = 2 * height * scale + 3 * gap;
  const canvas = new Canvas(columns * stepX + gap, Math.ceil(count / columns) * stepY + gap, ground);
  for (let i = 0; i < count; i++) {
    const left = gap + (i % columns) * stepX;
    const top = gap + Math.floor(i / columns) * stepY;
    drawPicture(canvas, { data: originals.data, shape: [count, channels, height, width] }, i, left, top, scale);
    drawPicture(canvas, reconstructions, i, left, top + height * scale + gap, scale);
  }
  return canvas;
}

function checkPictures({ data, shape }: Pictures): Pictures["shape"] {
  const [count, channels, height, width] = shape;
  if ((channels !== 1 && channels !== 3) || count < 1 || data.length !== count * channels * height * width) {
    throw new ShapeError({
      what: "The pictures' data do not fit their shape.",
      got: `${data.length} values for [${shape.join(", ")}]`,
      expected: "[N, C, H, W] with C 1 or 3 and N at least 1",
    });
  }
  return shape;
}

/** Picture `index` of a set at a place of a canvas. */
export function drawPicture(canvas: Canvas, { data, shape }: Pictures, index: number, left: number, top: number, scale: number): void {
  const [, channels, height, width] = shape;
  const area = height * width;
  const start = index * channels * area;
  const unit = data instanceof Uint8Array ? 1 : 255;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = start + y * width + x;
      const value = (channel: number) => data[at + (channels === 3 ? channel * area : 0)] * unit;
      const colour = [value(0), value(1), value(2)].map((v) => Math.round(Math.min(255, Math.max(0, v))));
      const shown: Colour = colour.some(Number.isNaN) ? NOT_A_NUMBER : [colour[0], colour[1], colour[2]];
      canvas.rectangle(left + x * scale, top + y * scale, scale, scale, shown);
    }
  }
}
