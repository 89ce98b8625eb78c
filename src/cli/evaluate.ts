import type { Command } from "commander";
import type { Estimates, ModelRecord } from "../models/index.ts";
import type { SampleReport } from "../runs/distances.ts";
import type { RunTools } from "../runs/evaluation.ts";
import type { PointMeasureName, PointReport } from "../runs/point-report.ts";
import type { TranslationReport } from "../runs/translate.ts";
import { showActivity } from "./activity.ts";
import { formatNumber, tableText } from "./format.ts";
import { checkDevice, repeated, wholeNumber } from "./options.ts";
import { addSamplingOption, readSampling } from "./sampling-options.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface EvaluateOptions {
  data?: string;
  set?: string[];
  limit?: number;
  randomWindows?: number;
  samples: number;
  distances: boolean;
  features?: string;
  featureSide?: number;
  featureRange?: string;
  classifier?: string;
  neighbours?: string;
  sampling?: string[];
  seed: string;
  device: string;
}

export const verb: Verb = {
  name: "evaluate",
  summary: "Measure a trained run on held-out data, and its samples against them",
  register(program, io) {
    const command = addCommand(program, "evaluate", verb.summary)
      .argument("<run>", "a run's name or folder")
      .option("--data <name|folder>", "other data than the run's own")
      .option("--set <key=value>", "change a setting that the metrics read, such as importanceSamples; may be repeated", repeated)
      .option("--limit <n>", "use only the first n examples of each split", wholeNumber(1))
      .option("--random-windows <n>", "of text: so many windows at random places, not all of the held-out text", wholeNumber(1))
      .option("--samples <n>", "pictures drawn to be compared with data", wholeNumber(1, 100_000), 2000)
      .option("--no-distances", "only the model's own metrics")
      .option("--features <name|file>", "what to compare pictures by: a data set that features come with, or an ONNX file")
      .option("--feature-side <pixels>", "size that an ONNX file takes, where it says none (default: 299)", wholeNumber(8))
      .option("--feature-range <name>", "values that an ONNX file takes: unit, symmetric, bytes or imagenet (default: symmetric)")
      .option("--classifier <run|name>", "what names the samples: a trained classifier's run, or a data set that features come with")
      .option("--neighbours <file>", "write the samples nearest to training pictures, above these, as a PNG")
      .option("--seed <seed>", "of the metrics' own draws, and of the samples", "0")
      .option("--device <name>", "cpu, webgpu, cuda, coreml or dml", "cpu");
    addSamplingOption(command).action((run: string, options: EvaluateOptions, self: Command) =>
      evaluateRun(run, options, io, wantsJson(self)),
    );
  },
};

async function evaluateRun(name: string, options: EvaluateOptions, io: Io, json: boolean): Promise<void> {
  checkDevice(options.device);
  const { evaluateModel } = await import("../runs/evaluation.ts");
  const { withSettings } = await import("./changed-settings.ts");
  const { openDevice } = await import("./device.ts");
  const { examplesNoun } = await import("../data/dataset.ts");
  const activity = showActivity(io, json);
  const tools: RunTools = {
    onProgress: activity.onProgress,
    onWarning: (text) => io.stderr.write(`warning: ${text}\n`),
    openBackend: () => openDevice(options.device, io, activity.onProgress),
    change: (model) => withSettings(model, options.set ?? []),
    sampling: (record) => readSampling(record, options.sampling),
  };
  const { sampling: _sampling, ...evaluation } = options;
  const told = await evaluateModel(name, evaluation, tools).finally(activity.end);
  const { run, record, data, set, step, hash, results, estimates, report, points, translations, note } = told;
  const { neighbours: _neighbours, info: _info, ...samples } = report ?? {};
  if (json) {
    const figures = estimates === undefined ? { results } : { results, estimates };
    const about = { run: run.name, data, [examplesNoun(set)]: set.count, step, checkpoint: hash, ...figures };
    if (translations !== undefined) return printJson(io, { ...about, translations });
    const { info: _meaning, ...drawn } = points ?? {};
    printJson(io, points !== undefined ? { ...about, samples: drawn } : report === undefined ? about : { ...about, samples });
    return;
  }
  const rows = Object.entries(results).map(([metric, value]) => [
    metric,
    formatNumber(value),
    record.metricInfo[metric]?.unit ?? "",
    record.metricInfo[metric]?.about ?? "",
  ]);
  io.stdout.write(`${run.name}, step ${step}, on ${set.count} held-out ${examplesNoun(set)} of ${data}\n`);
  io.stdout.write(tableText(["metric", "value", "unit", "meaning"], rows));
  if (estimates !== undefined) tellEstimates(io, record, estimates);
  if (note !== undefined) io.stderr.write(`note: ${note}\n`);
  if (report !== undefined) tellSamples(io, report, set.attributes?.names ?? set.classes ?? []);
  if (points !== undefined) tellPoints(io, points);
  if (translations !== undefined) tellTranslations(io, translations);
  if (options.neighbours !== undefined) io.stdout.write(`${options.neighbours}\n`);
}

