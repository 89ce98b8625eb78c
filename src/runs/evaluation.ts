/** What `atelier evaluate` does: a run's own metrics, and its samples against data where there are features to compare them by. */
import path from "node:path";
import { UsageError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/node/files.ts";
import { type ExampleSet, requireImages } from "../data/dataset.ts";
import { loadText } from "../data/node/text.ts";
import { randomWindows } from "../data/token-set.ts";
import type { Estimates, ModelRecord } from "../models/index.ts";
import { featureAssets } from "../models/node/feature-assets.ts";
import { encodePng } from "../report/png.ts";
import type { Backend } from "../runtime/backend.ts";
import { evaluate } from "../train/evaluate.ts";
import { measureSamples, type SampleReport } from "./distances.ts";
import { estimateFigures } from "./estimates.ts";
import { assetClassifier, featuresFor, openExtractor, type PictureClassifier, runClassifier } from "./features.ts";
import { type LoadedModel, loadModel, loadSplit } from "./load.ts";
import type { featureRanges } from "./onnx-features.ts";
import { measurePoints, type PointReport } from "./point-report.ts";
import { openRun, type Run } from "./registry.ts";
import type { ViewContext } from "./sampling.ts";
import { measureTranslations, type TranslationReport } from "./translate.ts";

export interface EvaluationOptions {
  data?: string | undefined;
  limit?: number | undefined;
  /** Of text: measure on so many windows at random places, the same for each seed, rather than on all of the held-out text. */
  randomWindows?: number | undefined;
  samples: number;
  /** Whether samples are compared with data. */
  distances: boolean;
  /** A name of the library's assets or an ONNX file. Default: the asset of the data, where there is one. */
  features?: string | undefined;
  featureSide?: number | undefined;
  featureRange?: string | undefined;
  /** A run, or a name of the library's assets. Default: the asset of the data, where there is one. */
  classifier?: string | undefined;
  /** Where the picture of nearest neighbours goes. */
  neighbours?: string | undefined;
  /** How many of the samples nearest to training pictures are told one by one, where samples are compared by features. Default none. */
  closest?: number | undefined;
  seed: string;
}

/** What an evaluation uses of its surroundings. */
export interface RunTools {
  onProgress(message: string, seconds?: number): void;
  onWarning(text: string): void;
  openBackend(): Promise<Backend>;
  /** The model under settings that its user wants changed. */
  change(model: LoadedModel): LoadedModel;
  /** How samples are drawn, where it is not by the record's defaults. @throws UsageError for options that the model does not have */
  sampling?(record: ModelRecord): Promise<Readonly<Record<string, unknown>> | undefined>;
}

export interface Evaluation {
  run: Run;
  record: ModelRecord;
  data: string;
  /** The held-out split. */
  set: ExampleSet;
  step: number;
  hash: string;
  /** The model's own metrics. */
  results: Record<string, number>;
  /** Figures of the whole model with their standard errors, where it has any. */
  estimates: Estimates | undefined;
  report: SampleReport | undefined;
  /** Of runs of points: their samples and their density against the data's. */
  points?: PointReport | undefined;
  /** Of runs of pairs: how right what they write is. */
  translations?: TranslationReport | undefined;
  /** Why there is no report, where that may surprise. */
  note: string | undefined;
}

/**
 * Evaluate a run by name or folder.
 * @throws UsageError for options that the run cannot serve; FileError for files that cannot be read
 */
export async function evaluateModel(name: string, options: EvaluationOptions, tools: RunTools): Promise<Evaluation> {
  const run = await openRun(name);
  const { record, config, network, step, hash, tokenizers } = tools.change(await loadModel(run, tools.onWarning));
  const data = options.data ?? run.record.data?.name ?? record.data.sets[0];
  const features = options.distances ? (options.features ?? featuresFor(data)) : undefined;
  const classifier = options.classifier ?? (options.distances ? featuresFor(data) : undefined);
  const sampling = await tools.sampling?.(record);
  const asked = requireServed(record, options, features);
  const { limit, samples, seed } = options;
  const { onProgress, onWarning } = tools;
  const fields = options.data === undefined ? fieldsOf(run) : {};
  const loading = { onProgress, tokenizers, ...fields };
  const set = heldOut(await loadSplit(record, config, data, "test", limit, loading), options);
  const backend = await tools.openBackend();
  const model = { record, config, network, backend };
  const measured = async () => {
    const results = await evaluate({ ...model, set, seed });
    const estimates = await estimateFigures(model, results, { seed, onProgress });
    return { run, record, data, set, step, hash, results, estimates };
  };
  if (set.kind !== "images") {
    if (asked) throw new UsageError({ what: "Features, classifiers and neighbours are of pictures, and these data are not.", where: data });
    const about = { ...(await measured()), report: undefined, note: undefined };
    if (!options.distances) return about;
    return { ...about, ...(await measureOther(model, { set, data, limit, samples, seed, sampling, ...loading })) };
  }
  if (record.sample === undefined || (features === undefined && classifier === undefined)) {
    const missing = record.sample !== undefined && options.distances && !asked;
    const hint = `no features come with ${data}, so samples are not compared with it; --features takes ${assetNames()} or an ONNX file`;
    return { ...(await measured()), report: undefined, note: missing ? hint : undefined };
  }
  // Opened before anything is computed, so that a wrong name is told at once.
  const namer = classifier === undefined ? undefined : await openClassifier(classifier, backend, onWarning);
  const { featureSide: side, featureRange } = options;
  const range = featureRange as keyof typeof featureRanges | undefined;
  const extractor = features === undefined ? undefined : await openExtractor(features, backend, { side, range });
  try {
    const about = await measured();
    const seen = options.data === undefined ? seenBy(run) : {};
    const training = await loadSplit(record, config, data, "train", least(limit, seen.limit), { onProgress, without: seen.without });
    const report = await measureSamples({
      model,
      sampling,
      held: set,
      training: requireImages(training, "Comparing samples by features"),
      samples,
      seed,
      extractor,
      classifier: namer,
      neighbours: options.neighbours !== undefined,
      closest: options.closest,
      onProgress,
    });
    if (options.neighbours !== undefined) await writeNeighbours(options.neighbours, report, about);
    return { ...about, report, note: undefined };
  } finally {
    await extractor?.dispose();
  }
}

/** Which fields of the user's own files a run was trained on. */
function fieldsOf({ record: { data } }: Run): { field?: string | undefined; targetField?: string | undefined } {
  return { field: data?.field, targetField: data?.targetField };
}

interface OtherOptions extends Pick<EvaluationOptions, "limit" | "samples" | "seed">, ReturnType<typeof fieldsOf> {
  set: ExampleSet;
  data: string;
  sampling: Readonly<Record<string, unknown>> | undefined;
  tokenizers: LoadedModel["tokenizers"];
  onProgress: RunTools["onProgress"];
}

/** What is measured of samples that are no pictures: points against points, written texts against right ones. */
async function measureOther(
  model: ViewContext,
  { set, data, limit, samples, seed, sampling, tokenizers, onProgress, ...fields }: OtherOptions,
): Promise<Pick<Evaluation, "points" | "translations">> {
  if (set.kind === "points") {
    const training = await loadSplit(model.record, model.config, data, "train", limit, { onProgress });
    return { points: await measurePoints({ model, held: set, training: training as typeof set, samples, seed, sampling }) };
  }
  if (set.kind !== "pairs" || tokenizers === undefined || model.record.translation === undefined) return {};
  const { documents } = await loadText(data, { split: "test", onProgress, ...fields });
  return { translations: await measureTranslations(model, tokenizers, documents.slice(0, limit), { sampling, onProgress }) };
}

/** The held-out split, or windows at random places of it. @throws UsageError where these are asked of other data than one long text */
function heldOut(set: ExampleSet, { randomWindows: count, seed }: Pick<EvaluationOptions, "randomWindows" | "seed">): ExampleSet {
  if (count === undefined) return set;
  if (set.kind === "tokens") return randomWindows(set, count, seed);
  throw new UsageError({ what: "Random windows are of one long text, and these data are not.", where: set.card.name });
}

/** The picture of the samples nearest to training pictures, as a PNG with its origin. */
async function writeNeighbours(
  file: string,
  report: SampleReport,
  { run, record, hash }: Pick<Evaluation, "run" | "record" | "hash">,
): Promise<void> {
  const notes = { Software: "atelier", run: run.name, model: record.name, checkpoint: hash, view: "nearest training pictures" };
  await writeFileAtomic(path.resolve(file), encodePng(report.neighbours!, notes));
}

/** What part of its data a run has been trained on: memorised is what was seen. */
function seenBy({ record: { training, data } }: Run): { limit?: number | undefined; without?: string | undefined } {
  return { limit: training.limit as number | undefined, without: data?.without };
}

/** The smaller of two limits, either of which may be none. */
function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

function assetNames(): string {
  return Object.keys(featureAssets()).join(", ");
}

/** Whether something was asked for that needs samples. @throws UsageError where the run cannot serve it */
function requireServed(record: ModelRecord, options: EvaluationOptions, features: string | undefined): boolean {
  const asked = (["features", "classifier", "neighbours"] as const).filter((key) => options[key] !== undefined);
  if (asked.length > 0 && record.sample === undefined) {
    throw new UsageError({
      what: `The model "${record.name}" makes no samples to measure.`,
      got: asked.map((key) => `--${key}`).join(", "),
      hint: "leave these out for the model's own metrics",
    });
  }
  if (options.neighbours !== undefined && features === undefined) {
    throw new UsageError({
      what: "Nearest neighbours are found by features, and none are known for these data.",
      hint: `name some: --features ${assetNames()}, or an ONNX file`,
    });
  }
  return asked.length > 0;
}

/** A name of the library's assets, else a run. */
async function openClassifier(name: string, backend: Backend, onWarning: (text: string) => void): Promise<PictureClassifier> {
  if (Object.hasOwn(featureAssets(), name)) return assetClassifier(name, backend);
  return runClassifier(name, await loadModel(await openRun(name), onWarning), backend);
}
