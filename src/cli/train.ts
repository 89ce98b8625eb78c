import type { Command } from "commander";
import { UsageError, unknownName } from "../core/errors.ts";
import type { Prediction } from "../runs/training.ts";
import { showActivity, tellActivity } from "./activity.ts";
import { startWithAllocator } from "./allocator.ts";
import { formatDuration, formatNumber } from "./format.ts";
import { onInterrupt } from "./interrupt.ts";
import { checkDevice, numberAbove, repeated, wholeNumber } from "./options.ts";
import { Progress, progressMode } from "./progress.ts";
import type { PreparedRun } from "./train-setup.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface TrainOptions {
  data?: string;
  preset?: string;
  set?: string[];
  epochs?: number;
  steps?: number;
  batch?: number;
  limit?: number;
  without?: string;
  tokenizer?: string;
  sourceTokenizer?: string;
  field?: string;
  target?: string;
  seed: string;
  device: string;
  run?: string;
  resume?: boolean;
  checkpoint: number;
  predict?: boolean;
  events?: boolean;
}

export const verb: Verb = {
  name: "train",
  summary: "Train a model, or go on with a run",
  register(program, io) {
    addCommand(program, "train", verb.summary)
      .argument("[model]", "a model of the garden (atelier models); not needed with --resume")
      .option("--data <name|file|folder>", "a data or text set (atelier data), a folder of your own pictures, or your own texts")
      .option("--preset <name>", "smoke, small or paper (default: small)")
      .option("--set <key=value>", "change a setting; may be repeated (atelier models MODEL lists them)", repeated)
      .option("--epochs <n>", "passes over the data", numberAbove(0))
      .option("--steps <n>", "stop after so many steps instead", wholeNumber(1))
      .option("--batch <n>", "pictures, points, windows of text or pairs a step", wholeNumber(1))
      .option("--limit <n>", "use only the first n examples of each split", wholeNumber(1))
      .option("--without <class>", "leave the pictures of a class, or with an attribute, out of the training (atelier latent --anomaly)")
      .option(
        "--tokenizer <file>",
        "of text: a tokenizer.json, a .model or a folder with one (default: one is trained, as the settings say)",
      )
      .option("--source-tokenizer <file>", "of pairs: the sources' tokenizer, where the model has one for them")
      .option("--field <name>", "of your own .jsonl and .csv: what holds the text (default: text)")
      .option("--target <name>", "of your own .jsonl and .csv: what holds the text that it becomes, for pairs")
      .option("--seed <seed>", "of every random choice", "0")
      .option("--device <name>", "cpu, webgpu, cuda, coreml or dml", "cpu")
      .option("--run <name>", "name of the run's folder (default: MODEL-001 and so on)")
      .option("--resume", "go on with the run named by --run, exactly where its last checkpoint stands")
      .option("--checkpoint <seconds>", "how often a checkpoint is written", numberAbove(0), 30)
      .option("--predict", "only say what it would take: steps, time and memory")
      .option("--events", "with --json: tell on stderr what is being prepared, one line of JSON each")
      .action((model: string | undefined, options: TrainOptions, command: Command) => train(model, options, io, wantsJson(command)));
  },
};

async function train(model: string | undefined, options: TrainOptions, io: Io, json: boolean): Promise<void> {
  checkDevice(options.device);
  await startWithAllocator(io);
  const activity = json && options.events ? tellActivity(io) : showActivity(io, json);
  if (options.predict) {
    const { predictTraining } = await import("./train-predict.ts");
    return await predictTraining(model, options, io, { json, onProgress: activity.onProgress }).finally(activity.end);
  }
  const { prepareRun } = await import("./train-setup.ts");
  const prepared = await prepareRun(model, options, io, activity.onProgress).finally(activity.end);
  await follow(prepared, options, io, json);
}

