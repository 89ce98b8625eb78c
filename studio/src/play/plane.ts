/** Points of the plane, densities and bent grids on a canvas. */

export interface Bounds {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

export interface PlaneView {
  readonly bounds: Bounds;
  /** [cells, cells] from the lower left, row after row; any scale. */
  readonly heat?: { readonly values: Float32Array; readonly cells: number } | undefined;
  /** [count, 2] */
  readonly points?: Float32Array | undefined;
  /** Each [corners, 2]. */
  readonly lines?: readonly Float32Array[] | undefined;
}

/** The smallest square around points [count, 2], with a margin. */
export function boundsOf(points: ArrayLike<number>): Bounds {
  let [low, high] = [
    [Infinity, Infinity],
    [-Infinity, -Infinity],
  ];
  for (let i = 0; i < points.length; i++) {
    if (!Number.isFinite(points[i])) continue;
    low = low.map((value, axis) => (axis === i % 2 ? Math.min(value, points[i]) : value));
    high = high.map((value, axis) => (axis === i % 2 ? Math.max(value, points[i]) : value));
  }
  if (!Number.isFinite(low[0])) return { x: [-1, 1], y: [-1, 1] };
  const half = 0.55 * Math.max(high[0] - low[0], high[1] - low[1], 1e-3);
  const [x, y] = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
  return { x: [x - half, x + half], y: [y - half, y + half] };
}

/** Middles of the cells of a square, [cells · cells, 2], from the lower left, row after row. */
export function cellMiddles({ x, y }: Bounds, cells: number): Float32Array {
  const result = new Float32Array(2 * cells * cells);
  for (let i = 0; i < cells * cells; i++) {
    result[2 * i] = x[0] + (((i % cells) + 0.5) / cells) * (x[1] - x[0]);
    result[2 * i + 1] = y[0] + ((Math.floor(i / cells) + 0.5) / cells) * (y[1] - y[0]);
  }
  return result;
}

/** Lines of a square grid, each [corners, 2]: first those across, then those up. */
export function gridLines({ x, y }: Bounds, count: number, corners: number): Float32Array[] {
  const at = ([low, high]: readonly [number, number], i: number, all: number) => low + (i / (all - 1)) * (high - low);
  const across = Array.from({ length: count }, (_, i) =>
    Float32Array.from({ length: 2 * corners }, (_, k) => (k % 2 === 0 ? at(x, k >> 1, corners) : at(y, i, count))),
  );
  const up = Array.from({ length: count }, (_, i) =>
    Float32Array.from({ length: 2 * corners }, (_, k) => (k % 2 === 0 ? at(x, i, count) : at(y, k >> 1, corners))),
  );
  return [...across, ...up];
}

/** Paint a view; colours are those of the element. */
export function paintPlane(canvas: HTMLCanvasElement, view: PlaneView): void {
  const size = Math.round((canvas.clientWidth || 360) * Math.min(2, devicePixelRatio || 1));
  canvas.width = size;
  canvas.height = size;
  const context = canvas.getContext("2d");
  if (context === null) return;
  const style = getComputedStyle(canvas);
  const colour = (name: string) => style.getPropertyValue(name).trim() || "#888";
  const { x, y } = view.bounds;
  const place = (px: number, py: number): [number, number] => [
    ((px - x[0]) / (x[1] - x[0])) * size,
    (1 - (py - y[0]) / (y[1] - y[0])) * size,
  ];
  context.fillStyle = colour("--sunken");
  context.fillRect(0, 0, size, size);
  if (view.heat !== undefined) paintHeat(context, view.heat, size, colour("--series-2"));
  context.lineWidth = Math.max(1, size / 500);
  context.strokeStyle = colour("--series-2");
  for (const line of view.lines ?? []) {
    context.beginPath();
    for (let i = 0; i < line.length; i += 2) context.lineTo(...place(line[i], line[i + 1]));
    context.stroke();
  }
  context.fillStyle = colour("--accent");
  context.globalAlpha = 0.7;
  const radius = Math.max(1.2, size / 300);
  const points = view.points ?? new Float32Array(0);
  for (let i = 0; i < points.length; i += 2) {
    context.beginPath();
    context.arc(...place(points[i], points[i + 1]), radius, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
}

function paintHeat(
  context: CanvasRenderingContext2D,
  { values, cells }: NonNullable<PlaneView["heat"]>,
  size: number,
  colour: string,
): void {
  const most = values.reduce((a, b) => (Number.isFinite(b) ? Math.max(a, b) : a), 0) || 1;
  const small = document.createElement("canvas");
  small.width = cells;
  small.height = cells;
  const inside = small.getContext("2d");
  if (inside === null) return;
  inside.fillStyle = colour;
  for (let i = 0; i < values.length; i++) {
    const share = values[i] / most;
    if (!(share > 0.002)) continue;
    inside.globalAlpha = Math.min(1, 0.9 * Math.sqrt(share));
    inside.fillRect(i % cells, cells - 1 - Math.floor(i / cells), 1, 1);
  }
  context.drawImage(small, 0, 0, size, size);
}
