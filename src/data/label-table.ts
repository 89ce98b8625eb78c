/** What a `labels.csv` says of the pictures beside it. */
import { FileError } from "../core/errors.ts";
import { parseCsv } from "./csv.ts";

/** The rows of a label file by picture. */
export interface LabelTable {
  /** Sorted names of the classes, where there is a column `label`. */
  classes?: readonly string[] | undefined;
  /** Lower-case, hyphenated names of the other columns. */
  attributes: readonly string[];
  /** By the picture's path inside the folder, with forward slashes. */
  rows: ReadonlyMap<string, LabelRow>;
}

export interface LabelRow {
  /** The line of the file, from 1. */
  line: number;
  /** An index into the classes. */
  label?: number | undefined;
  /** 0 or 1 for each attribute. */
  values: Uint8Array;
}

const MOST_CLASSES = 256;

/**
 * Read a label file: a header `file,label`, `file,ATTRIBUTE,...` or both, then a line for each picture: its path inside the folder, its class as a
 * text, its attributes as 0 or 1. Names of attributes are lowered and joined by hyphens: `Wearing_Hat` is `wearing-hat`.
 * @throws FileError naming `file` and the line for a header or a value that is not so, a picture named twice, no rows or more than 256 classes
 */
export function readLabelTable(text: string, file: string): LabelTable {
  const [header, ...records] = parseCsv(text, file);
  const columns = (header?.fields ?? []).map(hyphenated);
  checkHeader(columns, header?.fields ?? [], file);
  if (records.length === 0) throw new FileError({ what: "The label file has no rows.", where: file });
  const labelled = columns.indexOf("label");
  const attributeColumns = columns.map((_, i) => i).filter((i) => i > 0 && i !== labelled);
  const classes = labelled < 0 ? undefined : [...new Set(records.map(({ fields }) => fields[labelled].trim()))].sort();
  if (classes !== undefined && classes.length > MOST_CLASSES) {
    const expected = `at most ${MOST_CLASSES}`;
    throw new FileError({ what: "The label file has too many classes.", where: file, got: String(classes.length), expected });
  }
  const indices = new Map(classes?.map((name, index) => [name, index]));
  const rows = new Map<string, LabelRow>();
  for (const { line, fields } of records) {
    const where = `${file}, line ${line}`;
    const picture = fields[0].trim().replaceAll("\\", "/").replace(/^\.\//, "");
    const before = rows.get(picture);
    if (before !== undefined) {
      throw new FileError({ what: "A picture is named twice.", where, got: picture, hint: `it stands in line ${before.line} already` });
    }
    const label = classes && readClass(fields[labelled], indices, where);
    rows.set(picture, { line, label, values: Uint8Array.from(attributeColumns, (i) => readBit(fields[i], columns[i], where)) });
  }
  return { classes, attributes: attributeColumns.map((i) => columns[i]), rows };
}

function checkHeader(columns: readonly string[], given: readonly string[], file: string): void {
  const twice = columns.find((name, i) => columns.indexOf(name) !== i);
  const problem =
    columns[0] !== "file"
      ? "the first column is not named file"
      : columns.length < 2
        ? "there is only one column"
        : columns.includes("")
          ? "a column has no name"
          : twice !== undefined
            ? `two columns are named ${twice}`
            : columns.some((name) => /[=,]/.test(name))
              ? "a column's name holds = or a comma, which stand between attributes where they are asked for"
              : undefined;
  if (problem === undefined) return;
  throw new FileError({
    what: `The header of the label file is not right: ${problem}.`,
    where: `${file}, line 1`,
    got: given.join(",").slice(0, 200),
    expected: "file,label or file,ATTRIBUTE,ATTRIBUTE,...",
  });
}

function hyphenated(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replace(/[\s_-]+/g, "-");
}

function readClass(field: string, indices: ReadonlyMap<string, number>, where: string): number {
  const name = field.trim();
  if (name === "") throw new FileError({ what: "A picture has no label.", where });
  return indices.get(name)!;
}

function readBit(field: string, column: string, where: string): number {
  const text = field.trim();
  if (text === "0" || text === "1") return Number(text);
  throw new FileError({ what: `The attribute "${column}" of a picture is neither 0 nor 1.`, where, got: text === "" ? "nothing" : text });
}
