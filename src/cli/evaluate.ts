import type { Command } from "commander";
import { showActivity } from "./activity.ts";
import { formatNumber, tableText } from "./format.ts";
import { checkDevice, repeated, wholeNumber } from "./options.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface EvaluateOptions {
  data?: string;
  set?: string[];
  limit?: number;
  classifier?: string;
  count: number;
  seed: string;
  device: string;
}

export const verb: Verb = {
  name: "evaluate",
  summary: "Measure a trained run on held-out data",
  register(program, io) {
    addCommand(program, "evaluate", verb.summary)
      .argument("<run>", "a run's name or folder")
      .option("--data <name|folder>", "other data than the run's own")
      .option("--set <key=value>", "change a setting that the metrics read, such as importanceSamples; may be repeated", repeated)
      .option("--limit <n>", "use only the first n pictures", wholeNumber(1))
      .option("--classifier <run>", "a trained classifier's run: also count the classes that it finds among samples")
      .option("--count <n>", "samples for the classifier", wholeNumber(1), 1000)
      .option("--seed <seed>", "of the metrics' own draws", "0")
      .option("--device <name>", "cpu, webgpu, cuda, coreml or dml", "cpu")
      .action((run: string, options: EvaluateOptions, command: Command) => evaluateRun(run, options, io, wantsJson(command)));
  },
};

async function evaluateRun(name: string, options: EvaluateOptions, io: Io, json: boolean): Promise<void> {
  checkDevice(options.device);
  const { openRun } = await import("../runs/registry.ts");
  const { loadModel, loadSplit } = await import("../runs/load.ts");
  const { evaluate } = await import("../train/evaluate.ts");
  const { openDevice } = await import("./device.ts");
  const warn = (text: string) => io.stderr.write(`warning: ${text}\n`);
  const run = await openRun(name);
  const model = (await import("./changed-settings.ts")).withSettings(await loadModel(run, warn), options.set ?? []);
  const { record, config, network, step, hash } = model;
  const classifier = options.classifier === undefined ? undefined : await loadModel(await openRun(options.classifier), warn);
  const activity = showActivity(io, json);
  const data = options.data ?? run.record.data?.name ?? record.data.sets[0];
  const set = await loadSplit(record, config, data, "test", options.limit, { onProgress: activity.onProgress }).finally(activity.end);
  const backend = await openDevice(options.device, io, activity.onProgress).finally(activity.end);
  const results = await evaluate({ record, config, network, set, backend, seed: options.seed });
  const found =
    classifier && (await (await import("../runs/coverage.ts")).sampleCoverage(model, classifier, backend, options.count, options.seed));
  if (json) {
    printJson(io, {
      run: run.name,
      data,
      pictures: set.count,
      step,
      checkpoint: hash,
      results,
      ...(found === undefined ? {} : { samples: found }),
    });
    return;
  }
  const rows = Object.entries(results).map(([metric, value]) => [
    metric,
    formatNumber(value),
    record.metricInfo[metric]?.unit ?? "",
    record.metricInfo[metric]?.about ?? "",
  ]);
  io.stdout.write(`${run.name}, step ${step}, on ${set.count} held-out pictures of ${data}\n`);
  io.stdout.write(tableText(["metric", "value", "unit", "meaning"], rows));
  if (found === undefined) return;
  io.stdout.write(
    `${options.count} samples: ${found.covered} of ${found.counts.length} classes found (at least 1 % each), mean confidence ${formatNumber(found.confidence)}\n`,
  );
  io.stdout.write(`samples per class: ${found.counts.map((count, k) => `${set.classes?.[k] ?? k} ${count}`).join(", ")}\n`);
}
