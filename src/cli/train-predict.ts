import { UsageError } from "../core/errors.ts";
import { defaultTraining, findModel, type TrainingSettings, textShape } from "../models/index.ts";
import { dataBytes, describedSet, foreseeTraining } from "../runs/foresee.ts";
import { loadSplit } from "../runs/load.ts";
import { fitConditions } from "../runs/start.ts";
import { openDevice } from "./device.ts";
import { formatDuration, formatNumber } from "./format.ts";
import { presetName, type TrainOptions } from "./train.ts";
import { defaultData, settle } from "./train-setup.ts";
import { type Io, printJson } from "./verb.ts";

type OnProgress = (message: string, seconds?: number) => void;

/** `--predict`: what a training would take, without data being fetched or a run made. */
export async function predictTraining(
  model: string | undefined,
  options: TrainOptions,
  io: Io,
  { json, onProgress }: { json: boolean; onProgress: OnProgress },
): Promise<void> {
  if (model === undefined || options.resume) {
    throw new UsageError({ what: "A prediction is for a new training.", hint: "atelier train vae --preset small --predict" });
  }
  const record = findModel(model);
  const preset = presetName(options.preset, Object.keys(record.presets));
  const { config: asked, training } = settle(record, preset, options);
  const name = options.data ?? defaultData(record, preset);
  const isText = textShape(record, asked) !== undefined;
  const set = isText ? undefined : (describedSet(name) ?? (await loadSplit(record, asked, name, "train", options.limit, { onProgress })));
  const given = (key: string) => options.set?.some((assignment) => assignment.split("=")[0].trim() === key) ?? false;
  const config = set === undefined ? asked : fitConditions(record, asked, set, given);
  const backend = await openDevice(options.device, io, onProgress);
  const foreseen = await foreseeTraining({
    record,
    config,
    training: { ...defaultTraining, ...(training as Partial<TrainingSettings>) },
    count: set === undefined ? undefined : Math.min(set.count, options.limit ?? set.count),
    dataBytes: set === undefined ? 0 : dataBytes(record, config, set),
    backend,
  });
  if (json) return printJson(io, foreseen);
  const { parameters, totalSteps, stepSeconds, totalSeconds, memoryBytes } = foreseen;
  const rows = [
    ["parameters", formatNumber(parameters)],
    ["steps", totalSteps === null ? "as many as the text's epochs take" : formatNumber(totalSteps)],
    ["a step", `~${formatNumber(Number((stepSeconds * 1000).toPrecision(2)))} ms`],
    ["all steps", totalSeconds === null ? "-" : `~${formatDuration(totalSeconds)}`],
    ["memory", `~${Math.round(memoryBytes / 1e6)} MB`],
  ];
  for (const [name, value] of rows) io.stdout.write(`${name.padEnd(16)} ${value}\n`);
}
