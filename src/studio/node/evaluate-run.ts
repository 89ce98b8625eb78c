// What a child process does for an evaluation: what `atelier evaluate` does, kept in the run's folder.
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { writeFileAtomic } from "../../core/node/files.ts";
import { examplesNoun } from "../../data/dataset.ts";
import type { ModelRecord } from "../../models/index.ts";
import { type Evaluation, evaluateModel } from "../../runs/evaluation.ts";
import { openDevice } from "../../runtime/node/device.ts";
import type { EvaluationOrder, EvaluationReport } from "../evaluation.ts";
import type { Surroundings } from "./child-main.ts";
import { evaluationFiles } from "./evaluations.ts";
import { estimateFigures, foundBy, measureFigures, metricFigures, pointFigures, translationFigures } from "./figures.ts";
import { atlasPng } from "./look-pictures.ts";

/** Samples that are shown beside their nearest training pictures. */
const CLOSEST = 24;

/** Evaluate a run and keep what was found in its folder: all of it, or nothing. @throws as `evaluateModel` */
export async function evaluateRun(
  { run, folder, order }: { run: string; folder: string; order: EvaluationOrder },
  { onProgress, signal }: Surroundings,
): Promise<EvaluationReport> {
  const began = performance.now();
  const warnings: string[] = [];
  const found = await evaluateModel(
    run,
    { ...order, closest: CLOSEST },
    {
      onProgress: (message) => {
        signal.throwIfAborted();
        onProgress(message);
      },
      onWarning: (text) => warnings.push(text),
      openBackend: () => openDevice("cpu", { onProgress: (message) => onProgress(message) }),
      change: (model) => model,
    },
  );
  signal.throwIfAborted();
  const report = reportOf(found, order, (performance.now() - began) / 1000, warnings);
  const files = evaluationFiles(folder, report.id);
  await mkdir(path.dirname(files.report), { recursive: true });
  const { closest } = found.report ?? {};
  // The picture first: a report without its picture would be half.
  if (closest !== undefined) {
    const { data, shape } = closest.pictures;
    await writeFileAtomic(files.pictures, atlasPng(data, [shape[1], shape[2], shape[3]], report.closest!.columns));
  }
  await writeFileAtomic(files.report, `${JSON.stringify(report, null, 2)}\n`);
  return report;
}

function reportOf(found: Evaluation, order: EvaluationOrder, seconds: number, warnings: readonly string[]): EvaluationReport {
  const { run, record, data, set, step, hash, results, estimates, report, points, translations, note } = found;
  const created = new Date().toISOString();
  const labels = report?.found?.labels;
  return {
    format: 1,
    id: created.replace(/[-:]|\.\d+/g, ""),
    created,
    ...{ run: run.name, model: record.name, step, checkpoint: hash, data, order },
    ...{ count: set.count, noun: examplesNoun(set), seconds: Math.round(seconds * 10) / 10 },
    metrics: metricFigures(record, results),
    estimates: estimateFigures(record, estimates),
    measures: [...measureFigures(report), ...pointFigures(points), ...translationFigures(translations)],
    features: report?.features,
    samples: report?.samples ?? points?.samples ?? 0,
    reference: report?.reference,
    labelAccuracy: labels && { accuracy: labels.accuracy, error: labels.error },
    found: report?.found && foundBy(report.found, set.attributes?.names ?? set.classes ?? []),
    closest: closestOf(found),
    modes: points?.modes && { hit: points.modes.hit, count: points.modes.count, each: [...points.modes.each] },
    note: [note, ...warnings].filter((text) => text !== undefined).join("; ") || undefined,
  };
}

function closestOf({ report }: Pick<Evaluation, "report"> & { record: ModelRecord }): EvaluationReport["closest"] {
  const closest = report?.closest;
  if (closest === undefined) return undefined;
  const { samples, flagged, heldQuantiles, pictures } = closest;
  const [count, , height, width] = pictures.shape;
  return { pairs: samples, flagged, heldQuantiles, width, height, columns: count / Math.max(1, samples.length) };
}
