/** What a run can make, read off its record and its folder: no model is loaded for it. */
import { stat } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { FileError } from "../../core/errors.ts";
import { isPoint } from "../../data/dataset.ts";
import { isText, isWindow } from "../../data/token-set.ts";
import { findModel, type ModelRecord } from "../../models/index.ts";
import { continuesText } from "../../models/next-token.ts";
import { listCheckpoints, type Run, runState } from "../../runs/index.ts";
import { runConfig } from "../../runs/run-config.ts";
import type {
  FrameWay,
  GenerateInfo,
  GenerateKind,
  Generator,
  PictureAbilities,
  SamplingField,
  TextAbilities,
  VariationWay,
} from "../generate.ts";

/** What a model of a configuration makes. */
export function kindOf(record: ModelRecord, config: unknown): GenerateKind {
  const shape = record.data.shape(config);
  if (isText(shape)) {
    if (record.translation !== undefined) return "pairs";
    if (continuesText(record)) return "text";
    return record.family === "language" && record.attends === true ? "masks" : "none";
  }
  if (isPoint(shape)) return record.sample === undefined ? "none" : "points";
  return record.sample === undefined && record.reconstruct === undefined ? "none" : "pictures";
}

/** How variations of a picture can be had from a model. */
export function variationWay(record: ModelRecord): VariationWay {
  if (record.starts === true && record.sample !== undefined) return "image-to-image";
  if (hasCodes(record)) return "codes";
  return record.fills === true ? "fill" : "seeds";
}

/** Whether pictures have codes that can be varied and blended: they are decoded, and drawn from a normal distribution or encoded. */
export function hasCodes(record: Pick<ModelRecord, "decode" | "encode" | "prior" | "codes">): boolean {
  return record.decode !== undefined && (record.encode !== undefined || drawsCodes(record));
}

/** Whether codes are drawn from N(0, I), under the name `prior` as all models with such codes do: by an encoder's aim, or of a generator without one. */
export function drawsCodes(record: Pick<ModelRecord, "decode" | "encode" | "prior" | "codes">): boolean {
  return record.decode !== undefined && (record.prior === "normal" || (record.encode === undefined && record.codes !== undefined));
}

function frameWay({ name, family }: ModelRecord): FrameWay {
  if (family === "autoregressive" || name === "vq-vae") return "rows";
  if (family === "energy" || name === "ncsn") return "chain";
  return family === "diffusion" ? "steps" : "once";
}

function pictureAbilities(record: ModelRecord, config: unknown): PictureAbilities {
  const { factor } = config as { factor?: unknown };
  return {
    fresh: record.sample !== undefined && record.starts !== "needs",
    fills: record.sample !== undefined && record.fills === true,
    starts: record.sample === undefined ? false : (record.starts ?? false),
    reconstructs: record.reconstruct !== undefined,
    variations: variationWay(record),
    between: hasCodes(record),
    frames: frameWay(record),
    ...(record.starts === "needs" && typeof factor === "number" ? { factor } : {}),
  };
}

function textAbilities(record: ModelRecord, config: unknown): TextAbilities {
  const shape = record.data.shape(config);
  const window = isText(shape) && isWindow(shape) ? { context: shape.tokens, vocabulary: shape.vocabulary } : {};
  const recurrent = record.recurrence !== undefined;
  return {
    ...window,
    ...(recurrent ? { context: undefined } : {}),
    chat: continuesText(record),
    attention: record.attends === true && (continuesText(record) || kindOf(record, config) === "masks"),
  };
}

interface FieldSchema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
}

/** A record's sampling options as fields of a form. */
export function samplingFields({ sampling }: Pick<ModelRecord, "sampling">): SamplingField[] {
  if (sampling === undefined) return [];
  const { properties = {} } = z.toJSONSchema(sampling, { io: "input" }) as { properties?: Record<string, FieldSchema> };
  return Object.entries(properties).map(([name, field]) => {
    const { type, description = "", minimum, maximum, exclusiveMinimum } = field;
    const choices = field.enum?.map(String);
    const known = type === "number" || type === "integer" || type === "boolean" ? type : "text";
    // Zod bounds every integer by what a double holds exactly: no news to a reader.
    const bound = (value: number | undefined) => (value === undefined || Math.abs(value) >= Number.MAX_SAFE_INTEGER ? undefined : value);
    return {
      name,
      about: description,
      type: choices === undefined ? known : "choice",
      standard: field.default,
      least: bound(exclusiveMinimum ?? minimum),
      most: bound(maximum),
      ...(exclusiveMinimum === undefined ? {} : { above: true }),
      ...(choices === undefined ? {} : { choices }),
    };
  });
}

/** What a run can make. @throws UsageError for a model that this version does not have; FileError where the folder cannot be read or its settings are of another version */
export async function infoOfRun(run: Run): Promise<GenerateInfo> {
  const record = findModel(run.record.model);
  const config = runConfig(run, record);
  const kind = kindOf(record, config);
  const steps = await listCheckpoints(run);
  const shape = record.data.shape(config);
  const reason = kind === "none" ? `${record.title} tells pictures apart and makes none.` : steps.length > 0 ? undefined : noCheckpoint;
  return {
    ...{ name: run.name, model: record.name, title: record.title, family: record.family, kind, folder: false, reason },
    step: steps.at(-1),
    training: runState(run) === "training",
    shape: isText(shape) ? undefined : shape,
    conditions: run.record.data?.conditions,
    sampling: samplingFields(record),
    ...(kind === "pictures" ? { pictures: pictureAbilities(record, config) } : {}),
    ...(kind === "text" || kind === "masks" || kind === "pairs" ? { text: textAbilities(record, config) } : {}),
  };
}

const noCheckpoint = "It has no checkpoint yet: its first one is written when training has gone on for a while.";

/** What a folder of a pretrained model can make: texts and conversations. @throws FileError where there is no such folder */
export async function infoOfFolder(name: string, folder: string): Promise<GenerateInfo> {
  const found = await stat(path.join(folder, "config.json")).catch(() => undefined);
  if (!found?.isFile())
    throw new FileError({
      what: "The folder holds no model.",
      where: name,
      expected: "a folder with config.json, weights and a tokenizer",
    });
  return {
    ...{ name, model: name, title: name, family: "language", kind: "text", folder: true, training: false, sampling: [] },
    text: { chat: true, attention: false },
  };
}

/** The line of a run in the list of what generates. */
export function generatorOf({ name, model, title, kind, text, folder, reason }: GenerateInfo): Generator {
  return { name, model, title, kind, chat: text?.chat ?? false, folder, reason };
}
