/** What the settings' reader uses of JSON Schema, which zod writes of every schema. */
export interface JsonSchema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema;
  prefixItems?: JsonSchema[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  minItems?: number;
  maxItems?: number;
}

/** Thrown where a text cannot be read as the schema's type; ranges are left to the schema itself. */
export class NotReadable extends Error {}

/** The settings of an object schema, nested objects opened into dotted keys. */
export function leaves(schema: JsonSchema, prefix = ""): { key: string; schema: JsonSchema }[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
    property.properties === undefined ? [{ key: prefix + name, schema: property }] : leaves(property, `${prefix}${name}.`),
  );
}

/** The schema of a dotted key, of a leaf or of a whole object; undefined when there is none. */
export function propertyAt(schema: JsonSchema, key: string): JsonSchema | undefined {
  let current: JsonSchema | undefined = schema;
  for (const part of key.split(".")) {
    if (current === undefined) return undefined;
    const { properties = {}, additionalProperties }: JsonSchema = current;
    if (Object.hasOwn(properties, part)) current = properties[part];
    else current = typeof additionalProperties === "object" && /^[A-Za-z][\w-]*$/.test(part) ? additionalProperties : undefined;
  }
  return current;
}

/** A value of the schema's type from the text after `key=`. @throws NotReadable */
export function readValue(text: string, schema: JsonSchema): unknown {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return readChoice(text, choices);
  const fixed = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (fixed !== undefined) {
    const match = fixed.find((value) => String(value) === text);
    if (match === undefined) throw new NotReadable();
    return match;
  }
  switch (schema.type) {
    case "string":
      return text;
    case "number":
    case "integer":
      if (text.trim() === "" || !Number.isFinite(Number(text))) throw new NotReadable();
      return Number(text);
    case "boolean":
      if (text !== "true" && text !== "false") throw new NotReadable();
      return text === "true";
    case "null":
      if (text !== "null") throw new NotReadable();
      return null;
    default:
      return readJson(text, schema.type);
  }
}

/** Text last: everything can be read as a text. */
function readChoice(text: string, choices: readonly JsonSchema[]): unknown {
  for (const choice of choices.toSorted((a, b) => Number(a.type === "string" && !a.enum) - Number(b.type === "string" && !b.enum))) {
    try {
      return readValue(text, choice);
    } catch (error) {
      if (!(error instanceof NotReadable)) throw error;
    }
  }
  throw new NotReadable();
}

function readJson(text: string, type: string | undefined): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    if (type === undefined) return text;
    throw new NotReadable();
  }
  const found = Array.isArray(value) ? "array" : typeof value === "object" && value !== null ? "object" : "other";
  if (type !== undefined && type !== found) throw new NotReadable();
  return value;
}

/** A schema's type in words: `integer from 1 to 512`, `"adam" or "sgd"`, `list of number > 0`. */
export function describeType(schema: JsonSchema): string {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return choices.map(describeType).join(" or ");
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  switch (schema.type) {
    case "number":
    case "integer":
      return `${schema.type}${describeRange(schema)}`;
    case "boolean":
      return "true or false";
    case "string":
      return "text";
    case "array":
      return describeList(schema);
    case "object":
      return `JSON object${schema.properties === undefined ? "" : ` with ${Object.keys(schema.properties).join(", ")}`}`;
    case undefined:
      return "any value";
    default:
      return schema.type;
  }
}

function describeList({ items, prefixItems, minItems, maxItems }: JsonSchema): string {
  if (prefixItems !== undefined) return `list [${prefixItems.map(describeType).join(", ")}]`;
  const count =
    minItems === undefined && maxItems === undefined
      ? ""
      : minItems === maxItems
        ? ` of ${minItems}`
        : ` of ${minItems ?? 0} to ${maxItems ?? "any number of"} entries,`;
  return `list${count}${count === "" ? " of" : " each"} ${items === undefined ? "any value" : describeType(items)}`;
}

function describeRange({ minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf }: JsonSchema): string {
  // Zod bounds every integer by what a double holds exactly: no news to a reader.
  const low = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const high = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  const bounds = [];
  if (low !== undefined && high !== undefined) bounds.push(`from ${low} to ${high}`);
  else if (low !== undefined) bounds.push(`>= ${low}`);
  else if (high !== undefined) bounds.push(`<= ${high}`);
  if (exclusiveMinimum !== undefined) bounds.push(`> ${exclusiveMinimum}`);
  if (exclusiveMaximum !== undefined) bounds.push(`< ${exclusiveMaximum}`);
  const range = bounds.length === 0 ? "" : ` ${bounds.join(" and ")}`;
  return multipleOf === undefined ? range : `${range}, a multiple of ${multipleOf}`;
}
