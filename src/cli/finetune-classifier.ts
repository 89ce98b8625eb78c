/** `atelier finetune --task classify`. */
import path from "node:path";
import type { LabelledSplits } from "../data/text/labelled.ts";
import type { LoraOptions } from "../nn/lora.ts";
import type { ClassifierReport } from "../runs/finetune-classifier.ts";
import type { LoadedText } from "../runs/text-engine.ts";
import type { Backend } from "../runtime/backend.ts";
import { classTable } from "./class-table.ts";
import { tableText } from "./format.ts";
import { onInterrupt } from "./interrupt.ts";
import { type Io, printJson } from "./verb.ts";

export interface ClassifierSettings {
  data: string;
  out: string;
  test?: string | undefined;
  field?: string | undefined;
  labelField?: string | undefined;
  passages?: boolean | undefined;
  lora: LoraOptions | undefined;
  epochs: number;
  steps?: number | undefined;
  batch?: number | undefined;
  length?: number | undefined;
  learningRate?: number | undefined;
  seed: string;
}

/** Train, write and tell. The texts are read and checked before anything is trained. */
export async function finetuneClasses(
  loaded: LoadedText,
  backend: Backend,
  settings: ClassifierSettings,
  io: Io,
  json: boolean,
): Promise<void> {
  const { finetuneClassifier, writeClassifier, classifierLength } = await import("../runs/finetune-classifier.ts");
  const length = classifierLength(loaded.network, settings.length);
  const splits = await readSplits(loaded, settings, length);
  if (!json) io.stderr.write(balanceOf(splits));
  let interrupted = false;
  const release = onInterrupt(() => {
    interrupted = true;
  }, io);
  const started = performance.now();
  const { network, report } = await finetuneClassifier(loaded, splits, {
    ...settings,
    ...{ backend, length },
    stopped: () => interrupted,
    onStep: (step, of, loss) => {
      if (!json && (step === of || step % Math.max(1, Math.floor(of / 20)) === 0))
        io.stderr.write(`step ${step} of ${of}: ${loss.toFixed(3)} nats a text\n`);
    },
  }).finally(release);
  const seconds = (performance.now() - started) / 1000;
  const { lora, epochs, seed } = settings;
  const about = { task: "classify", base: path.resolve(loaded.folder), data: path.basename(settings.data), epochs, seed, lora, ...report };
  await writeClassifier(settings.out, network, loaded, about);
  if (interrupted) io.exitCode = 130;
  if (json) return printJson(io, { folder: settings.out, ...report, seconds });
  tell(report, seconds, io);
  io.stdout.write(`${settings.out}\n`);
}

async function readSplits(loaded: LoadedText, settings: ClassifierSettings, length: number): Promise<LabelledSplits> {
  const { loadLabelled } = await import("../data/node/labelled.ts");
  const { textSetNamed } = await import("../data/text/sets/index.ts");
  const { passageCut } = await import("../runs/classify.ts");
  const { data, test, field, labelField, passages = textSetNamed(data) !== undefined } = settings;
  return loadLabelled(data, { test, field, labelField, passages: passages ? passageCut(loaded.tokenizer, length) : undefined });
}

/** How many texts of each label there are, and a warning where they are very unequal. */
function balanceOf({ train, test, labels, repeated }: LabelledSplits): string {
  const count = (side: LabelledSplits["train"], label: string) => side.filter((text) => text.label === label).length;
  const rows = labels.map((label) => [label, String(count(train, label)), String(count(test, label))]);
  const counts = labels.map((label) => count(train, label));
  const [most, least] = [Math.max(...counts), Math.min(...counts)];
  const unequal =
    most >= 10 * Math.max(1, least)
      ? `note: the commonest label has ${most} training texts and the rarest ${least}: look at macro F1, not at accuracy alone\n`
      : "";
  const twice =
    repeated > 0 ? `note: ${repeated} texts were there more than once, or in the held-out part as well, and were left out\n` : "";
  return `${tableText(["label", "training", "held out"], rows)}${unequal}${twice}`;
}

function tell(report: ClassifierReport, seconds: number, io: Io): void {
  const { cut, length, heldOut, labels, classes, accuracy, macroF1, baseline } = report;
  if (cut > 0) io.stderr.write(`note: ${cut} texts are longer than ${length} tokens and lost their end\n`);
  io.stdout.write(
    `${classTable(labels, classes, "held out")}` +
      `${report.trained} numbers trained in ${report.steps} steps of ${report.batch} texts, ${seconds.toFixed(1)} s\n` +
      `accuracy ${accuracy.toFixed(4)}, macro F1 ${macroF1.toFixed(4)} on ${heldOut} held-out texts; ` +
      `"${baseline.label}" for all: ${baseline.accuracy.toFixed(4)}\n`,
  );
}
