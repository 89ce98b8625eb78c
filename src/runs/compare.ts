import { readMetrics } from "./metrics-log.ts";
import type { Run } from "./registry.ts";

/** One line of a comparison; a side that has no such entry is undefined. */
export interface ComparedRow {
  /** `config.klWeight`, `training.batch`, `test.elbo` ... */
  key: string;
  a: unknown;
  b: unknown;
}

export interface Comparison {
  /** Settings, seeds, data and versions that differ. */
  settings: ComparedRow[];
  /** The last logged row and the results of the final evaluation, of both runs, differing or not. */
  metrics: ComparedRow[];
}

/** What distinguishes two runs, and how each ended. @throws FileError when a run's metrics cannot be read. */
export async function compareRuns(a: Run, b: Run): Promise<Comparison> {
  const settings = pair(settingsOf(a), settingsOf(b)).filter((row) => JSON.stringify(row.a) !== JSON.stringify(row.b));
  return { settings, metrics: pair(await finalMetrics(a), await finalMetrics(b)) };
}

/** A run's last logged row (`last.` before each name) and its results. */
export async function finalMetrics(run: Run): Promise<Map<string, unknown>> {
  const last = (await readMetrics(run.metricsFile)).at(-1) ?? {};
  return new Map([
    ...Object.entries(last).map(([name, value]): [string, unknown] => [`last.${name}`, value]),
    ...Object.entries(run.record.results),
  ]);
}

function settingsOf({ record }: Run): Map<string, unknown> {
  const { model, preset, config, training, seed, data, versions, device, init } = record;
  return flatten({ model, preset, config, training, seed, data, init, device, versions });
}

function flatten(value: object, prefix = ""): Map<string, unknown> {
  const flat = new Map<string, unknown>();
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) flat.set(prefix + key, inner);
    else for (const [path, leaf] of flatten(inner, `${prefix}${key}.`)) flat.set(path, leaf);
  }
  return flat;
}

function pair(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): ComparedRow[] {
  return [...new Set([...a.keys(), ...b.keys()])].map((key) => ({ key, a: a.get(key), b: b.get(key) }));
}
