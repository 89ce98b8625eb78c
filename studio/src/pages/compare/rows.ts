import type { RunDetail } from "../../../../src/studio/training.ts";

/** One line of a comparison: a value for each run, undefined where it has none. */
export interface ComparedRow {
  readonly group: "run" | "config" | "training" | "results";
  readonly key: string;
  readonly values: readonly unknown[];
  /** Whether the runs are not all alike in it. */
  readonly differs: boolean;
  /** Of results whose better end is known: which run has the best; undefined where none is alone. */
  readonly best?: number | undefined;
}

/** Every setting and result of some runs, side by side. */
export function comparedRows(runs: readonly RunDetail[]): ComparedRow[] {
  const parts = [
    { group: "run", of: ({ model, preset, data, seed, device, state }: RunDetail) => ({ model, preset, data, seed, device, state }) },
    { group: "config", of: ({ config }: RunDetail) => config },
    { group: "training", of: ({ training }: RunDetail) => training },
    { group: "results", of: ({ results }: RunDetail) => results },
  ] as const;
  return parts.flatMap(({ group, of }) => {
    const flat = runs.map((run) => flatten(of(run)));
    const keys = [...new Set(flat.flatMap((values) => [...values.keys()]))];
    return keys.map((key) => {
      const values = flat.map((each) => each.get(key));
      const differs = new Set(values.map((value) => JSON.stringify(value))).size > 1;
      return {
        group,
        key,
        values,
        differs,
        ...(group === "results" ? { best: bestOf(values, runs.map((run) => run.metrics[key]?.better).find(Boolean)) } : {}),
      };
    });
  });
}

function bestOf(values: readonly unknown[], better: "lower" | "higher" | undefined): number | undefined {
  if (better === undefined) return undefined;
  const numbers = values.map((value) => (typeof value === "number" ? (better === "lower" ? -value : value) : Number.NEGATIVE_INFINITY));
  const most = Math.max(...numbers);
  return numbers.filter((value) => value === most).length === 1 && Number.isFinite(most) ? numbers.indexOf(most) : undefined;
}

function flatten(value: object, prefix = ""): Map<string, unknown> {
  const flat = new Map<string, unknown>();
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) flat.set(prefix + key, inner);
    else for (const [path, leaf] of flatten(inner, `${prefix}${key}.`)) flat.set(path, leaf);
  }
  return flat;
}
