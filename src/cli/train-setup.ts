import { z } from "zod";
import { UsageError } from "../core/errors.ts";
import type { ExampleSet } from "../data/dataset.ts";
import { Loader, type WindowOrder } from "../data/loader.ts";
import { defaultTraining, findModel, type ModelRecord, trainingSettings } from "../models/index.ts";
import { requireMetric } from "../runs/held-out.ts";
import { otherLength } from "../runs/length.ts";
import { loadSplit, requireClasses } from "../runs/load.ts";
import { listRuns, openRun, type Run } from "../runs/registry.ts";
import { fitConditions, hasIntegrity, startRun } from "../runs/start.ts";
import { fitVocabulary, makeTokenizers, readTokenizers } from "../runs/tokenizers.ts";
import type { Backend } from "../runtime/backend.ts";
import { openDevice } from "./device.ts";
import { resolveSettings } from "./settings.ts";
import { presetName, requireResumable, type TrainOptions } from "./train.ts";
import type { Io } from "./verb.ts";

export interface PreparedRun {
  run: Run;
  record: ModelRecord;
  set: ExampleSet;
  held: ExampleSet;
  backend: Backend;
  resume: boolean;
}

type OnProgress = (message: string, seconds?: number) => void;

/** Everything that must be right before a step is taken: names, settings, data, device; the run's folder is made last. */
export async function prepareRun(model: string | undefined, options: TrainOptions, io: Io, onProgress: OnProgress): Promise<PreparedRun> {
  return options.resume ? resumeRun(model, options, io, onProgress) : newRun(model, options, io, onProgress);
}

async function newRun(model: string | undefined, options: TrainOptions, io: Io, onProgress: OnProgress): Promise<PreparedRun> {
  if (model === undefined)
    throw new UsageError({ what: "Which model shall be trained?", hint: "atelier train vae; atelier models lists them" });
  const record = findModel(model);
  const preset = presetName(options.preset, Object.keys(record.presets));
  const { config: wished, training } = settle(record, preset, options);
  requireMetric(record, training.stopMetric as string);
  if (options.run !== undefined) await requireFree(options.run);
  const data = options.data ?? defaultData(record, preset);
  const { without } = options;
  const given = (key: string) => options.set?.some((assignment) => assignment.split("=")[0].trim() === key) ?? false;
  const fields = { field: options.field, targetField: options.target };
  const { tokenizer, sourceTokenizer } = options;
  const tokenizers = await makeTokenizers(record, wished, data, { ...fields, tokenizer, sourceTokenizer, onProgress });
  const asked = fitVocabulary(record, wished, tokenizers, given);
  const set = await loadSplit(record, asked, data, "train", options.limit, { onProgress, without, tokenizers, ...fields });
  const held = await loadSplit(record, asked, data, "test", options.limit, { onProgress, tokenizers, ...fields });
  if (set.kind === "tokens" || set.kind === "pairs") for (const note of set.notes ?? []) io.stderr.write(`note: ${note}\n`);
  const config = fitConditions(record, asked, set, given);
  if (record.data.labels) requireClasses(config, set);
  // It refuses a batch that the data cannot fill, or a crop that leaves nothing; better now than with a run's folder made.
  new Loader(set, { batch: training.batch as number, augment: training, windows: training.windows as WindowOrder });
  const backend = await openDevice(options.device, io, onProgress);
  const run = await startRun({
    name: options.run,
    ...{ record, preset, config, data, set, without, backend, tokenizers, fields },
    training: {
      ...training,
      ...(options.limit === undefined ? {} : { limit: options.limit }),
    },
    seed: options.seed,
    device: options.device,
    command: ["atelier", ...process.argv.slice(2)],
  });
  return { run, record, set, held, backend, resume: false };
}

/** The data set that a preset is made for. */
export function defaultData(record: ModelRecord, preset: string): string {
  return record.presets[preset]?.data ?? record.data.sets[0];
}

/** The preset, then `--set`, then the options that have names of their own. A key belongs to the model or to the training. */
export function settle(
  record: ModelRecord,
  preset: string,
  options: Pick<TrainOptions, "epochs" | "batch" | "set"> & { steps?: number | undefined },
) {
  const chosen = record.presets[preset as keyof ModelRecord["presets"]];
  const training = { ...defaultTraining, ...chosen.training };
  if (options.epochs !== undefined) [training.epochs, training.steps] = [options.epochs, 0];
  if (options.steps !== undefined) training.steps = options.steps;
  if (options.batch !== undefined) training.batch = options.batch;
  const all = z.strictObject({ ...record.config.shape, ...trainingSettings.shape });
  const resolved = resolveSettings(all, { ...(chosen.config as object), ...training }, options.set ?? []) as Record<string, unknown>;
  const pick = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, resolved[key]]));
  // What several settings must fulfil together is not among the fields: it is asked of the model's own schema.
  const config = resolveSettings(record.config, pick(Object.keys(record.config.shape)), []);
  return { config, training: pick(Object.keys(trainingSettings.shape)) };
}

/** A taken name is told before data are fetched, not after. */
async function requireFree(name: string): Promise<void> {
  const taken = (await listRuns()).some((run) => run.name === name);
  if (!taken) return;
  throw new UsageError({
    what: `There is already a run named "${name}".`,
    hint: `go on with it: atelier train --resume --run ${name}; or choose another name`,
  });
}

async function resumeRun(model: string | undefined, options: TrainOptions, io: Io, onProgress: OnProgress): Promise<PreparedRun> {
  requireResumable(options);
  const run = options.run === undefined ? await latestUnfinished(model) : await openRun(options.run);
  if (model !== undefined && run.record.model !== model) {
    throw new UsageError({
      what: `The run "${run.name}" is of another model.`,
      got: model,
      expected: run.record.model,
      hint: `atelier train --resume --run ${run.name}`,
    });
  }
  const record = findModel(run.record.model);
  const { config, training, data } = run.record;
  const limit = training.limit as number | undefined;
  const name = data?.name ?? record.data.sets[0];
  const texts = { tokenizers: await readTokenizers(run), field: data?.field, targetField: data?.targetField };
  const set = await loadSplit(record, config, name, "train", limit, { onProgress, without: data?.without, ...texts });
  requireSameData(run, name, set);
  const held = await loadSplit(record, config, name, "test", limit, { onProgress, ...texts });
  const backend = await openDevice(run.record.device, io, onProgress);
  if (options.epochs !== undefined || options.steps !== undefined) {
    const { training: longer, note } = await otherLength(run, record, set.count, options);
    if (note !== undefined) io.stderr.write(`note: ${note}\n`);
    await run.update({ training: longer });
  }
  return { run, record, set, held, backend, resume: true };
}

/** Going on is exact only on the very data the run began with. @throws UsageError */
function requireSameData(run: Run, name: string, set: ExampleSet): void {
  if (hasIntegrity(run.record.data?.integrity, name, set)) return;
  throw new UsageError({
    what: `The data of the run "${run.name}" have changed since it began.`,
    where: name,
    hint: "bring the folder back to what it was, or start a new run",
  });
}

async function latestUnfinished(model: string | undefined): Promise<Run> {
  const open = (await listRuns()).filter(
    ({ run, state }) => run !== null && state !== "finished" && (model === undefined || run.record.model === model),
  );
  const last = open.at(-1)?.run;
  if (last) return last;
  throw new UsageError({
    what: "There is no unfinished run to go on with.",
    hint: "name one with --run, or start anew without --resume; atelier runs lists them",
  });
}