/** Train a prepared run, and tell what happens. */
async function follow(prepared: PreparedRun, options: TrainOptions, io: Io, json: boolean): Promise<void> {
  const { trainRun } = await import("../runs/training.ts");
  const stop = new AbortController();
  const release = onInterrupt(() => stop.abort(), io);
  let progress: Progress | undefined;
  const { run } = prepared;
  const say = (text: string) => (progress === undefined ? json || io.stderr.write(`${text}\n`) : progress.message(text));
  let pictures: string[] = [];
  let predicted: Prediction | undefined;
  try {
    for await (const event of trainRun({ ...prepared, checkpointSeconds: options.checkpoint, signal: stop.signal })) {
      switch (event.type) {
        case "start":
          say(
            `run ${run.name}: ${prepared.record.title}, ${formatNumber(event.parameters)} parameters, ${event.totalSteps} steps${event.step > 0 ? `, going on at step ${event.step}` : ""} (ready in ${formatDuration(event.compileSeconds)})`,
          );
          predicted = event.predicted;
          say(
            `memory ~${Math.round(predicted.memoryBytes / 1e6)} MB, step ~${formatNumber(Number((predicted.stepSeconds * 1000).toPrecision(2)))} ms`,
          );
          progress = new Progress({
            output: io.stderr,
            mode: progressMode(io, json),
            total: event.totalSteps,
            label: prepared.record.name,
          });
          break;
        case "step":
          progress!.update({ step: event.report.step, terms: event.report.terms });
          break;
        case "pictures":
          progress!.forgetTiming();
          if (event.files.length > 0) pictures = event.files;
          break;
        case "checkpoint":
          progress!.forgetTiming();
          break;
        case "warning":
          say(`warning: ${event.text}`);
          break;
        case "early":
          say(event.text);
          break;
        case "results":
          progress!.end();
          progress = undefined;
          break;
        case "end":
          progress?.end();
          progress = undefined;
          tellEnd(io, json, event, run, pictures, predicted);
      }
    }
  } finally {
    progress?.end();
    release();
  }
}

interface EndEvent {
  step: number;
  hash: string;
  stopped: boolean;
}

function tellEnd(
  io: Io,
  json: boolean,
  { step, hash, stopped }: EndEvent,
  run: { name: string; folder: string; record: { results: Record<string, number> } },
  pictures: string[],
  predicted: Prediction | undefined,
): void {
  if (stopped) io.exitCode = 130;
  if (json) {
    printJson(io, {
      run: run.name,
      folder: run.folder,
      step,
      checkpoint: hash,
      stopped,
      results: stopped ? {} : run.record.results,
      pictures,
      predicted,
    });
    return;
  }
  if (stopped) {
    io.stdout.write(`Stopped at step ${step}; a checkpoint is written. Go on with: atelier train --resume --run ${run.name}\n`);
    return;
  }
  for (const [name, value] of Object.entries(run.record.results)) io.stdout.write(`${name.padEnd(16)} ${formatNumber(value)}\n`);
  for (const file of pictures) io.stdout.write(`${file.endsWith(".txt") ? "text   " : "picture"}          ${file}\n`);
  io.stdout.write(`run              ${run.folder}\n`);
}

/** The preset's name or the nearest one. */
export function presetName(given: string | undefined, known: readonly string[]): string {
  const name = given ?? "small";
  if (!known.includes(name)) throw unknownName("preset", name, known);
  return name;
}

const keptSettings = ["data", "preset", "set", "batch", "limit", "without", "tokenizer", "sourceTokenizer", "field", "target"] as const;

/** @throws UsageError where `--resume` meets options that would change the run */
export function requireResumable(options: TrainOptions): void {
  const fixed = keptSettings.filter((key) => options[key] !== undefined);
  if (fixed.length === 0) return;
  throw new UsageError({
    what: "A resumed run keeps its settings.",
    got: fixed.map((key) => `--${key}`).join(", "),
    expected: "--resume with --run, and --epochs or --steps to train longer",
    hint: "start a new run for other settings",
  });
}

export type { TrainOptions };
