/** What charts are drawn from: lines over steps, smoothed and put on one axis. */

/** A line of a chart. */
export interface ChartLine {
  readonly label: string;
  /** Which of the six colours of charts. */
  readonly colour: number;
  /** Rising. */
  readonly steps: ArrayLike<number>;
  /** NaN for gaps. */
  readonly values: ArrayLike<number>;
  /** The extremes that `values` are means of. */
  readonly band?: { readonly low: ArrayLike<number>; readonly high: ArrayLike<number> } | undefined;
  /** Drawn thin and pale, behind the others. */
  readonly faint?: boolean | undefined;
  /** Few values: each has a dot. */
  readonly dots?: boolean | undefined;
}

/**
 * An exponential average that is right from its first value on; gaps stay gaps.
 * @param factor 0 (nothing happens) to below 1
 */
export function smooth(values: ArrayLike<number>, factor: number): Float64Array {
  const result = new Float64Array(values.length);
  let [sum, weight] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (Number.isFinite(value)) {
      sum = factor * sum + (1 - factor) * value;
      weight = factor * weight + (1 - factor);
    }
    result[i] = Number.isFinite(value) ? sum / weight : Number.NaN;
  }
  return result;
}

/** Whether every value can stand on a logarithmic axis. */
export function isPositive(lines: readonly ChartLine[]): boolean {
  return lines.every(({ values, band }) => Array.from(band?.low ?? values).every((value) => !Number.isFinite(value) || value > 0));
}

/** Columns for the chart: the steps of all lines once, rising, then each column's values on them, null where it has none. */
export function aligned(lines: readonly ChartLine[]): (number | null)[][] {
  const same = lines.every(({ steps }) => steps === lines[0]?.steps);
  const steps = same
    ? Array.from(lines[0]?.steps ?? [])
    : [...new Set(lines.flatMap((line) => Array.from(line.steps)))].sort((a, b) => a - b);
  const place = same ? undefined : new Map(steps.map((step, i) => [step, i]));
  const put = (line: ChartLine, values: ArrayLike<number>) => {
    const column: (number | null)[] = new Array(steps.length).fill(null);
    for (let i = 0; i < values.length; i++) if (Number.isFinite(values[i])) column[place?.get(line.steps[i]) ?? i] = values[i];
    return column;
  };
  return [
    steps,
    ...lines.flatMap((line) => [
      ...(line.band === undefined ? [] : [put(line, line.band.low), put(line, line.band.high)]),
      put(line, line.values),
    ]),
  ];
}

/** The last value of a line that is a number, and the step that it belongs to. */
export function lastOf({ steps, values }: Pick<ChartLine, "steps" | "values">): { step: number; value: number } | undefined {
  for (let i = values.length - 1; i >= 0; i--) if (Number.isFinite(values[i])) return { step: steps[i], value: values[i] };
  return undefined;
}
