/** Round values along an axis. */
export interface Ticks {
  /** The axis' ends. */
  low: number;
  high: number;
  values: number[];
  /** The values as text, all with the same number of decimals. */
  texts: string[];
}

/** About `wanted` ticks at multiples of 1, 2 or 5 times a power of ten within a range. */
export function niceTicks([low, high]: readonly [number, number], wanted: number): Ticks {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const values: number[] = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) values.push(k * step);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const largest = Math.max(Math.abs(low), Math.abs(high));
  const text = (value: number) => (largest >= 1e6 || decimals > 6 ? value.toExponential(1) : (value + 0).toFixed(decimals));
  return { low, high, values, texts: values.map((value) => text(value === 0 ? 0 : value)) };
}
