import type { Curve, Curves } from "../../../../src/studio/metrics.ts";
import type { LiveRows } from "../../../../src/studio/training.ts";

/** Curves with further rows at their end, each a point of its own. Rows that are there already are passed over. */
export function appendRows(curves: Curves, rows: LiveRows): Curves {
  const known = Math.max(
    0,
    rows.steps.findIndex((step) => step > curves.lastStep || curves.rows === 0),
  );
  const fresh = rows.steps.length === 0 || rows.steps.at(-1)! <= curves.lastStep ? [] : rows.steps.slice(known);
  if (fresh.length === 0) return curves;
  const before = curves.steps.length;
  const steps = new Float64Array(before + fresh.length);
  steps.set(curves.steps);
  steps.set(fresh, before);
  const names = [...new Set([...curves.curves.map(({ name }) => name), ...Object.keys(rows.columns)])];
  return {
    ...curves,
    rows: curves.rows + fresh.length,
    firstStep: curves.rows === 0 ? fresh[0] : curves.firstStep,
    lastStep: fresh.at(-1)!,
    steps,
    curves: names.map((name) => {
      const old = curves.curves.find((curve) => curve.name === name);
      return appendColumn(old, name, { before, column: rows.columns[name]?.slice(known) ?? [], count: fresh.length });
    }),
  };
}

function appendColumn(
  old: Curve | undefined,
  name: string,
  { before, column, count }: { before: number; column: readonly (number | null)[]; count: number },
): Curve {
  const fresh = Float32Array.from({ length: count }, (_, i) => column[i] ?? Number.NaN);
  const longer = (values: Float32Array | undefined) => {
    const all = new Float32Array(before + count).fill(Number.NaN);
    if (values !== undefined) all.set(values);
    all.set(fresh, before);
    return all;
  };
  const mean = longer(old?.mean);
  const whole = old === undefined || old.low === old.mean;
  return { name, notFinite: old?.notFinite ?? 0, mean, low: whole ? mean : longer(old.low), high: whole ? mean : longer(old.high) };
}

/** Names of columns in groups that belong into one chart: a term and its held-out twin; what only tells how the training goes, apart. */
export function chartGroups(names: readonly string[]): { readonly main: string[]; readonly other: string[] } {
  const trained = names.filter((name) => !name.startsWith("heldOut."));
  const alone = names.filter((name) => name.startsWith("heldOut.") && !trained.includes(name.slice(8)));
  const other = ["learningRate", "seconds", "epoch"];
  const isOther = (name: string) => other.includes(name) || name.startsWith("gradientNorm.");
  return { main: [...trained.filter((name) => !isOther(name)), ...alone], other: trained.filter(isOther) };
}
