/** Figures of an evaluation with what each means, as the page shows them and as they are kept. */
import type { Estimates, MetricInfo, ModelRecord } from "../../models/index.ts";
import type { Found, MeasureName, SampleReport } from "../../runs/distances.ts";
import type { PointMeasureName, PointReport } from "../../runs/point-report.ts";
import type { TranslationReport } from "../../runs/translate.ts";
import type { Figure, FoundBy } from "../evaluation.ts";

/** JSON knows no NaN and no infinity. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function figure(name: string, value: number, info: Pick<MetricInfo, "unit" | "about"> & Partial<MetricInfo>): Figure {
  return { name, value: finite(value), unit: info.unit, better: info.better, about: info.about };
}

/** A model's own metrics; those that its record does not explain come without a meaning. */
export function metricFigures({ metricInfo }: Pick<ModelRecord, "metricInfo">, results: Readonly<Record<string, number>>): Figure[] {
  return Object.entries(results).map(([name, value]) => figure(name, value, metricInfo[name] ?? { unit: "", about: "" }));
}

/** Figures of the whole model. */
export function estimateFigures({ estimateInfo }: Pick<ModelRecord, "estimateInfo">, estimates: Estimates | undefined): Figure[] {
  return Object.entries(estimates ?? {}).map(([name, { value, error }]) => ({
    ...figure(name, value, estimateInfo?.[name] ?? { unit: "", about: "" }),
    error,
  }));
}

/** Units of measures, and which way is better; those that should be near the real figure have none. */
const measureSense: Readonly<Record<MeasureName, { unit: string; better?: "lower" | "higher" }>> = {
  fd: { unit: "squared feature distance", better: "lower" },
  kd: { unit: "squared feature distance", better: "lower" },
  precision: { unit: "share", better: "higher" },
  recall: { unit: "share", better: "higher" },
  density: { unit: "ratio" },
  coverage: { unit: "share", better: "higher" },
  memorised: { unit: "share" },
};

/** A measure of samples as it is kept: of a report, or of a leaderboard's row. @param info what each measure means */
export function measureFigure(
  name: string,
  { value, error, real }: { value: number; error?: number | undefined; real: number },
  info: Readonly<Record<string, string>>,
): Figure {
  const sense = Object.hasOwn(measureSense, name) ? measureSense[name as MeasureName] : { unit: "" };
  return { ...sense, name, value: finite(value), error, real: Number.isFinite(real) ? real : undefined, about: info[name] ?? "" };
}

/** Samples against data by features. */
export function measureFigures(report: SampleReport | undefined): Figure[] {
  if (report?.measures === undefined) return [];
  return Object.entries(report.measures).map(([name, measure]) => measureFigure(name, measure, report.info));
}

const pointSense: Readonly<Record<PointMeasureName, { unit: string; better?: "lower" | "higher" }>> = {
  nll: { unit: "nats", better: "lower" },
  kl: { unit: "nats", better: "lower" },
  crossEntropy: { unit: "nats", better: "lower" },
  dense: { unit: "share" },
  mmd: { unit: "", better: "lower" },
  inModes: { unit: "share" },
};

/** Points against points. */
export function pointFigures(report: PointReport | undefined): Figure[] {
  return Object.entries(report?.measures ?? {}).map(([name, measure]) => ({
    ...measureFigure(name, measure, report!.info),
    ...pointSense[name as PointMeasureName],
  }));
}

const translationSense = {
  exact: { unit: "share", better: "higher", about: "share of what is written that equals a right target" },
  errorRate: {
    unit: "share",
    better: "lower",
    about: "insertions, deletions and substitutions per word (or sound) of the nearest right target",
  },
  bleu: { unit: "0 to 100", better: "higher", about: "as sacreBLEU, any right target" },
  chrf: { unit: "0 to 100", better: "higher", about: "as sacreBLEU" },
} as const;

/** What is written for held-out sources, greedily and by beam search. */
export function translationFigures(report: TranslationReport | undefined): Figure[] {
  if (report === undefined) return [];
  const names = Object.keys(translationSense) as (keyof typeof translationSense)[];
  return (["greedy", "beam"] as const).flatMap((way) =>
    names.map((name) => ({ ...figure(`${name}, ${way}`, report[way][name], translationSense[name]) })),
  );
}

/** What a classifier finds among samples. @param known what the data are sorted by */
export function foundBy({ classifier, names, classes, labels, attributes }: Found, known: readonly string[]): FoundBy {
  const called = (k: number) => names?.[k] ?? known[k] ?? String(k);
  const right = (k: number) => (labels === undefined || !Number.isFinite(labels.each[k]) ? {} : { right: labels.each[k] });
  const rows =
    classes !== undefined
      ? classes.counts.map((count, k) => ({ name: called(k), count, ...right(k) }))
      : attributes !== undefined
        ? attributes.samples.map((share, k) => ({ name: called(k), share, held: attributes.held[k], ...right(k) }))
        : (labels?.each ?? []).map((_, k) => ({ name: called(k), ...right(k) }));
  return { classifier, rows, covered: classes?.covered, confidence: classes?.confidence };
}
