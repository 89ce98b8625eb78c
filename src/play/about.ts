/** What a trained model can do, as plain data: what an interface is made from. */
import { z } from "zod";
import { isPoint } from "../data/dataset.ts";
import { isText, isWindow } from "../data/token-set.ts";
import { input } from "../graph/ops/source.ts";
import { Trace, withTrace } from "../graph/trace.ts";
import type { ModelRecord } from "../models/model.ts";
import { continuesText } from "../models/next-token.ts";
import type { Module } from "../nn/module.ts";

/** A choice of a model's sampler. */
export interface SamplingField {
  readonly name: string;
  readonly kind: "number" | "integer" | "boolean" | "choice";
  /** The schema's default; `null` where that is found while sampling. */
  readonly default: number | boolean | string | null;
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly choices?: readonly string[] | undefined;
  /** Unit, range and meaning. */
  readonly about: string;
}

/** Names of what a model can be asked for. */
export interface ConditionNames {
  readonly kind: "classes" | "attributes";
  readonly names: readonly string[];
}

export interface ModelAbout {
  readonly model: string;
  readonly title: string;
  readonly family: string;
  readonly paper: string;
  readonly summary: string;
  readonly kind: "pictures" | "points" | "text";
  /** [C, H, W] or [D]; empty for text. */
  readonly shape: readonly number[];
  /** Numbers in a code; 0 where it decodes none. */
  readonly codeSize: number;
  /** Whether fresh codes are independent standard normal numbers. */
  readonly normalCodes: boolean;
  readonly can: {
    readonly sample: boolean;
    readonly decode: boolean;
    readonly encode: boolean;
    readonly reconstruct: boolean;
    readonly density: boolean;
    readonly fills: boolean;
    readonly starts: boolean | "needs";
    readonly writes: boolean;
    readonly translates: boolean;
  };
  /** How many conditions a picture has; 0 where it takes none. */
  readonly conditions: number;
  readonly sampling: readonly SamplingField[];
  /** Trained numbers. */
  readonly parameters: number;
  /** The most tokens that count, of models of text. */
  readonly context: number;
}

/** What the model of a record can do in this configuration. @param network built from it */
export function aboutModel(record: ModelRecord, config: unknown, network: Module): ModelAbout {
  const { name: model, title, family, paper, summary } = record;
  const shape = record.data.shape(config);
  const text = isText(shape);
  const has = (what: unknown): boolean => what !== undefined && what !== false;
  return {
    ...{ model, title, family, paper, summary },
    kind: text ? "text" : isPoint(shape) ? "points" : "pictures",
    shape: text ? [] : [...shape],
    codeSize: text ? 0 : codeSizeOf(record, config, network),
    normalCodes: record.prior === "normal" || (record.encode === undefined && record.codes !== undefined),
    can: {
      sample: !text && has(record.sample),
      decode: !text && has(record.decode),
      encode: !text && has(record.encode),
      reconstruct: !text && has(record.reconstruct),
      density: !text && has(record.logDensity),
      fills: has(record.fills),
      starts: record.starts ?? false,
      writes: text && isWindow(shape) && continuesText(record),
      translates: has(record.translation),
    },
    conditions: record.data.conditions?.(config) ?? 0,
    sampling: samplingFields(record.sampling),
    parameters: network.parameterCount,
    context: text && isWindow(shape) ? shape.tokens : 0,
  };
}

/** Numbers in a code that the model decodes; 0 where it decodes none. Nothing is computed: the shape of a traced graph tells. */
export function codeSizeOf(record: ModelRecord, config: unknown, network: Module): number {
  if (record.decode === undefined) return 0;
  const known = record.codes?.(config);
  if (known !== undefined) return known.reduce((product, size) => product * size, 1);
  const shape = record.data.shape(config);
  if (record.encode === undefined || isText(shape)) return 0;
  const width = record.data.conditions?.(config) ?? 0;
  const codes = withTrace(new Trace({ training: false }), () =>
    record.encode!(network, input("images", [1, ...shape]), width === 0 ? undefined : input("conditions", [1, width])),
  );
  return codes.size;
}

const plainField = z.looseObject({
  type: z.string().optional(),
  enum: z.array(z.string()).optional(),
  default: z.union([z.number(), z.boolean(), z.string()]).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  description: z.string().optional(),
});

function samplingFields(sampling: z.ZodObject | undefined): SamplingField[] {
  if (sampling === undefined) return [];
  const { properties = {} } = z.toJSONSchema(sampling, { io: "input", unrepresentable: "any" });
  return Object.entries(properties).flatMap(([name, property]) => {
    const field = plainField.safeParse(property);
    return field.success ? [fieldOf(name, field.data)] : [];
  });
}

function fieldOf(name: string, { type, enum: choices, default: value, description, ...range }: z.infer<typeof plainField>): SamplingField {
  const kind = choices !== undefined ? "choice" : type === "boolean" ? "boolean" : type === "integer" ? "integer" : "number";
  return {
    ...{ name, kind, choices, about: description ?? "" },
    default: value ?? null,
    minimum: range.minimum ?? range.exclusiveMinimum,
    maximum: range.maximum,
  };
}
