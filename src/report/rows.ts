/** Rows of pictures, each with its name. */
import { Canvas, textWidth } from "./canvas.ts";
import { CELL_HEIGHT } from "./font.ts";
import { drawPicture, type Pictures } from "./grid.ts";

/** One row: all rows have pictures of one shape, and as many. */
export interface PictureRow {
  label: string;
  pictures: Pictures;
}

/**
 * Row under row, the names on the left. Intensities beyond [0, 1] are clipped.
 * @param rows at least one; their pictures [N, C, H, W]
 * @param scale pixels a side for each pixel of the pictures
 */
export function pictureRows(rows: readonly PictureRow[], scale = 1): Canvas {
  const [count, , height, width] = rows[0].pictures.shape;
  const [gap, margin, textScale] = [2, 8, 2];
  const left = margin * 2 + Math.max(...rows.map(({ label }) => textWidth(label, textScale)));
  const stepX = width * scale + gap;
  const stepY = Math.max(height * scale, CELL_HEIGHT * textScale) + gap;
  const canvas = new Canvas(left + count * stepX, rows.length * stepY + gap);
  rows.forEach(({ label, pictures }, row) => {
    const top = gap + row * stepY;
    canvas.text(margin, top + Math.round((stepY - gap - 7 * textScale) / 2), label, { scale: textScale });
    for (let i = 0; i < pictures.shape[0]; i++) drawPicture(canvas, pictures, i, left + i * stepX, top, scale);
  });
  return canvas;
}
