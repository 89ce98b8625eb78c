import { UsageError } from "../../core/errors.ts";
import { chars, choice, complement, type Expression, type Grammar, repeat, rule, sequence, text } from "./grammar.ts";

/** Keywords that describe and do not restrict. */
const annotations = ["title", "description", "default", "examples", "$schema", "$id", "$comment", "deprecated", "readOnly", "writeOnly"];
const definitions = ["$defs", "definitions"];
const keywords: Readonly<Record<string, readonly string[]>> = {
  object: ["properties", "required", "additionalProperties"],
  array: ["items", "minItems", "maxItems"],
  string: ["minLength", "maxLength"],
  number: [],
  integer: [],
  boolean: [],
  null: [],
};

type Schema = Readonly<Record<string, unknown>>;
const infinity = Number.POSITIVE_INFINITY;
const digit = chars([0x30, 0x39]);
const optional = (part: Expression): Expression => repeat(part, 0, 1);
/** A blank, or a line's end and its indentation: what is between a JSON text's signs. */
const gap = rule("gap");
const comma = sequence(text(","), gap);
const hex = chars([0x30, 0x39], [0x41, 0x46], [0x61, 0x66]);
/** Four digits that are no half of a surrogate pair: a half alone is no text, and two would count as one character of a `minLength`. */
const codeUnit = choice(
  sequence(chars([0x30, 0x39], [0x41, 0x43], [0x45, 0x46], [0x61, 0x63], [0x65, 0x66]), repeat(hex, 3, 3)),
  sequence(chars([0x44, 0x44], [0x64, 0x64]), chars([0x30, 0x37]), repeat(hex, 2, 2)),
);

/** Rules that all schemas share. Numbers are limited to 16 digits, so that a text that only gets longer comes to an end. */
function commonRules(): Map<string, Expression> {
  const escaped = sequence(
    text("\\"),
    choice(chars(...[...'"\\/bfnrt'].map((c) => [c.charCodeAt(0), c.charCodeAt(0)] as const)), sequence(text("u"), codeUnit)),
  );
  const plain = chars(
    ...complement([
      [0, 0x1f],
      [0x22, 0x22],
      [0x5c, 0x5c],
      [0x7f, 0x7f],
    ]),
  );
  const whole = sequence(optional(text("-")), choice(text("0"), sequence(chars([0x31, 0x39]), repeat(digit, 0, 15))));
  const fraction = sequence(text("."), repeat(digit, 1, 16));
  const exponent = sequence(chars([0x45, 0x45], [0x65, 0x65]), optional(chars([0x2b, 0x2b], [0x2d, 0x2d])), repeat(digit, 1, 3));
  const member = sequence(rule("string"), text(":"), gap, rule("value"));
  return new Map<string, Expression>([
    ["gap", choice(text(""), text(" "), sequence(text("\n"), repeat(chars([0x20, 0x20], [0x09, 0x09]), 0, 20)))],
    ["char", choice(plain, escaped)],
    ["string", sequence(text('"'), repeat(rule("char"), 0, infinity), text('"'))],
    ["integer", whole],
    ["number", sequence(whole, optional(fraction), optional(exponent))],
    ["boolean", choice(text("true"), text("false"))],
    ["null", text("null")],
    ["object", braced("{", listOf(member, 0, infinity), "}")],
    ["array", braced("[", listOf(rule("value"), 0, infinity), "]")],
    ["value", choice(...["object", "array", "string", "number", "boolean", "null"].map(rule))],
  ]);
}

function braced(open: string, inner: Expression, close: string): Expression {
  return sequence(text(open), gap, inner, gap, text(close));
}

/** Between `least` and `most` of a kind, with commas between. */
function listOf(part: Expression, least: number, most: number): Expression {
  if (most === 0) return text("");
  const full = sequence(part, repeat(sequence(comma, part), Math.max(0, least - 1), most - 1));
  return least === 0 ? optional(full) : full;
}