/** Figures of the whole model, each with its standard error. */
function tellEstimates(io: Io, { estimateInfo }: ModelRecord, estimates: Estimates): void {
  const rows = Object.entries(estimates).map(([name, { value, error }]) => [
    name,
    formatNumber(value),
    error === 0 ? "exact" : `± ${formatNumber(error)}`,
    estimateInfo?.[name]?.unit ?? "",
    estimateInfo?.[name]?.about ?? "",
  ]);
  io.stdout.write(`\n${tableText(["estimate", "value", "error", "unit", "meaning"], rows)}`);
}

function tellSamples(io: Io, { samples, reference, features, measures, info, found }: SampleReport, known: readonly string[]): void {
  if (measures !== undefined) {
    const rows = Object.entries(measures).map(([measure, { value, error, real }]) => [
      measure,
      formatNumber(value),
      error === undefined ? "" : `± ${formatNumber(error)}`,
      formatNumber(real),
      info[measure as keyof typeof info],
    ]);
    io.stdout.write(
      `\n${samples} samples on ${features} features, against ${reference.heldOut} held-out and ${reference.training} training pictures\n`,
    );
    io.stdout.write(tableText(["measure", "samples", "error", "real", "meaning"], rows));
  }
  const { classes, labels, attributes, classifier, names = known } = found ?? {};
  if (classes !== undefined) {
    io.stdout.write(
      `\n${classifier} finds ${classes.covered} of ${classes.counts.length} classes (at least 1 % each), mean confidence ${formatNumber(classes.confidence)}\n`,
    );
    io.stdout.write(`samples per class: ${classes.counts.map((count, k) => `${names[k] ?? k} ${count}`).join(", ")}\n`);
  }
  if (attributes !== undefined) {
    const each = attributes.samples.map((share, k) => `${names[k] ?? k} ${percent(share)} (${percent(attributes.held[k])})`);
    io.stdout.write(`\n${classifier} finds among the samples (among held-out pictures): ${each.join(", ")}\n`);
  }
  if (labels === undefined) return;
  io.stdout.write(`\n${classifier} tells ${percent(labels.accuracy)} ± ${percent(labels.error)} of the samples as they were asked for\n`);
  io.stdout.write(`each: ${labels.each.map((share, k) => `${names[k] ?? k} ${percent(share)}`).join(", ")}\n`);
}

function tellPoints(io: Io, { samples, measures, modes, info }: PointReport): void {
  const rows = Object.entries(measures).map(([measure, { value, error, real }]) => [
    measure,
    formatNumber(value),
    error === undefined ? "" : `± ${formatNumber(error)}`,
    Number.isNaN(real) ? "" : formatNumber(real),
    info[measure as PointMeasureName],
  ]);
  io.stdout.write(`\n${samples} samples; "real" is the same of the data\n`);
  io.stdout.write(tableText(["measure", "model", "error", "real", "meaning"], rows));
  if (modes !== undefined) io.stdout.write(`${modes.hit} of ${modes.count} modes hit; samples in each: ${modes.each.join(", ")}\n`);
}

function tellTranslations(io: Io, { sources, greedy, beam, signature }: TranslationReport): void {
  const rows = (["exact", "errorRate", "bleu", "chrf"] as const).map((name) => [
    name,
    formatNumber(greedy[name]),
    formatNumber(beam[name]),
    translationInfo[name],
  ]);
  io.stdout.write(`\nwhat is written for ${sources} held-out sources; beam: ${beam.beams}, length penalty ${beam.lengthPenalty}\n`);
  io.stdout.write(tableText(["measure", "greedy", "beam", "meaning"], rows));
  io.stdout.write(`BLEU ${signature}\n`);
}

const translationInfo = {
  exact: "share that equals a right target",
  errorRate: "insertions, deletions and substitutions per word (or sound) of the nearest right target",
  bleu: "0 to 100; as sacreBLEU, any right target",
  chrf: "0 to 100; as sacreBLEU",
} as const;

function percent(share: number): string {
  return Number.isNaN(share) ? "none" : `${(100 * share).toFixed(1)} %`;
}
