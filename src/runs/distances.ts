/** How far a model's samples are from its data: distances, coverage, memorisation, and whether samples show what they were asked to. */
import { UsageError } from "../core/errors.ts";
import { conditionNames, type ImageSet } from "../data/dataset.ts";
import { type Coverage, coverage, type LabelAccuracy, labelAccuracy, type Memorisation } from "../metrics/index.ts";
import { imagePairs } from "../report/grid.ts";
import type { Raster } from "../report/png.ts";
import { type Closest, findClosest } from "./closest.ts";
import { drawPictures } from "./drawn.ts";
import type { FeatureExtractor, PictureClassifier } from "./features.ts";
import { type Measure, type MeasureName, measureAgainst, measureInfo, openReference } from "./measures.ts";
import type { ViewContext } from "./sampling.ts";

export type { Closest, ClosestSample } from "./closest.ts";
export { type Measure, type MeasureName, measureInfo } from "./measures.ts";

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
  /** The samples that lie nearest to training pictures. */
  closest?: Closest;
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
  /** [K], shares of the samples with each attribute, for samples that nothing was asked of; and of the held-out pictures, as the same classifier sees them. */
  attributes?: { samples: number[]; held: number[] } | undefined;
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
  /** How many of the samples nearest to training pictures are told one by one. Default none. */
  closest?: number | undefined;
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
  const features = await extractor.features(set);
  const [ofHeld, ofTraining] = [await extractor.features(held), await extractor.features(training)];
  onProgress?.("measuring distances");
  const reference = await openReference(ofHeld, ofTraining, samples, model.backend);
  const { measures, copies } = await measureAgainst(reference, features, model.backend);
  report.features = extractor.label;
  report.measures = measures;
  if (options.neighbours) report.neighbours = neighbourPairs(set, training, copies);
  if (options.closest) {
    report.closest = findClosest(
      { set, features },
      { set: training, features: ofTraining },
      copies,
      reference.heldDistances,
      options.closest,
    );
  }
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
  const shares = !classes && conditions === undefined;
  return {
    classifier: label,
    names,
    attributes: shares ? { samples: sharesOf(scores, outputs), held: sharesOf(await classifier.scores(held), outputs) } : undefined,
    classes: classes ? coverage(scores, outputs) : undefined,
    labels: conditions && labelAccuracy(scores, conditions, outputs, classes ? "classes" : "attributes"),
  };
}

/** The share of pictures that have each attribute: scores [N, K] above 0. */
function sharesOf(scores: Float32Array, outputs: number): number[] {
  const count = scores.length / outputs;
  const shares = new Array<number>(outputs).fill(0);
  for (let i = 0; i < scores.length; i++) if (scores[i] > 0) shares[i % outputs] += 1 / count;
  return shares;
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
