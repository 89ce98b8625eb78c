import { type ExampleSet, type ImageSet, isPoint, requireImages, type Split } from "../data/dataset.ts";
import { isText } from "../data/token-set.ts";
import type { LoadedModel } from "../runs/load.ts";
import type { Run } from "../runs/registry.ts";
import type { Backend } from "../runtime/backend.ts";
import { showActivity } from "./activity.ts";
import { requireAble, worksWithPictures } from "./cannot.ts";
import { checkDevice } from "./options.ts";
import type { Io } from "./verb.ts";

/** A trained run that a verb works with: its model on a device, and its data. */
export interface OpenedRun {
  run: Run;
  model: LoadedModel;
  backend: Backend;
  /** A split of the run's data at the model's shape. @throws UsageError where they are points */
  load(split: Split, limit?: number): Promise<ImageSet>;
  /** The same of data of either kind. */
  loadAny(split: Split, limit?: number): Promise<ExampleSet>;
  /** Tell the user something that is no error. */
  note(text: string): void;
}

/**
 * Open a run for a verb.
 * @param needed the verb of pictures whose needs the model must meet
 * @throws UsageError for an unknown run or device, or a model that cannot do what is asked
 */
export async function openModel(name: string, options: { device: string }, io: Io, json: boolean, needed?: string): Promise<OpenedRun> {
  checkDevice(options.device);
  const { openRun } = await import("../runs/registry.ts");
  const { loadModel, loadSplit } = await import("../runs/load.ts");
  const { openDevice } = await import("./device.ts");
  const run = await openRun(name);
  const model = await loadModel(run, (text) => io.stderr.write(`warning: ${text}\n`));
  const { record, config } = model;
  if (needed !== undefined) {
    if (isText(record.data.shape(config))) throw worksWithPictures(record, needed, "text");
    requireAble(record, needed);
    if (isPoint(record.data.shape(config))) throw worksWithPictures(record, needed, "points");
  }
  const activity = showActivity(io, json);
  const backend = await openDevice(options.device, io, activity.onProgress).finally(activity.end);
  const loadAny = (split: Split, limit?: number) => {
    const reading = showActivity(io, json);
    const data = run.record.data?.name ?? record.data.sets[0];
    const { field, targetField } = run.record.data ?? {};
    const options = { onProgress: reading.onProgress, tokenizers: model.tokenizers, field, targetField };
    return loadSplit(record, config, data, split, limit, options).finally(reading.end);
  };
  const load = async (split: Split, limit?: number) => requireImages(await loadAny(split, limit), "This");
  return { run, model, backend, load, loadAny, note: (text) => io.stderr.write(`note: ${text}\n`) };
}

/** What a picture says of the run it comes from. */
export function pngAbout({ run, model }: { run: Pick<Run, "name">; model: LoadedModel }): Record<string, string> {
  return { Software: "atelier", run: run.name, model: model.record.name, checkpoint: model.hash, step: String(model.step) };
}
