/** Forms as data: made from the settings' own schemas, shown and checked by any page. Loads in a page too. */
import type { MetricAbout, SettingProblem } from "./training.ts";

export interface FormField {
  /** The setting's name, dotted where it lies inside another. */
  readonly key: string;
  readonly group: "model" | "training";
  /** `json` for lists and whatever else is written as JSON. */
  readonly kind: "number" | "integer" | "boolean" | "choice" | "text" | "json";
  /** What it is, with its unit. */
  readonly about: string;
  /** What may stand there, in words: `integer from 1 to 512`. */
  readonly rule: string;
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly above?: number | undefined;
  readonly below?: number | undefined;
  /** Of `choice`. */
  readonly choices?: readonly (string | number | boolean | null)[] | undefined;
}

export interface FormPreset {
  readonly name: string;
  readonly about: string;
  /** The data set it is made for. */
  readonly data: string;
  /** A value for each field. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** Everything that can be chosen about the training of a model. */
export interface ModelForm {
  readonly model: string;
  readonly title: string;
  readonly family: string;
  readonly summary: string;
  /** Whether it learns pictures (or points), texts or pairs of texts: which data it can take. */
  readonly takes: "numbers" | "text" | "pairs";
  /** Data sets that suit it. */
  readonly sets: readonly string[];
  readonly presets: readonly FormPreset[];
  readonly fields: readonly FormField[];
  readonly metrics: Readonly<Record<string, MetricAbout>>;
}

/** What the page needs to offer a choice of models. */
export interface ModelChoice {
  readonly name: string;
  readonly title: string;
  readonly family: string;
  readonly year: number;
}

/** What stands in a field, as text. */
export function fieldText(value: unknown): string {
  return typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
}

/** A field's value from what stands in it; a problem where that is not of its kind or out of its range. */
export function readField(field: FormField, text: string): { readonly value: unknown } | { readonly problem: string } {
  const trimmed = text.trim();
  switch (field.kind) {
    case "text":
      return { value: text };
    case "boolean":
      return trimmed === "true" || trimmed === "false" ? { value: trimmed === "true" } : { problem: `must be ${field.rule}` };
    case "choice": {
      const found = field.choices?.find((choice) => String(choice) === trimmed);
      return found === undefined ? { problem: `must be ${field.rule}` } : { value: found };
    }
    case "json":
      try {
        return { value: JSON.parse(trimmed) };
      } catch {
        return { problem: `must be ${field.rule}, written as JSON` };
      }
    default: {
      const value = Number(trimmed);
      const wrong = trimmed === "" || !Number.isFinite(value) || outOfRange(field, value);
      return wrong ? { problem: `must be ${article(field.rule)}` } : { value };
    }
  }
}

function outOfRange({ kind, minimum, maximum, above, below }: FormField, value: number): boolean {
  if (kind === "integer" && !Number.isInteger(value)) return true;
  return (
    (minimum !== undefined && value < minimum) ||
    (maximum !== undefined && value > maximum) ||
    (above !== undefined && value <= above) ||
    (below !== undefined && value >= below)
  );
}

function article(rule: string): string {
  return `${/^[aeiou]/.test(rule) ? "an" : "a"} ${rule}`;
}

/** The settings that differ from a preset, and what is wrong with those that cannot be read. */
export function changedSettings(
  fields: readonly FormField[],
  preset: Readonly<Record<string, unknown>>,
  texts: Readonly<Record<string, string>>,
): { readonly settings: Record<string, unknown>; readonly problems: SettingProblem[] } {
  const settings: Record<string, unknown> = {};
  const problems: SettingProblem[] = [];
  for (const field of fields) {
    const text = texts[field.key];
    if (text === undefined || text === fieldText(preset[field.key])) continue;
    const read = readField(field, text);
    if ("problem" in read) problems.push({ key: field.key, message: read.problem });
    else if (JSON.stringify(read.value) !== JSON.stringify(preset[field.key])) settings[field.key] = read.value;
  }
  return { settings, problems };
}
