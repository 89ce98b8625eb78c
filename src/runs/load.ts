import { AtelierError, UsageError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import { conditionNames, type ExampleSet, limitExamples, type Split } from "../data/dataset.ts";
import { type LoadDatasetOptions, loadExamples } from "../data/node/load.ts";
import { loadTokens } from "../data/node/token-sets.ts";
import { withoutMembers } from "../data/select.ts";
import type { Tokenizers, TokenShape } from "../data/token-set.ts";
import { findModel, type ModelRecord, numericShape, textShape } from "../models/index.ts";
import { type Module, namedParameters, namedStates } from "../nn/module.ts";
import { copySaved } from "../train/trainer.ts";
import { configHash, loadLatest } from "./checkpoint.ts";
import type { Run } from "./registry.ts";
import { runConfig } from "./run-config.ts";
import { readTokenizers, type TextFields } from "./tokenizers.ts";

/** A trained network out of a run, with what describes it. */
export interface LoadedModel {
  record: ModelRecord;
  config: Record<string, unknown>;
  network: Module;
  /** Steps of the checkpoint, and the hash of its arrays. */
  step: number;
  hash: string;
  /** Of runs of text. */
  tokenizers?: Tokenizers | undefined;
}

/**
 * Build a run's network and give it the weights of its newest good checkpoint: the averaged ones where the run keeps an average.
 * @throws UsageError for a model that this version does not have; FileError when no checkpoint can be read, or the run is of another version's model
 */
export async function loadModel(run: Run, onWarning?: (text: string) => void): Promise<LoadedModel> {
  const record = findModel(run.record.model);
  const config = runConfig(run, record);
  const network = record.build(config, new RandomStream(run.record.seed, "initialisation"));
  const checkpoint = await loadLatest(run, { model: record.name, configHash: configHash(config), onWarning });
  const saved = (name: string) =>
    (checkpoint.tensors.get(`ema.${name}`) ?? checkpoint.tensors.get(`model.${name}`))?.data as ArrayLike<number> | undefined;
  for (const [name, parameter] of namedParameters(network)) copySaved(name, parameter.data, saved(name));
  for (const [name, state] of namedStates(network)) copySaved(name, state.data as Float32Array, saved(name));
  return { record, config, network, step: checkpoint.step, hash: checkpoint.hash, tokenizers: await readTokenizers(run) };
}

export interface LoadSplitOptions extends LoadDatasetOptions, TextFields {
  /** Leave out the pictures of a class, or with an attribute, before they are limited. */
  without?: string | undefined;
  /** Of the run, for models of text. */
  tokenizers?: Tokenizers | undefined;
}

/**
 * One split of a data set, folder or text at the shape that a model takes.
 * @param limit keep only the first so many examples of the split
 * @throws UsageError when the model needs labels or conditions and the data have none, or `without` names nothing
 */
export async function loadSplit(
  record: ModelRecord,
  config: unknown,
  name: string,
  split: Split,
  limit?: number,
  { without, tokenizers, ...options }: LoadSplitOptions = {},
): Promise<ExampleSet> {
  const shape = textShape(record, config);
  if (shape !== undefined) return await loadTextSplit(shape, name, split, limit, { without, tokenizers, ...options });
  const { field: _field, targetField: _target, ...pictures } = options;
  const all = await loadExamples(name, { ...pictures, split, shape: numericShape(record, config) });
  const set = without === undefined ? all : withoutMembers(all, without);
  if (record.data.labels && set.labels === undefined) {
    throw new UsageError({
      what: `The model "${record.name}" learns from labels, and these data have none.`,
      where: name,
      hint: "put the pictures into one sub-folder a class, or choose a data set with labels",
    });
  }
  if (record.data.conditions !== undefined && conditionNames(set).length === 0) {
    throw new UsageError({
      what: `The model "${record.name}" learns from attributes or classes, and these data have neither.`,
      where: name,
      hint: "put the pictures into one sub-folder a class, add a labels.csv, or choose a data set with labels",
    });
  }
  return limit === undefined || limit >= set.count ? set : limitExamples(set, limit);
}

async function loadTextSplit(
  shape: TokenShape,
  name: string,
  split: Split,
  limit: number | undefined,
  { without, tokenizers, ...options }: LoadSplitOptions,
): Promise<ExampleSet> {
  if (without !== undefined) throw new UsageError({ what: "Texts have no classes to leave out.", got: `--without ${without}` });
  if (tokenizers === undefined) throw new AtelierError({ what: "Text needs a tokenizer to become numbers.", where: name });
  const { field, targetField, onProgress, signal } = options;
  const set = await loadTokens(name, { split, shape, ...tokenizers, field, targetField, onProgress, signal });
  return limit === undefined || limit >= set.count ? set : limitExamples(set, limit);
}

/** The classes of a labelled set must be as many as the model tells apart. @throws AtelierError */
export function requireClasses(config: Record<string, unknown>, set: ExampleSet): void {
  const wanted = config.classes;
  const found = set.classes?.length;
  if (typeof wanted !== "number" || found === undefined || found <= wanted) return;
  throw new AtelierError({
    what: "The data have more classes than the model tells apart.",
    where: set.card.name,
    got: `${found} classes`,
    expected: `at most ${wanted}`,
    hint: `train with --set classes=${found}`,
  });
}

/** The conditions of a set must be as many as the model takes. @throws AtelierError */
export function requireConditions(record: ModelRecord, config: Record<string, unknown>, set: ExampleSet): void {
  const wanted = record.data.conditions?.(config);
  const names = conditionNames(set);
  if (wanted === undefined || wanted === names.length) return;
  throw new AtelierError({
    what: `The data have another number of ${set.attributes === undefined ? "classes" : "attributes"} than the model takes conditions.`,
    where: set.card.name,
    got: `${names.length}: ${names.length > 12 ? `${names.slice(0, 12).join(", ")} ...` : names.join(", ")}`,
    expected: String(wanted),
    hint: `leave --set ${conditionsSetting(record, config) ?? "conditions"} out: it follows the data`,
  });
}

/** The configuration's number that says how many conditions the model takes; undefined where it takes none, or no single setting says it. */
export function conditionsSetting({ data }: Pick<ModelRecord, "data">, config: Record<string, unknown>): string | undefined {
  const now = data.conditions?.(config);
  if (now === undefined) return undefined;
  return Object.keys(config).find((key) => config[key] === now && data.conditions!({ ...config, [key]: now + 1 }) === now + 1);
}
