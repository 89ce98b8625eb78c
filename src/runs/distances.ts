/** How far a model's samples are from its data: distances, coverage, memorisation, and whether samples show what they were asked to. */
import { UsageError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import { conditionNames, type ImageSet } from "../data/dataset.ts";
import {
  type Coverage,
  coverage,
  densityCoverage,
  deviceNeighbours,
  type FeatureSet,
  frechetDistance,
  kernelDistance,
  kernelSums,
  type LabelAccuracy,
  labelAccuracy,
  type Memorisation,
  memorisation,
  precisionRecall,
  selectFeatures,
} from "../metrics/index.ts";
import { imagePairs } from "../report/grid.ts";
import type { Raster } from "../report/png.ts";
import { drawPictures } from "./drawn.ts";
import type { FeatureExtractor, PictureClassifier } from "./features.ts";
import type { ViewContext } from "./sampling.ts";

/** A measure of the samples, beside the same measure of real pictures in their place. */
export interface Measure {
  value: number;
  /** Standard error; absent where none is known. */
  error?: number | undefined;
  /** What as many training pictures give (for memorisation: held-out ones). */
  real: number;
}

/** What is measured by features, by name. */
export const measureInfo = {
  fd: "Fréchet distance to the held-out pictures; lower is better",
  kd: "kernel distance to the held-out pictures, unbiased; lower is better, 0 is perfect",
  precision: "share of samples that look like data (3 neighbours)",
  recall: "share of the data that samples reach (3 neighbours)",
  density: "how often samples lie where data are dense (5 neighbours); about 1 for data",
  coverage: "share of held-out pictures with a sample nearby (5 neighbours)",
  memorised: "share of samples nearer to a training picture than its nearest other; beside held-out pictures' own share",
} as const;

export type MeasureName = keyof typeof measureInfo;

/** Samples against data. */
export interface SampleReport {
  /** Samples drawn. */
  samples: number;
  /** Pictures that they are compared with. */
  reference: { heldOut: number; training: number };
  /** Whose features; absent where nothing was measured by features. */
  features?: string;
  measures?: Record<MeasureName, Measure>;
  /** What each measure means. */
  info: typeof measureInfo;
  /** What a classifier finds among the samples. */
  found?: Found;
  /** Samples above their nearest training pictures, the nearest pairs first. */
  neighbours?: Raster;
}

/** What a classifier finds among samples. */
export interface Found {
  classifier: string;
  /** What it tells apart, where that is known; else it is what the data are sorted by. */
  names?: readonly string[] | undefined;
  /** How many of each class; absent where pictures have attributes instead. */
  classes?: Coverage | undefined;
  /** Whether conditional samples show what they were asked to. */
  labels?: LabelAccuracy | undefined;
}

export interface SampleReportOptions {
  model: ViewContext;
  /** The held-out split and the training split, both at the model's shape. */
  held: ImageSet;
  training: ImageSet;
  samples: number;
  seed: number | string;
  /** What of the model's sampling options is not the default. */
  sampling?: Readonly<Record<string, unknown>> | undefined;
  extractor?: FeatureExtractor | undefined;
  classifier?: PictureClassifier | undefined;
  /** Whether the picture of nearest neighbours is wanted. */
  neighbours?: boolean;
  onProgress?: ((message: string, seconds?: number) => void) | undefined;
}

/**
 * Draw samples and measure them.
 * @throws UsageError when the model cannot sample, or there are too few pictures for a measure
 */
export async function measureSamples(options: SampleReportOptions): Promise<SampleReport> {
  const { model, held, training, samples, seed, sampling, extractor, classifier, onProgress } = options;
  if (model.record.sample === undefined)
    throw new UsageError({
      what: `The model "${model.record.name}" makes no samples to measure.`,
      hint: "leave --samples, --features and --classifier out",
    });
  if (extractor !== undefined) requireEnough(samples, held.count, training.count);
  const { set, conditions } = await drawPictures(model, held, samples, { seed, sampling, onProgress });
  const report: SampleReport = { samples, reference: { heldOut: held.count, training: training.count }, info: measureInfo };
  if (classifier !== undefined) {
    onProgress?.("naming samples");
    report.found = await nameSamples(classifier, set, conditions, held);
  }
  if (extractor === undefined) return report;
  onProgress?.("taking features");
  const features = {
    samples: await extractor.features(set),
    held: await extractor.features(held),
    training: await extractor.features(training),
  };
  onProgress?.("measuring distances");
  const { measures, copies } = await measureFeatures(features, model);
  report.features = extractor.label;
  report.measures = measures;
  if (options.neighbours) report.neighbours = neighbourPairs(set, training, copies);
  return report;
}

/** Balls reach to the fifth neighbour, so six pictures are the least that have any. @throws UsageError */
function requireEnough(samples: number, held: number, training: number): void {
  if (Math.min(samples, held, training) >= 6) return;
  throw new UsageError({
    what: "There are too few pictures to measure samples by.",
    got: `${samples} samples, ${held} held-out and ${training} training pictures`,
    expected: "at least 6 of each",
    hint: "more --samples, no or a larger --limit, or --no-distances",
  });
}

interface Features {
  samples: FeatureSet;
  held: FeatureSet;
  training: FeatureSet;
}

/** Beyond this many features a jackknife of the Fréchet distance takes minutes. */
const MOST_JACKKNIFED = 512;

async function measureFeatures({ samples, held, training }: Features, { backend }: ViewContext) {
  // Balls are compared at equal numbers, distances to the held-out pictures at equal numbers of samples and real pictures; a set may be sorted by class, so
  // its part is drawn.
  const number = Math.min(samples.count, held.count, training.count);
  const some = (set: FeatureSet, name: string, most = number) => selectFeatures(set, chosen(set.count, Math.min(set.count, most), name));
  const real = some(training, "training pictures", samples.count);
  const balls = { held: some(held, "held-out pictures"), samples: some(samples, "samples"), real: some(training, "training pictures") };
  const fd = frechetDistance(held, samples, held.size > MOST_JACKKNIFED ? 0 : 20);
  const within = kernelSums(held);
  const kd = kernelDistance(held, samples, within);
  const like = { ...precisionRecall(balls.held, balls.samples), ...densityCoverage(balls.held, balls.samples) };
  const likeReal = { ...precisionRecall(balls.held, balls.real), ...densityCoverage(balls.held, balls.real) };
  const find = deviceNeighbours(backend);
  const copies = await memorisation(samples, training, find);
  const copiesOfHeld = await memorisation(balls.held, training, find);
  const share = (name: keyof typeof like): Measure => ({ value: like[name], real: likeReal[name] });
  const measures: Record<MeasureName, Measure> = {
    fd: { value: fd.distance, error: Number.isNaN(fd.error) ? undefined : fd.error, real: frechetDistance(held, real, 0).distance },
    kd: { ...kd, real: kernelDistance(held, real, within).value },
    precision: share("precision"),
    recall: share("recall"),
    density: share("density"),
    coverage: share("coverage"),
    memorised: { value: copies.share, error: copies.error, real: copiesOfHeld.share },
  };
  return { measures, copies };
}

/** Some of `count` rows, the same each time. */
function chosen(count: number, number: number, name: string): Uint32Array {
  const order = new RandomStream(0, name).shuffle(Uint32Array.from({ length: count }, (_, i) => i));
  return order.subarray(0, number);
}

/** @throws UsageError where the classifier tells other things apart than the model was asked to show */
async function nameSamples(
  classifier: PictureClassifier,
  set: ImageSet,
  conditions: Float32Array | undefined,
  held: ImageSet,
): Promise<Found> {
  const { label, names } = classifier;
  const scores = await classifier.scores(set);
  const outputs = scores.length / set.count;
  const classes = held.attributes === undefined;
  const wanted = conditionNames(held);
  if (conditions !== undefined && (outputs !== wanted.length || (names !== undefined && names.join() !== wanted.join()))) {
    throw new UsageError({
      what: "The classifier tells other things apart than the samples were asked to show.",
      got: names?.join(", ") ?? `${outputs} classes`,
      expected: wanted.join(", "),
      hint: "name one that was trained on the run's data",
    });
  }
  return {
    classifier: label,
    names,
    classes: classes ? coverage(scores, outputs) : undefined,
    labels: conditions && labelAccuracy(scores, conditions, outputs, classes ? "classes" : "attributes"),
  };
}

/** Pairs in the picture of neighbours. */
const PAIRS = 20;

function neighbourPairs(samples: ImageSet, training: ImageSet, { nearest }: Memorisation): Raster {
  const order = Array.from({ length: samples.count }, (_, i) => i).sort((a, b) => nearest.distances[a] - nearest.distances[b]);
  const shown = order.slice(0, PAIRS);
  const shape = [shown.length, ...samples.shape] as const;
  const collect = (set: ImageSet, rows: readonly number[]) => {
    const size = set.images.length / set.count;
    const data = new Uint8Array(rows.length * size);
    for (const [i, row] of rows.entries()) data.set(set.images.subarray(row * size, (row + 1) * size), i * size);
    return { data, shape };
  };
  const theirs = shown.map((row) => nearest.indices[row]);
  return imagePairs(collect(samples, shown), collect(training, theirs), { columns: 10, scale: Math.max(1, Math.round(64 / shape[2])) });
}
