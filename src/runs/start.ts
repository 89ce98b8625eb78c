/** The beginning of a run: its data named and digested, its settings fitted to them, its folder made. */
import { createHash } from "node:crypto";
import path from "node:path";
import { packageInfo } from "../core/node/package-info.ts";
import { conditionNames, type ExampleSet } from "../data/dataset.ts";
import { datasetNamed } from "../data/sets/index.ts";
import { textSetNamed } from "../data/text/sets/index.ts";
import type { Tokenizers } from "../data/token-set.ts";
import type { ModelRecord } from "../models/index.ts";
import type { Backend } from "../runtime/backend.ts";
import { conditionList } from "./conditions.ts";
import { conditionsSetting, requireConditions } from "./load.ts";
import { createRun, type Run } from "./registry.ts";
import { keepTokenizers, type TextFields, tokenizerNotes } from "./tokenizers.ts";

/** A data set by its name, an address as it is, a folder or file by its whole path: the run finds it again from any folder. */
export function dataName(given: string): string {
  if (/^https?:\/\//.test(given)) return given;
  return datasetNamed(given)?.card.name ?? textSetNamed(given)?.card.name ?? path.resolve(given);
}

/** What a run was trained on: the pinned digest of a package, or the digest of what was generated or lies in a folder, as it is used. */
export function integrityOf(name: string, set: ExampleSet): string | undefined {
  if (set.kind === "tokens" || set.kind === "pairs") return set.digest;
  const spec = datasetNamed(name)?.card.package;
  return spec?.integrity ?? digestOf(set, true);
}

/** Whether the data are those that a run recorded: nothing recorded agrees with all. */
export function hasIntegrity(recorded: string | undefined, name: string, set: ExampleSet): boolean {
  if (recorded === undefined || recorded === integrityOf(name, set)) return true;
  // Runs from before names were part of the digest.
  return datasetNamed(name)?.card.package === undefined && recorded === digestOf(set, false);
}

/** SHA-256 of the pictures with what is known of them: labels and attributes and, with `names`, what these are called. */
function digestOf(set: ExampleSet, names: boolean): string {
  if (set.kind === "tokens" || set.kind === "pairs") return set.digest;
  const hash = createHash("sha256").update(
    set.kind === "points" ? new Uint8Array(set.points.buffer, 0, set.points.byteLength) : set.images,
  );
  if (set.labels !== undefined) hash.update(set.labels);
  if (set.attributes !== undefined) hash.update(set.attributes.values);
  if (names) hash.update(JSON.stringify([set.classes ?? [], set.attributes?.names ?? []]));
  return `sha256-${hash.digest("base64")}`;
}

/**
 * The setting that says how many conditions there are follows the data.
 * @param given whether the user gave it: it then stays
 * @throws AtelierError where it is given and does not fit
 */
export function fitConditions(
  record: ModelRecord,
  config: Record<string, unknown>,
  set: ExampleSet,
  given: (key: string) => boolean = () => false,
): Record<string, unknown> {
  const key = conditionsSetting(record, config);
  const fitted = key === undefined || given(key) ? config : { ...config, [key]: conditionNames(set).length };
  requireConditions(record, fitted, set);
  return fitted;
}

export interface RunStart {
  /** Default MODEL-001 and so on. */
  name?: string | undefined;
  record: ModelRecord;
  preset: string;
  config: Record<string, unknown>;
  /** With `steps` and `limit` where they are given. */
  training: Record<string, unknown>;
  seed: string;
  /** As the user named them. */
  data: string;
  /** The training split, at the model's shape. */
  set: ExampleSet;
  /** Of models of text. */
  tokenizers?: Tokenizers | undefined;
  fields?: TextFields | undefined;
  /** Class or attribute that was left out of it. */
  without?: string | undefined;
  backend: Backend;
  device: string;
  /** The words that make such a run. */
  command: readonly string[];
}

/** Make a run's folder. @throws UsageError for a name that is taken, FileError when it cannot be written */
export async function startRun({
  name,
  record,
  preset,
  config,
  training,
  seed,
  data,
  set,
  tokenizers,
  fields = {},
  without,
  backend,
  device,
  command,
}: RunStart): Promise<Run> {
  const run = await createRun({
    name,
    model: record.name,
    preset,
    config,
    training,
    seed,
    data: {
      name: dataName(data),
      integrity: integrityOf(data, set),
      ...(record.data.conditions === undefined ? {} : { conditions: conditionList(set) }),
      ...(without === undefined ? {} : { without }),
      ...(tokenizers === undefined ? {} : { tokenizers: tokenizerNotes(tokenizers) }),
      ...(fields.field === undefined ? {} : { field: fields.field }),
      ...(fields.targetField === undefined ? {} : { targetField: fields.targetField }),
    },
    versions: { atelier: packageInfo().version, node: process.version, runtime: backend.description },
    device,
    command: [...command],
  });
  if (tokenizers !== undefined) await keepTokenizers(run.folder, tokenizers);
  return run;
}