/**
 * The grammar of JSON texts that fit a schema: types, `properties`, `required`, `additionalProperties`, `items`, `minItems`, `maxItems`, `minLength`,
 * `maxLength`, `enum`, `const`, `anyOf`, `$ref` into the schema itself. Properties come in the schema's order, and only those that it names where it
 * names some: every text fits the schema, but not every text that fits is possible.
 * @throws UsageError that says where in the schema something stands that is not supported
 */
export function jsonSchemaGrammar(schema: unknown): Grammar {
  const writer = new SchemaWriter(schema);
  return { root: writer.reference("#"), rules: writer.rules };
}

class SchemaWriter {
  readonly rules = commonRules();
  readonly #whole: unknown;

  constructor(whole: unknown) {
    this.#whole = whole;
  }

  /** The rule of what a reference points to, made at its first use: schemas may contain themselves. */
  reference(pointer: string): string {
    const name = `schema ${pointer}`;
    if (this.rules.has(name)) return name;
    this.rules.set(name, text("")); // known from now on, filled below
    this.rules.set(name, this.#value(this.#find(pointer), pointer));
    return name;
  }

  #find(pointer: string): unknown {
    if (!pointer.startsWith("#")) throw problem(pointer, "a reference outside of the schema", "references that begin with #");
    let at = this.#whole;
    for (const part of pointer.split("/").slice(1)) {
      const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
      at = typeof at === "object" && at !== null && Object.hasOwn(at, key) ? (at as Schema)[key] : undefined;
      if (at === undefined) throw problem(pointer, "a reference to nothing", "a place in the schema, such as #/$defs/name");
    }
    return at;
  }

