/** Rows by a value; those without one stay last. */
export function sortRows<T>(
  rows: readonly T[],
  value: ((row: T) => number | string | undefined) | undefined,
  descending: boolean,
): readonly T[] {
  if (value === undefined) return rows;
  const known = (key: number | string | undefined) => key !== undefined && !Number.isNaN(key);
  return [...rows].sort((a, b) => {
    const [first, second] = [value(a), value(b)];
    if (!known(first) || !known(second)) return Number(known(second)) - Number(known(first));
    const order = typeof first === "string" && typeof second === "string" ? first.localeCompare(second) : Number(first) - Number(second);
    return descending ? -order : order;
  });
}
