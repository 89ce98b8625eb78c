/** The user's own text files: plain text, JSON lines, CSV, pairs between tabs. */
import { digest } from "../../core/digest.ts";
import { FileError, unknownName } from "../../core/errors.ts";
import { parseCsv } from "../csv.ts";
import type { TextDocument } from "./text-set.ts";

/** Which fields or columns hold the text, and what it becomes. */
export interface TextFields {
  field?: string | undefined;
  targetField?: string | undefined;
  /** What holds the label of a text, where it has one. In a `.tsv` it is what stands behind the tab. */
  labelField?: string | undefined;
}

/**
 * The documents of one file: by its name a `.jsonl` or `.csv` with one a line, a `.tsv` with a pair a line (no header: source, tab, target), else plain text as one. Bytes that are not UTF-8 become U+FFFD, with a
 * note. Lines are keyed by their content, so that a line said twice is in one split.
 * @throws FileError naming the line that is not right; UsageError for a field or column that is not there.
 */
export function readTextBytes(bytes: Uint8Array, name: string, fields: TextFields = {}): { documents: TextDocument[]; notes: string[] } {
  const text = new TextDecoder("utf-8").decode(bytes);
  const broken = text.includes("\ufffd") && !isUtf8(bytes);
  const notes = broken ? [`${name} is not all UTF-8: what is not was read as U+FFFD`] : [];
  if (/\.(jsonl|ndjson)$/i.test(name)) return { documents: readJsonLines(text, name, fields), notes };
  if (/\.tsv$/i.test(name)) return { documents: readTabs(text, name, fields), notes };
  if (/\.csv$/i.test(name)) return { documents: readCsv(text, name, fields), notes };
  return { documents: text.trim() === "" ? [] : [{ id: name, text }], notes };
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function readJsonLines(text: string, name: string, { field = "text", targetField, labelField }: TextFields): TextDocument[] {
  return text.split("\n").flatMap((line, i) => {
    if (line.trim() === "") return [];
    const where = `${name}, line ${i + 1}`;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      throw new FileError({ what: "A line is not JSON.", where, got: line.slice(0, 80), cause: error });
    }
    const of = (wanted: string): string => {
      const found = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[wanted] : undefined;
      if (typeof found === "string") return found;
      throw new FileError({
        what: "A line lacks its text.",
        where,
        got: line.slice(0, 80),
        expected: `an object whose "${wanted}" is a text`,
      });
    };
    const id = `${name}:${i + 1}`;
    if (labelField !== undefined) return [labelled(keyed(id, of(field), undefined), labelIn(value, labelField, where))];
    return [keyed(id, typeof value === "string" ? value : of(field), targetField === undefined ? undefined : of(targetField))];
  });
}

/** A label in JSON: a text, a number, true or false. @throws FileError */
function labelIn(value: unknown, field: string, where: string): string {
  const found = (value as Record<string, unknown> | null)?.[field];
  if (["string", "number", "boolean"].includes(typeof found)) return String(found);
  throw new FileError({
    what: "A line lacks its label.",
    where,
    got: JSON.stringify(value)?.slice(0, 80),
    expected: `an object whose "${field}" is a text or a number`,
  });
}

function labelled(document: TextDocument, label: string): TextDocument {
  return { ...document, label: label.trim() };
}

function readTabs(text: string, name: string, { labelField }: TextFields): TextDocument[] {
  return text.split(/\r?\n/).flatMap((line, i) => {
    if (line.trim() === "") return [];
    const [source, target] = line.split("\t");
    const id = `${name}:${i + 1}`;
    if (target !== undefined && labelField !== undefined) return [labelled(keyed(id, source, undefined), target)];
    if (target !== undefined) return [keyed(id, source, target)];
    throw new FileError({
      what: "A line is no pair.",
      where: `${name}, line ${i + 1}`,
      got: line.slice(0, 80),
      expected: labelField === undefined ? "source, tab, target" : "text, tab, label",
    });
  });
}

function readCsv(text: string, name: string, { field = "text", targetField, labelField }: TextFields): TextDocument[] {
  const [header, ...records] = parseCsv(text, name);
  if (header === undefined) return [];
  const columnOf = (wanted: string): number => {
    const found = header.fields.indexOf(wanted);
    if (found < 0) throw unknownName(`column in ${name}`, wanted, header.fields);
    return found;
  };
  const [column, target] = [columnOf(field), targetField === undefined ? -1 : columnOf(targetField)];
  if (labelField !== undefined) {
    const label = columnOf(labelField);
    return records.map(({ line, fields }) => labelled(keyed(`${name}:${line}`, fields[column], undefined), fields[label]));
  }
  return records.map(({ line, fields }) => keyed(`${name}:${line}`, fields[column], target < 0 ? undefined : fields[target]));
}

/** What texts have in common that are equal but for case and blanks. */
export function contentKey(text: string): string {
  return digest(new TextEncoder().encode(text.toLowerCase().replace(/\s+/g, " ").trim()));
}

function keyed(id: string, text: string, target: string | undefined): TextDocument {
  const key = contentKey(text);
  return target === undefined ? { id, key, text } : { id, key, text, target };
}