  #value(schema: unknown, where: string): Expression {
    if (schema === true) return rule("value");
    if (typeof schema !== "object" || schema === null || Array.isArray(schema))
      throw problem(where, JSON.stringify(schema), "a schema: an object, or true");
    const known = schema as Schema;
    const used = Object.keys(known).filter((key) => !annotations.includes(key) && !definitions.includes(key));
    const only = (key: string, also: readonly string[] = []): void => {
      const other = used.find((name) => name !== key && !also.includes(name));
      if (other !== undefined) throw problem(`${where}/${other}`, `"${other}" beside "${key}"`, `nothing but "${key}"`);
    };
    if (known.$ref !== undefined) {
      only("$ref");
      return rule(this.reference(String(known.$ref)));
    }
    if (known.const !== undefined) {
      only("const", ["type"]);
      return this.#choice([known.const].filter(isOf(known.type)), `${where}/const`, (value) => text(JSON.stringify(value)));
    }
    if (known.enum !== undefined) {
      only("enum", ["type"]);
      const fitting = Array.isArray(known.enum) ? known.enum.filter(isOf(known.type)) : known.enum;
      return this.#choice(fitting, `${where}/enum`, (value) => text(JSON.stringify(value)));
    }
    if (known.anyOf !== undefined) {
      only("anyOf");
      return this.#choice(known.anyOf, `${where}/anyOf`, (inner, at) => this.#value(inner, at));
    }
    if (used.length === 0) return rule("value");
    return this.#typed(known, used, where);
  }

  #choice(list: unknown, where: string, make: (value: unknown, where: string) => Expression): Expression {
    if (!Array.isArray(list) || list.length === 0)
      throw problem(where, JSON.stringify(list), "a list with at least one entry, of the schema's type where it has one");
    return choice(...list.map((value, i) => make(value, `${where}/${i}`)));
  }

  #typed(schema: Schema, used: readonly string[], where: string): Expression {
    const guessed = schema.properties !== undefined ? "object" : schema.items !== undefined ? "array" : undefined;
    const types = schema.type === undefined ? guessed : schema.type;
    const list = Array.isArray(types) ? types : [types];
    const allowed = ["type", ...list.flatMap((type) => keywords[String(type)] ?? [])];
    const wrong = list.find((type) => !Object.hasOwn(keywords, String(type)));
    if (wrong !== undefined || list.length === 0)
      throw problem(`${where}/type`, JSON.stringify(schema.type), `one of: ${Object.keys(keywords).join(", ")}`);
    const other = used.find((key) => !allowed.includes(key));
    if (other !== undefined)
      throw problem(`${where}/${other}`, `"${other}"`, `one of: ${[...allowed, "enum", "const", "anyOf", "$ref"].join(", ")}`);
    return choice(...list.map((type) => this.#ofType(String(type), schema, where)));
  }

  #ofType(type: string, schema: Schema, where: string): Expression {
    if (type === "object") return this.#object(schema, where);
    if (type === "array") {
      const items = schema.items === undefined ? rule("value") : this.#value(schema.items, `${where}/items`);
      const [least, most] = limits(schema, "minItems", "maxItems", where);
      return braced("[", listOf(items, least, most), "]");
    }
    if (type === "string" && (schema.minLength !== undefined || schema.maxLength !== undefined)) {
      const [least, most] = limits(schema, "minLength", "maxLength", where);
      return sequence(text('"'), repeat(rule("char"), least, most), text('"'));
    }
    return rule(type);
  }

  #object(schema: Schema, where: string): Expression {
    const { properties = {}, required = [], additionalProperties = true } = schema;
    if (typeof properties !== "object" || properties === null)
      throw problem(`${where}/properties`, JSON.stringify(properties), "an object of schemas");
    if (!Array.isArray(required)) throw problem(`${where}/required`, JSON.stringify(required), "a list of names");
    const names = Object.keys(properties);
    const unknown = required.find((name) => !names.includes(name));
    if (unknown !== undefined) throw problem(`${where}/required`, JSON.stringify(unknown), `one of the properties: ${names.join(", ")}`);
    if (names.length === 0) {
      if (additionalProperties === false) return braced("{", text(""), "}");
      const value = this.#value(additionalProperties, `${where}/additionalProperties`);
      return braced("{", listOf(sequence(rule("string"), text(":"), gap, value), 0, infinity), "}");
    }
    const members = names.map((name) => ({
      pair: sequence(text(`${JSON.stringify(name)}:`), gap, this.#value((properties as Schema)[name], `${where}/properties/${name}`)),
      optional: !required.includes(name),
    }));
    return braced("{", this.#members(members, 0, false, where), "}");
  }

  /** The members from one on, in their order; rules of their own, so that optional ones do not double the grammar each time. */
  #members(members: readonly { pair: Expression; optional: boolean }[], from: number, begun: boolean, where: string): Expression {
    if (from === members.length) return text("");
    const name = `members ${where} ${from} ${begun}`;
    if (!this.rules.has(name)) {
      const { pair, optional: mayLack } = members[from];
      const taken = sequence(...(begun ? [comma] : []), pair, this.#members(members, from + 1, true, where));
      this.rules.set(name, mayLack ? choice(taken, this.#members(members, from + 1, begun, where)) : taken);
    }
    return rule(name);
  }
}

/** Whether a value is of one of a schema's types; every value where it names none. */
function isOf(types: unknown): (value: unknown) => boolean {
  const list = Array.isArray(types) ? types : [types];
  return (value) => {
    const kind = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
    return types === undefined || list.includes(kind) || (list.includes("integer") && Number.isInteger(value));
  };
}

function limits(schema: Schema, low: string, high: string, where: string): [number, number] {
  const [least, most] = [schema[low] ?? 0, schema[high] ?? infinity];
  const whole = (value: unknown): value is number =>
    typeof value === "number" && (Number.isInteger(value) || value === infinity) && value >= 0;
  if (!whole(least)) throw problem(`${where}/${low}`, JSON.stringify(least), "a whole number from 0");
  if (!whole(most) || most < least) throw problem(`${where}/${high}`, JSON.stringify(most), `a whole number from ${least}`);
  return [least, most];
}

function problem(where: string, got: string | undefined, expected: string): UsageError {
  return new UsageError({ what: "This JSON schema is not supported.", where, got, expected });
}
