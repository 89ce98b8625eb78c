/** Points that a model draws, and its density where it knows it, against data whose density is known. */
import type { PlaneDensity, PointSet } from "../data/points.ts";
import { type Estimate, type ModeCoverage, meanEstimate, modeCoverage, pointDiscrepancy } from "../metrics/index.ts";
import { modelLogDensity, pointConditions } from "./points.ts";
import { drawPoints, type ViewContext } from "./sampling.ts";

/** What is measured, by name. */
export const pointMeasureInfo = {
  nll: "-log p of held-out points under the model, nats; beside it under the data's own density, which no model beats",
  kl: "mean of log p(data) - log p(model) over held-out points, nats: the Kullback-Leibler divergence of the model from the data; 0 is perfect",
  crossEntropy: "-log p of samples under the data's density, nats: above the real figure where samples stray",
  dense: "share of samples where the data are denser than at the emptiest hundredth of held-out points",
  mmd: "squared maximum mean discrepancy to held-out points, unbiased; 0 is perfect",
  inModes: "share of samples that belong to a mode",
} as const;

export type PointMeasureName = keyof typeof pointMeasureInfo;

/** A measure of the model, beside the same measure of the data themselves. */
export interface PointMeasure {
  value: number;
  error?: number | undefined;
  real: number;
}

export interface PointReport {
  /** Samples drawn; 0 for models that make none. */
  samples: number;
  heldOut: number;
  measures: Partial<Record<PointMeasureName, PointMeasure>>;
  modes?: ModeCoverage | undefined;
  /** What each measure means. */
  info: typeof pointMeasureInfo;
}

export interface PointReportOptions {
  model: ViewContext;
  held: PointSet;
  /** Stands for a perfect model where `real` is reported. */
  training: PointSet;
  samples: number;
  seed: number | string;
  /** What of the model's sampling options is not the default. */
  sampling?: Readonly<Record<string, unknown>> | undefined;
}

/** Most points of each kind whose pairs are compared. */
const PAIRED = 2000;

/** Draw samples and measure them, and the model's density of held-out points. */
export async function measurePoints({ model, held, training, samples, seed, sampling }: PointReportOptions): Promise<PointReport> {
  const { record } = model;
  const report: PointReport = { samples: 0, heldOut: held.count, measures: {}, info: pointMeasureInfo };
  if (record.logDensity !== undefined) Object.assign(report.measures, await likelihood(model, held));
  if (record.sample === undefined) return report;
  report.samples = samples;
  const { data } = await drawPoints(model, samples, `${seed}/evaluation`, { conditions: pointConditions(model, held, samples), sampling });
  const reference = held.points.subarray(0, 2 * PAIRED);
  const mmd = pointDiscrepancy(reference, data.subarray(0, 2 * PAIRED));
  report.measures.mmd = { ...mmd, real: pointDiscrepancy(reference, training.points.subarray(0, 2 * PAIRED)).value };
  const { density } = held;
  if (density === undefined) return report;
  Object.assign(report.measures, underTruth(density, data, training.points, held.points));
  if (density.modes !== undefined) {
    report.modes = modeCoverage(data, density.modes);
    report.measures.inModes = { value: report.modes.inModes, real: modeCoverage(training.points, density.modes).inModes };
  }
  return report;
}

/** Of points [N, 2], [N] in nats. */
function logDensities({ logDensity }: PlaneDensity, points: Float32Array): Float64Array {
  return Float64Array.from({ length: points.length / 2 }, (_, i) => logDensity(points[2 * i], points[2 * i + 1]));
}

async function likelihood(model: ViewContext, held: PointSet): Promise<Partial<Record<PointMeasureName, PointMeasure>>> {
  const width = held.classes?.length ?? 0;
  const conditions =
    model.record.data.conditions === undefined
      ? undefined
      : Float32Array.from({ length: held.count * width }, (_, i) => Number(held.labels![Math.floor(i / width)] === i % width));
  const own = await modelLogDensity(model, held.points, conditions);
  const nll = meanEstimate(own.map((log) => -log));
  // What a model says of points whose class it is told is no density of the points alone.
  if (held.density === undefined || conditions !== undefined) return { nll: { ...nll, real: Number.NaN } };
  const truth = logDensities(held.density, held.points);
  const kl: Estimate = meanEstimate(truth.map((log, i) => log - own[i]));
  return { nll: { ...nll, real: meanEstimate(truth.map((log) => -log)).value }, kl: { ...kl, real: 0 } };
}

function underTruth(density: PlaneDensity, samples: Float32Array, training: Float32Array, held: Float32Array) {
  const sorted = logDensities(density, held).sort();
  const least = sorted[Math.floor(sorted.length / 100)];
  const [drawn, real] = [logDensities(density, samples), logDensities(density, training)];
  const dense = (logs: Float64Array) => meanEstimate(logs.map((log) => (log >= least ? 1 : 0)));
  const measures: Partial<Record<PointMeasureName, PointMeasure>> = { dense: { ...dense(drawn), real: dense(real).value } };
  // Where the data have an edge, one sample beyond it is infinitely unlikely: the share above says more.
  if (drawn.every(Number.isFinite))
    measures.crossEntropy = { ...meanEstimate(drawn.map((log) => -log)), real: meanEstimate(real.map((log) => -log)).value };
  return measures;
}
