/** A small drawing surface: rectangles, smooth discs and lines, text. Coordinates are pixels, (0, 0) the top left corner. */
import { CELL_HEIGHT, CELL_WIDTH, glyphMask } from "./font.ts";
import type { Raster } from "./png.ts";

/** Red, green, blue, 0..255. */
export type Colour = readonly [red: number, green: number, blue: number];

export interface TextStyle {
  /** Pixels per dot of the 5 x 7 letters, a positive integer. Default 2. */
  scale?: number | undefined;
  colour?: Colour | undefined;
  /** Which point of the text (x, y) is. Default `left`; the y is always the top. */
  align?: "left" | "centre" | "right" | undefined;
  /** Turned to read from bottom to top; (x, y) is then the left edge and, with `centre`, the middle of the height. */
  vertical?: boolean | undefined;
}

export class Canvas implements Raster {
  readonly width: number;
  readonly height: number;
  readonly channels = 3;
  /** [height, width, 3] */
  readonly data: Uint8Array;

  constructor(width: number, height: number, ground: Colour = [255, 255, 255]) {
    this.width = width;
    this.height = height;
    this.data = new Uint8Array(width * height * 3);
    this.rectangle(0, 0, width, height, ground);
  }

  /** Lay `colour` over one pixel, `cover` in [0, 1]. Outside the canvas nothing happens. */
  blend(x: number, y: number, colour: Colour, cover: number): void {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height || !(cover > 0)) return;
    const at = (y * this.width + x) * 3;
    const share = Math.min(1, cover);
    for (let i = 0; i < 3; i++) this.data[at + i] = Math.round(this.data[at + i] * (1 - share) + colour[i] * share);
  }

  /** Fill whole pixels. */
  rectangle(left: number, top: number, width: number, height: number, colour: Colour, cover = 1): void {
    for (let y = top; y < top + height; y++) for (let x = left; x < left + width; x++) this.blend(x, y, colour, cover);
  }

  /** A disc with a smooth edge. */
  disc(centreX: number, centreY: number, radius: number, colour: Colour, cover = 1): void {
    for (let y = Math.floor(centreY - radius - 1); y <= centreY + radius + 1; y++) {
      for (let x = Math.floor(centreX - radius - 1); x <= centreX + radius + 1; x++) {
        const distance = Math.hypot(x + 0.5 - centreX, y + 0.5 - centreY);
        this.blend(x, y, colour, cover * clamp(radius + 0.5 - distance));
      }
    }
  }

  /** A line through the given points, with smooth edges and round ends; each pixel is covered once, so that joints do not darken. */
  line(points: readonly (readonly [x: number, y: number])[], thickness: number, colour: Colour): void {
    const reach = thickness / 2 + 1;
    const cover = new Map<number, number>();
    for (let i = 0; i + 1 < points.length; i++) {
      const [[x0, y0], [x1, y1]] = [points[i], points[i + 1]];
      const squared = (x1 - x0) ** 2 + (y1 - y0) ** 2;
      for (let y = Math.max(0, Math.floor(Math.min(y0, y1) - reach)); y <= Math.min(this.height - 1, Math.max(y0, y1) + reach); y++) {
        for (let x = Math.max(0, Math.floor(Math.min(x0, x1) - reach)); x <= Math.min(this.width - 1, Math.max(x0, x1) + reach); x++) {
          const along = squared === 0 ? 0 : clamp(((x + 0.5 - x0) * (x1 - x0) + (y + 0.5 - y0) * (y1 - y0)) / squared);
          const distance = Math.hypot(x + 0.5 - x0 - along * (x1 - x0), y + 0.5 - y0 - along * (y1 - y0));
          const share = clamp(thickness / 2 + 0.5 - distance);
          const key = y * this.width + x;
          if (share > (cover.get(key) ?? 0)) cover.set(key, share);
        }
      }
    }
    for (const [key, share] of cover) this.blend(key % this.width, Math.floor(key / this.width), colour, share);
  }

  /** Write text at a point; see {@link TextStyle} for where the point is. */
  text(x: number, y: number, text: string, { scale = 2, colour = [40, 40, 40], align = "left", vertical = false }: TextStyle = {}): void {
    const length = textWidth(text, scale);
    const shift = align === "left" ? 0 : align === "right" ? length : Math.round(length / 2);
    const [cellWidth, cellHeight] = [CELL_WIDTH * scale, CELL_HEIGHT * scale];
    for (let i = 0; i < text.length; i++) {
      const mask = glyphMask(text[i], scale);
      const along = i * cellWidth - shift;
      for (let row = 0; row < cellHeight; row++) {
        for (let column = 0; column < cellWidth; column++) {
          const cover = mask[row * cellWidth + column];
          if (vertical) this.blend(x + row, y - along - column - 1, colour, cover);
          else this.blend(x + along + column, y + row, colour, cover);
        }
      }
    }
  }
}

/** Pixels a text is wide, without the gap after its last letter. */
export function textWidth(text: string, scale: number): number {
  return Math.max(0, text.length * CELL_WIDTH * scale - scale);
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
