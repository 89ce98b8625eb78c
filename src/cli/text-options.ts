/** What the verbs that write text with any model have in common. */
import type { Command } from "commander";
import { unknownName } from "../core/errors.ts";
import type { TokenConstraint } from "../generation/constraint.ts";
import type { OpenedText } from "../runs/text-engine.ts";
import { showActivity } from "./activity.ts";
import { checkDevice, wholeNumber } from "./options.ts";
import type { Io } from "./verb.ts";

export interface TextOptions {
  device: string;
  adapter?: string;
  context?: number;
  threads?: number;
  slots?: number;
  quantize?: string;
}

const QUANTIZED = ["int8", "int4"] as const;

/** Options of how a model is opened. */
export function addTextOptions(command: Command): Command {
  return command
    .option("--adapter <folder>", "a LoRA adapter in PEFT's form that is added to the model")
    .option("--context <n>", "the most tokens of prompt and answer together (default: the model's)", wholeNumber(2))
    .option("--quantize <kind>", "weights as whole numbers: int8 or int4")
    .option("--threads <n>", "threads of the runtime (default: ATELIER_THREADS, else one a core)", wholeNumber(1))
    .option("--device <name>", "cpu, webgpu, cuda, coreml or dml", "cpu");
}

/** Open a run or folder, with its constraints for JSON. @throws UsageError, FileError as {@link openTextEngine} */
export async function openText(
  target: string,
  options: TextOptions,
  io: Io,
  json: boolean,
): Promise<OpenedText & { constrain: ((schema: Readonly<Record<string, unknown>> | undefined) => TokenConstraint) | undefined }> {
  checkDevice(options.device);
  const precision = QUANTIZED.find((kind) => kind === options.quantize);
  if (options.quantize !== undefined && precision === undefined) throw unknownName("kind of weights", options.quantize, QUANTIZED);
  if (options.threads !== undefined) process.env.ATELIER_THREADS = String(options.threads);
  const { openTextEngine } = await import("../runs/text-engine.ts");
  const { openDevice } = await import("./device.ts");
  const activity = showActivity(io, json);
  try {
    const backend = await openDevice(options.device, io, activity.onProgress);
    activity.onProgress(`loading ${target}`);
    const { adapter, context, slots } = options;
    const onWarning = (text: string) => io.stderr.write(`warning: ${text}\n`);
    const opened = await openTextEngine(target, { backend, adapter, context, slots, precision, onWarning });
    const { DecoderEngine, jsonConstraint } = await import("../generation/index.ts");
    const { engine } = opened;
    // Recurrent networks are read one text at a time, without constraints.
    return { ...opened, constrain: engine instanceof DecoderEngine ? (schema) => jsonConstraint(schema, engine.tokenizer) : undefined };
  } finally {
    activity.end();
  }
}
