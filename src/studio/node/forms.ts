import { z } from "zod";
import { describeType, type JsonSchema, leaves } from "../../core/settings-schema.ts";
import { defaultTraining, type ModelRecord, models, textShape, trainingSettings } from "../../models/index.ts";
import type { FormField, FormPreset, ModelChoice, ModelForm } from "../forms.ts";
import type { SettingProblem } from "../training.ts";

/** What can be chosen to be trained. */
export function modelChoices(): ModelChoice[] {
  return models.map(({ name, title, family, year }) => ({ name, title, family, year }));
}

/** The form of a model: its configuration and the training's settings, from their schemas; its presets as values. */
export function modelForm(record: ModelRecord): ModelForm {
  const { name, title, family, summary, data, metricInfo } = record;
  const shape = textShape(record, record.presets.small.config);
  return {
    ...{ model: name, title, family, summary },
    takes: shape === undefined ? "numbers" : "tokens" in shape ? "text" : "pairs",
    sets: data.sets,
    presets: Object.entries(record.presets).map(([preset, of]) => formPreset(record, preset, of)),
    fields: [...fieldsOf(record.config, "model"), ...fieldsOf(trainingSettings, "training")],
    metrics: Object.fromEntries(Object.entries(metricInfo).map(([key, { unit, better, about }]) => [key, { unit, better, about }])),
  };
}

function formPreset(record: ModelRecord, name: string, { about, data, config, training }: ModelRecord["presets"][string]): FormPreset {
  const values = Object.fromEntries([
    ...flat(record.config, config as Record<string, unknown>),
    ...Object.entries({ ...defaultTraining, ...training }),
  ]);
  return { name, about, data: data ?? record.data.sets[0], values };
}

/** The fields of an object schema. */
export function fieldsOf(schema: z.ZodObject, group: FormField["group"]): FormField[] {
  return leaves(jsonSchema(schema)).map(({ key, schema: property }) => fieldOf(key, group, property));
}

function fieldOf(key: string, group: FormField["group"], property: JsonSchema): FormField {
  const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below } = property;
  const common = { key, group, about: property.description ?? "", rule: describeType(property) };
  const choices = choicesOf(property);
  if (choices !== undefined) return { ...common, kind: "choice", choices };
  switch (property.type) {
    case "number":
    case "integer":
      return { ...common, kind: property.type, ...defined({ minimum, maximum, above, below }) };
    case "boolean":
      return { ...common, kind: "boolean" };
    case "string":
      return { ...common, kind: "text" };
    default:
      return { ...common, kind: "json" };
  }
}

/** The values of an enumeration, also of one written as a choice between constants. */
function choicesOf({ enum: values, const: only, anyOf, oneOf }: JsonSchema): FormField["choices"] {
  if (values !== undefined) return values as FormField["choices"];
  if (only !== undefined) return [only] as FormField["choices"];
  const each = (anyOf ?? oneOf)?.map(choicesOf);
  return each?.every((found) => found !== undefined) ? each.flat() : undefined;
}

/**
 * What is wrong with settings over a preset, each told by its field's own rule; nothing where the training can be asked for.
 * @param settings by dotted key
 */
export function settingProblems(record: ModelRecord, preset: string, settings: Readonly<Record<string, unknown>>): SettingProblem[] {
  const chosen = record.presets[preset];
  const fields = new Map(
    [...fieldsOf(record.config, "model"), ...fieldsOf(trainingSettings, "training")].map((field) => [field.key, field]),
  );
  const unknown = Object.keys(settings).filter((key) => !fields.has(key));
  if (unknown.length > 0) return unknown.map((key) => ({ key, message: "there is no such setting" }));
  const config = structuredClone(chosen.config) as Record<string, unknown>;
  const training: Record<string, unknown> = { ...defaultTraining, ...chosen.training };
  for (const [key, value] of Object.entries(settings)) assign(fields.get(key)!.group === "model" ? config : training, key, value);
  const issues = [record.config.safeParse(config), trainingSettings.safeParse(training)].flatMap(({ error }) => error?.issues ?? []);
  const problems = issues.map(({ path, code, message }) => {
    const field = path.map((_, i) => fields.get(path.slice(0, path.length - i).join("."))).find((found) => found !== undefined);
    return { key: field?.key ?? "", message: code === "custom" || field === undefined ? message : `must be ${field.rule}` };
  });
  const { stopMetric } = training;
  if (typeof stopMetric === "string" && stopMetric !== "" && !Object.hasOwn(record.metricInfo, stopMetric))
    problems.push({ key: "stopMetric", message: `must be a metric of the model: ${Object.keys(record.metricInfo).join(", ")}` });
  return problems.filter(({ key }, i) => problems.findIndex((other) => other.key === key) === i);
}

function jsonSchema(schema: z.ZodObject): JsonSchema {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
}

/** The values of a configuration by the dotted keys of its schema. */
function flat(schema: z.ZodObject, values: Record<string, unknown>): [string, unknown][] {
  return leaves(jsonSchema(schema)).map(({ key, schema: { default: standard } }) => {
    const found = key.split(".").reduce<unknown>((inner, part) => (isObject(inner) ? inner[part] : undefined), values);
    return [key, found === undefined ? standard : found];
  });
}

/** Keys are those of fields, so that none of them is `__proto__`. */
function assign(values: Record<string, unknown>, key: string, value: unknown): void {
  const parts = key.split(".");
  const last = parts.pop()!;
  let inner = values;
  for (const part of parts) {
    if (!isObject(inner[part])) inner[part] = {};
    inner = inner[part] as Record<string, unknown>;
  }
  inner[last] = value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
