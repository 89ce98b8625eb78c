/** The curves of a run on their way to a page: few enough points for its width, as bytes. Loads in a page too. */

/** One column of numbers over steps: the mean of each stretch of rows and its extremes. */
export interface Curve {
  readonly name: string;
  /** NaN where a stretch has no number. */
  readonly mean: Float32Array;
  readonly low: Float32Array;
  readonly high: Float32Array;
  /** Values of the whole range that are NaN or infinite. */
  readonly notFinite: number;
}

export interface Curves {
  /** Rows of the run's whole table, and its first and last step. */
  readonly rows: number;
  readonly firstStep: number;
  readonly lastStep: number;
  /** Rows that a point stands for: 1 where nothing is left out. */
  readonly stretch: number;
  /** The last step of each stretch, rising. */
  readonly steps: Float64Array;
  readonly curves: readonly Curve[];
}

/** Rows of metrics as columns. */
export interface Table {
  readonly rows: number;
  /** [rows or more], rising */
  readonly steps: Float64Array;
  /** Each [rows or more]; NaN for what a row lacks. Infinite and NaN values that a row has are Infinity. */
  readonly columns: ReadonlyMap<string, Float64Array>;
}

export interface CurveRange {
  /** Steps, both ends in. Default all. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Points at most, about the width in pixels. */
  readonly points: number;
  /** Default all. */
  readonly columns?: readonly string[] | undefined;
}

/**
 * Reduce a table to at most so many points, without losing a spike: each point knows the least and the largest of its rows. Stretches begin at fixed rows
 * and are powers of two long, so that a growing table keeps the points it has.
 */
export function reduceTable(
  table: Table,
  { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY, points, columns }: CurveRange,
): Curves {
  const { rows, steps } = table;
  // A row beyond either end, so that lines leave the picture instead of ending in it.
  const first = Math.max(0, lowerBound(steps, rows, from) - 1);
  const end = Math.min(rows, lowerBound(steps, rows, to) + 1);
  let stretch = 1;
  while (Math.ceil((end - first) / stretch) > Math.max(1, points)) stretch *= 2;
  const begin = first - (first % stretch);
  const count = Math.max(0, Math.ceil((end - begin) / stretch));
  const ends = new Float64Array(count);
  for (let i = 0; i < count; i++) ends[i] = steps[Math.min(rows, begin + (i + 1) * stretch) - 1];
  const names = columns?.filter((name) => table.columns.has(name)) ?? [...table.columns.keys()];
  return {
    rows,
    firstStep: rows === 0 ? 0 : steps[0],
    lastStep: rows === 0 ? 0 : steps[rows - 1],
    stretch,
    steps: ends,
    curves: names.map((name) => reduceColumn(name, table.columns.get(name)!, { begin, count, stretch, rows })),
  };
}

function reduceColumn(
  name: string,
  values: Float64Array,
  { begin, count, stretch, rows }: { begin: number; count: number; stretch: number; rows: number },
): Curve {
  const [mean, low, high] = [new Float32Array(count), new Float32Array(count), new Float32Array(count)];
  let notFinite = 0;
  for (let i = 0; i < count; i++) {
    const last = Math.min(rows, begin + (i + 1) * stretch);
    let [sum, found, least, most] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let row = begin + i * stretch; row < last; row++) {
      const value = values[row];
      if (value === Number.POSITIVE_INFINITY) notFinite++;
      else if (!Number.isNaN(value)) {
        sum += value;
        found++;
        if (value < least) least = value;
        if (value > most) most = value;
      }
    }
    mean[i] = found === 0 ? Number.NaN : sum / found;
    low[i] = found === 0 ? Number.NaN : least;
    high[i] = found === 0 ? Number.NaN : most;
  }
  return { name, mean, low, high, notFinite };
}

/** The first row whose step is not below `step`. */
function lowerBound(steps: Float64Array, rows: number, step: number): number {
  let [low, high] = [0, rows];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface Header extends Pick<Curves, "rows" | "firstStep" | "lastStep" | "stretch"> {
  readonly count: number;
  readonly curves: readonly { readonly name: string; readonly notFinite: number }[];
}

/** The type of {@link encodeCurves}'s bytes. */
export const curvesType = "application/octet-stream";

/** As bytes: the length of a JSON header, the header padded to eight bytes, the steps as 64-bit floats, then mean (and low and high) of each curve as 32-bit floats. */
export function encodeCurves({ rows, firstStep, lastStep, stretch, steps, curves }: Curves): Uint8Array {
  const header: Header = {
    ...{ rows, firstStep, lastStep, stretch, count: steps.length },
    curves: curves.map(({ name, notFinite }) => ({ name, notFinite })),
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = headerEnd(text.length);
  const parts = stretch === 1 ? 1 : 3;
  const bytes = new Uint8Array(start + steps.length * 8 + curves.length * parts * steps.length * 4);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 4);
  new Float64Array(bytes.buffer, start, steps.length).set(steps);
  let at = start + steps.length * 8;
  for (const { mean, low, high } of curves) {
    for (const values of parts === 1 ? [mean] : [mean, low, high]) {
      new Float32Array(bytes.buffer, at, steps.length).set(values);
      at += steps.length * 4;
    }
  }
  return bytes;
}

/** The inverse of {@link encodeCurves}. @throws RangeError, SyntaxError for bytes that are something else */
export function decodeCurves(buffer: ArrayBuffer): Curves {
  const length = new DataView(buffer).getUint32(0, true);
  const { count, curves, ...facts } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length))) as Header;
  const start = headerEnd(length);
  let at = start + count * 8;
  const take = () => {
    const values = new Float32Array(buffer, at, count);
    at += count * 4;
    return values;
  };
  return {
    ...facts,
    steps: new Float64Array(buffer, start, count),
    curves: curves.map(({ name, notFinite }) => {
      const mean = take();
      return facts.stretch === 1 ? { name, notFinite, mean, low: mean, high: mean } : { name, notFinite, mean, low: take(), high: take() };
    }),
  };
}

function headerEnd(length: number): number {
  return Math.ceil((4 + length) / 8) * 8;
}
