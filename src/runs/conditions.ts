/** What pictures shall show: conditions by name, as a sampler takes them. */
import { UsageError, unknownName } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import type { Attributes, ExampleSet } from "../data/dataset.ts";
import type { ModelRecord } from "../models/index.ts";

/** Names of the conditions of a run's data, in their order, and whether a picture has one of them (classes) or any number (attributes). */
export interface ConditionList {
  kind: "classes" | "attributes";
  names: string[];
}

/** What a set's pictures are conditioned on; undefined where nothing is known of them. */
export function conditionList({ attributes, classes }: Pick<ExampleSet, "attributes" | "classes">): ConditionList | undefined {
  if (attributes !== undefined) return { kind: "attributes", names: [...attributes.names] };
  return classes === undefined || classes.length === 0 ? undefined : { kind: "classes", names: [...classes] };
}

/** What the user asks for: one class by name or number, or attributes as `smiling=1,hat=0`. */
export interface WantedConditions {
  label?: string | undefined;
  attributes?: string | undefined;
}

/** Conditions [count, K] as one-hot rows: one class, by its number, for all, or each class in turn. */
export function classConditions(classes: number, count: number, chosen?: number): Float32Array {
  const conditions = new Float32Array(count * classes);
  for (let i = 0; i < count; i++) conditions[i * classes + (chosen ?? i % classes)] = 1;
  return conditions;
}

/** The number of a class given by its name, or by the number itself. @throws UsageError with the nearest name */
export function classIndex(names: readonly string[], label: string): number {
  const named = names.indexOf(label);
  if (named >= 0) return named;
  const number = Number(label);
  if (/^\d+$/.test(label) && number < names.length) return number;
  throw unknownName("class", label, names);
}

/** `smiling=1,hat=0` as index and value. @throws UsageError for a name that does not exist, a value that is not 0 or 1, or a name given twice */
export function parseAttributes(text: string, names: readonly string[]): Map<number, 0 | 1> {
  const wanted = new Map<number, 0 | 1>();
  for (const part of text.split(",").filter((piece) => piece.trim() !== "")) {
    const [name, value, ...rest] = part.split("=").map((piece) => piece.trim());
    const index = names.indexOf(name);
    if (index < 0) throw unknownName("attribute", name, names);
    if (rest.length > 0 || (value !== "0" && value !== "1") || wanted.has(index)) {
      throw new UsageError({
        what: wanted.has(index) ? `The attribute "${name}" is given twice.` : `An attribute is 0 (without) or 1 (with).`,
        got: part.trim(),
        expected: `${name}=0 or ${name}=1`,
      });
    }
    wanted.set(index, value === "1" ? 1 : 0);
  }
  return wanted;
}

/**
 * Conditions [count, K] drawn from the rows of real pictures that agree with what is wanted, so that what was not asked for is as likely as in the data.
 * Where no picture agrees, any rows are drawn and what is wanted is written over them.
 */
export function attributeConditions(
  { names, values }: Attributes,
  count: number,
  wanted: ReadonlyMap<number, 0 | 1>,
  seed: number | string,
): { conditions: Float32Array; agreeing: number } {
  const width = names.length;
  const all = Array.from({ length: values.length / width }, (_, row) => row);
  const agreeing = all.filter((row) => [...wanted].every(([index, value]) => values[row * width + index] === value));
  const rows = agreeing.length > 0 ? agreeing : all;
  const stream = new RandomStream(seed, "conditions");
  const conditions = new Float32Array(count * width);
  for (let i = 0; i < count; i++) {
    const row = rows[Math.floor(stream.uniform() * rows.length)];
    conditions.set(values.subarray(row * width, (row + 1) * width), i * width);
    for (const [index, value] of wanted) conditions[i * width + index] = value;
  }
  return { conditions, agreeing: agreeing.length };
}

/**
 * Conditions [count, K] of fresh pictures: those that the user wants, else each class in turn, or attributes as real pictures have them.
 * @param list the names that the run was trained with
 * @param load pictures whose attributes are drawn from; only asked for where they are needed
 * @throws UsageError where the model takes no conditions, or not those given
 */
export async function sampleConditions(options: {
  record: Pick<ModelRecord, "name" | "data">;
  list: ConditionList | undefined;
  count: number;
  seed: number | string;
  wanted?: WantedConditions;
  load: () => Promise<ExampleSet>;
  onNote?: (text: string) => void;
}): Promise<Float32Array | undefined> {
  const { record, list, count, seed, wanted = {} } = options;
  const given = wanted.label !== undefined || wanted.attributes !== undefined;
  if (record.data.conditions === undefined || list === undefined) {
    if (!given) return undefined;
    throw new UsageError({
      what: `The model "${record.name}" does not take ${wanted.label === undefined ? "attributes" : "a label"}: what it paints cannot be chosen.`,
      hint: "train a conditional model; atelier models lists them",
    });
  }
  if (list.kind === "classes") {
    if (wanted.attributes !== undefined) throw otherKind("attributes", "classes", "--label", list.names);
    const chosen = wanted.label === undefined ? undefined : classIndex(list.names, wanted.label);
    return classConditions(list.names.length, count, chosen);
  }
  if (wanted.label !== undefined) throw otherKind("classes", "attributes", "--attributes", list.names);
  const chosen = parseAttributes(wanted.attributes ?? "", list.names);
  const { attributes } = await options.load();
  if (attributes === undefined || attributes.names.join() !== list.names.join()) {
    throw new UsageError({
      what: "The data no longer have the attributes that the run was trained with.",
      expected: list.names.join(", "),
    });
  }
  const { conditions, agreeing } = attributeConditions(attributes, count, chosen, seed);
  if (agreeing === 0) options.onNote?.("no picture of the data has these attributes together: the others are drawn as if they were free");
  return conditions;
}

function otherKind(asked: string, has: string, option: string, names: readonly string[]): UsageError {
  return new UsageError({
    what: `The run was trained with ${has}, not with ${asked}.`,
    expected: `${option} with ${names.length > 12 ? `${names.slice(0, 12).join(", ")} ...` : names.join(", ")}`,
  });
}
