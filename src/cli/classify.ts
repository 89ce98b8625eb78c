import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { UsageError } from "../core/errors.ts";
import { fileError } from "../core/node/files.ts";
import type { TextClassifier } from "../runs/classify.ts";
import type { Backend } from "../runtime/backend.ts";
import { showActivity } from "./activity.ts";
import { classTable } from "./class-table.ts";
import { tableText } from "./format.ts";
import { checkDevice, repeated, wholeNumber } from "./options.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface ClassifyOptions {
  text?: string[];
  file?: string;
  data?: string;
  field?: string;
  labelField?: string;
  passages?: boolean;
  top: number;
  length?: number;
  batch: number;
  device: string;
}

export const verb: Verb = {
  name: "classify",
  summary: "Tell which class texts are of, by a BERT that was fine-tuned for it",
  register(program, io) {
    addCommand(program, "classify", verb.summary)
      .argument("<folder>", "a folder in Hugging Face's form (BertForSequenceClassification), or ORG/NAME on the hub")
      .option("--text <text>", "a text; may be given several times", repeated)
      .option("--file <file>", "texts, one a line")
      .option("--data <file>", "texts with labels (.csv, .jsonl, .tsv, or brown): how many are told rightly")
      .option("--field <name>", "the column or field of the text (default: text)")
      .option("--label-field <name>", "the column or field of the label (default: label)")
      .option("--passages", "with --data: cut long texts into passages instead of cutting their end off (default for sets by name)")
      .option("--top <n>", "labels to show for each text", wholeNumber(1), 3)
      .option("--length <n>", "tokens of a text; longer ones lose their end (default: the context)", wholeNumber(3))
      .option("--batch <n>", "texts at once", wholeNumber(1), 16)
      .option("--device <name>", "cpu, webgpu, cuda, coreml or dml", "cpu")
      .action((target: string, options: ClassifyOptions, command: Command) => classify(target, options, io, wantsJson(command)));
  },
};

async function classify(target: string, options: ClassifyOptions, io: Io, json: boolean): Promise<void> {
  checkDevice(options.device);
  const given = ["text", "file", "data"].filter((name) => options[name as "text"] !== undefined);
  if (given.length !== 1)
    throw new UsageError({
      what: "Say which texts.",
      got: given.map((name) => `--${name}`).join(" and ") || "none",
      expected: "one of --text, --file and --data",
    });
  const texts = options.data === undefined ? (options.text ?? (await linesOf(options.file!))) : [];
  const { loadText } = await import("../runs/text-engine.ts");
  const { textClassifier } = await import("../runs/classify.ts");
  const { openDevice } = await import("./device.ts");
  const loaded = await loadText(target, { onWarning: (warning) => io.stderr.write(`warning: ${warning}\n`) });
  const classifier = textClassifier(loaded);
  const activity = showActivity(io, json);
  const backend = await openDevice(options.device, io, activity.onProgress).finally(activity.end);
  if (options.data !== undefined) await measure(classifier, backend, { ...options, data: options.data, name: loaded.name }, io, json);
  else await tell(classifier, backend, texts, { ...options, name: loaded.name }, io, json);
}

type Named = ClassifyOptions & { name: string };

async function tell(
  classifier: TextClassifier,
  backend: Backend,
  texts: readonly string[],
  options: Named,
  io: Io,
  json: boolean,
): Promise<void> {
  const { classifyTexts } = await import("../runs/classify.ts");
  const { length, batch, top, name } = options;
  const { probabilities, cut } = await classifyTexts(classifier, backend, texts, { length, batch });
  const found = texts.map((text, i) => ({
    text,
    labels: classifier.labels
      .map((label, k) => ({ label, probability: probabilities[i][k] }))
      .sort((a, b) => b.probability - a.probability)
      .slice(0, top),
  }));
  if (json) return printJson(io, { model: name, cut, texts: found });
  tellCut(cut, length ?? classifier.network.config.context, io);
  const rows = found.map(({ text, labels }) => [
    ...labels.map(({ label, probability }) => `${label} ${probability.toFixed(3)}`),
    text.length > 60 ? `${text.slice(0, 57)}...` : text,
  ]);
  const header = Array.from({ length: Math.min(top, classifier.labels.length) }, (_, i) => (i === 0 ? "likeliest" : "then"));
  io.stdout.write(tableText([...header, "text"], rows));
}

async function measure(
  classifier: TextClassifier,
  backend: Backend,
  options: Named & { data: string },
  io: Io,
  json: boolean,
): Promise<void> {
  const { loadLabelledTexts } = await import("../data/node/labelled.ts");
  const { measureClassifier, passageCut } = await import("../runs/classify.ts");
  const { textSetNamed } = await import("../data/text/sets/index.ts");
  const { data, field, labelField, length, batch, name, passages = textSetNamed(data) !== undefined } = options;
  const cutting = passages ? passageCut(classifier.tokenizer, length ?? classifier.network.config.context) : undefined;
  const texts = await loadLabelledTexts(data, { field, labelField, passages: cutting });
  const figures = await measureClassifier(classifier, backend, texts, { length, batch });
  if (json) return printJson(io, { model: name, data, ...figures });
  const { cut, classes, accuracy, macroF1, baseline } = figures;
  tellCut(cut, length ?? classifier.network.config.context, io);
  io.stdout.write(
    `${classTable(classifier.labels, classes, "texts")}` +
      `accuracy ${accuracy.toFixed(4)}, macro F1 ${macroF1.toFixed(4)} on ${texts.length} texts; ` +
      `"${baseline.label}", their commonest label, for all: ${baseline.accuracy.toFixed(4)}\n`,
  );
}

function tellCut(cut: number, length: number, io: Io): void {
  if (cut > 0) io.stderr.write(`note: ${cut} texts are longer than ${length} tokens and lost their end\n`);
}

/** The lines of a file that are not blank. @throws UsageError where there is none; FileError */
async function linesOf(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8").catch((error) => {
    throw fileError(error, `Could not read ${file}.`);
  });
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  if (lines.length > 0) return lines;
  throw new UsageError({ what: "There is no text in the file.", where: file });
}
