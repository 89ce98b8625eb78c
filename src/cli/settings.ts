/** `--set key=value` and `--sampling key=value`: read by the model's schema, laid over its preset. */
import { z } from "zod";
import { nearest, UsageError } from "../core/errors.ts";
import { describeType, type JsonSchema, leaves, NotReadable, propertyAt, readValue } from "../core/settings-schema.ts";
import { formatTable } from "./format.ts";

/** One setting as help and errors list it. Nested ones have dotted keys. */
export interface SettingInfo {
  key: string;
  /** In words: `number from 0 to 1`. */
  type: string;
  /** The preset's value, else the schema's. */
  default: unknown;
  description: string;
}

/** Every setting of an object schema, with the values of a preset. */
export function describeSettings(schema: z.ZodObject, preset: Readonly<Record<string, unknown>>): SettingInfo[] {
  return leaves(asJsonSchema(schema)).map(({ key, schema: property }) => {
    const value = valueAt(preset, key);
    return {
      key,
      type: describeType(property),
      default: value === undefined ? property.default : value,
      description: property.description ?? "",
    };
  });
}

/**
 * The preset with each `key=value` laid over it, checked by the schema. Keys may be dotted (`optimizer.beta1=0.5`); lists and objects are JSON.
 * @param words what errors call a setting, and the flag that sets it
 * @throws UsageError for an unknown key (with the nearest and the list of all), a value of the wrong type or out of its range.
 */
export function resolveSettings<S extends z.ZodObject>(
  schema: S,
  preset: Readonly<Record<string, unknown>>,
  assignments: readonly string[],
  words: SettingWords = { kind: "setting", flag: "--set" },
): z.output<S> {
  const json = asJsonSchema(schema);
  const settings = structuredClone(preset) as Record<string, unknown>;
  for (const assignment of assignments) {
    const [key, text] = split(assignment, words);
    const property = propertyAt(json, key);
    if (property === undefined) throw unknownSetting(key, describeSettings(schema, preset), words);
    assign(settings, key, read(key, text, property, words));
  }
  const checked = schema.safeParse(settings);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  // A problem inside a list is told of the list: it is the list that was set.
  let depth = issue.path.length;
  while (depth > 1 && propertyAt(json, issue.path.slice(0, depth).join(".")) === undefined) depth--;
  const key = issue.path.slice(0, depth).join(".");
  // A refinement's own message says more than the type; the other messages only repeat it.
  const property = propertyAt(json, key) ?? {};
  throw wrongValue({ key, got: valueAt(settings, key), property, words, rule: issue.code === "custom" ? issue.message : undefined });
}

/** What errors call a setting, and the flag that sets it. */
export interface SettingWords {
  kind: string;
  flag: string;
}

function asJsonSchema(schema: z.ZodObject): JsonSchema {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
}

function split(assignment: string, { kind, flag }: SettingWords): [string, string] {
  const at = assignment.indexOf("=");
  if (at > 0) return [assignment.slice(0, at).trim(), assignment.slice(at + 1)];
  throw new UsageError({ what: `A ${kind} has no value.`, got: `${flag} ${assignment}`, expected: `${flag} key=value` });
}

function read(key: string, text: string, property: JsonSchema, words: SettingWords): unknown {
  try {
    return readValue(text, property);
  } catch (error) {
    if (error instanceof NotReadable) throw wrongValue({ key, got: text, property, words });
    throw error;
  }
}

function unknownSetting(key: string, known: readonly SettingInfo[], { kind }: SettingWords): UsageError {
  const near = nearest(
    key,
    known.map((setting) => setting.key),
  );
  const rows = known.map((setting) => [setting.key, setting.type, shown(setting.default), setting.description]);
  return new UsageError({
    what: `There is no ${kind} named "${key}".`,
    expected: known.length === 0 ? "none: there is nothing to set" : `one of (name, type, default, meaning)\n${formatTable(rows, "    ")}`,
    hint: near === undefined ? undefined : `did you mean "${near}"?`,
  });
}

interface WrongValue {
  key: string;
  got: unknown;
  property: JsonSchema;
  words: SettingWords;
  /** What a value must be, where the type does not say it. */
  rule?: string | undefined;
}

function wrongValue({ key, got, property, words: { kind, flag }, rule = describeType(property) }: WrongValue): UsageError {
  const unreadList = property.type === "array" && typeof got === "string";
  return new UsageError({
    what: `The ${kind} "${key}" cannot have this value.`,
    got: shown(got),
    expected: property.description === undefined ? rule : `${rule} (${property.description})`,
    hint: unreadList ? `write a list as JSON, in quotes for the shell: ${flag} '${key}=[...]'` : undefined,
  });
}

function shown(value: unknown): string {
  return value === undefined ? "" : JSON.stringify(value);
}

function valueAt(settings: unknown, key: string): unknown {
  let value = settings;
  for (const part of key.split(".")) value = isRecord(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  return value;
}

/** Keys come from the schema, so none of them can be `__proto__`. */
function assign(settings: Record<string, unknown>, key: string, value: unknown): void {
  const parts = key.split(".");
  const last = parts.pop() as string;
  let object = settings;
  for (const part of parts) {
    const inner = Object.hasOwn(object, part) && isRecord(object[part]) ? object[part] : {};
    object[part] = inner;
    object = inner;
  }
  object[last] = value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
