/** Draws a map of codes: thumbnails where there is room, dots for the others. */
import { type LoadedMap, thumbnailRows } from "./map-data.ts";

/** Thumbnails along a side, at most. */
const ACROSS = 18;

/** A colour of its own for each class, bright enough on dark grounds and dark enough on light ones. */
export function classColour(index: number, count: number): string {
  return `hsl(${Math.round((360 * index) / Math.max(1, count))} 65% 50%)`;
}

/** @param thumbnails the pictures of the map, row after row */
export function paintMap(canvas: HTMLCanvasElement, loaded: LoadedMap, thumbnails: HTMLImageElement): void {
  const size = Math.round((canvas.clientWidth || 320) * Math.min(2, devicePixelRatio || 1));
  canvas.width = size;
  canvas.height = size;
  const context = canvas.getContext("2d");
  if (context === null) return;
  const { map, bounds } = loaded;
  const { columns, width, height } = map.thumbnails;
  const names = map.names?.length ?? 1;
  const colour = (row: number) => (map.labels === undefined ? "hsl(210 50% 50%)" : classColour(map.labels[row], names));
  const place = (row: number): [number, number] => [
    (size * (map.points[2 * row] - bounds.x[0])) / (bounds.x[1] - bounds.x[0]),
    size - (size * (map.points[2 * row + 1] - bounds.y[0])) / (bounds.y[1] - bounds.y[0]),
  ];
  context.clearRect(0, 0, size, size);
  for (let row = 0; row < map.count; row++) {
    context.fillStyle = colour(row);
    context.beginPath();
    context.arc(...place(row), size / 180, 0, 2 * Math.PI);
    context.fill();
  }
  const side = (0.9 * size) / ACROSS;
  context.imageSmoothingEnabled = false;
  for (const row of thumbnailRows(loaded, ACROSS)) {
    const [x, y] = place(row);
    context.fillStyle = colour(row);
    context.fillRect(x - side / 2 - 1.5, y - side / 2 - 1.5, side + 3, side + 3);
    context.drawImage(
      thumbnails,
      (row % columns) * width,
      Math.floor(row / columns) * height,
      width,
      height,
      x - side / 2,
      y - side / 2,
      side,
      side,
    );
  }
}
