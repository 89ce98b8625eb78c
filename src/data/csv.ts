/** Comma-separated values, as RFC 4180 writes them. */
import { FileError } from "../core/errors.ts";

/** One record of a CSV file. */
export interface CsvRecord {
  /** The line it begins on, from 1. */
  line: number;
  fields: string[];
}

/** Fields between commas and lines that end in LF, CRLF or CR; a quoted one may hold both, and quotes written twice. The empty match ends the text. */
const FIELD = /(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r\n?|\n|$)/y;

/**
 * Read CSV: fields in double quotes may hold commas, line ends and doubled quotes; a byte-order mark and empty lines are skipped; each record has
 * as many fields as the first.
 * @throws FileError naming `file` and the line, for quotes that are not closed or stand in the middle, and for another number of fields
 */
export function parseCsv(text: string, file: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  let fields: string[] = [];
  let [line, begun] = [1, 1];
  const field = new RegExp(FIELD);
  field.lastIndex = text.startsWith("\ufeff") ? 1 : 0;
  for (let ended = false; !ended; ) {
    const start = field.lastIndex;
    const match = field.exec(text);
    if (match === null) throw wrongQuotes(text.slice(start, start + 60), file, line);
    const [whole, quoted, plain, separator] = match;
    fields.push(quoted?.replaceAll('""', '"') ?? plain);
    line += whole.split(/\r\n?|\n/).length - 1;
    ended = separator === "";
    if (separator === ",") continue;
    const empty = fields.length === 1 && whole.trim() === "";
    if (!empty) records.push({ line: begun, fields });
    [fields, begun] = [[], line];
  }
  const width = records[0]?.fields.length;
  const odd = records.find((record) => record.fields.length !== width);
  if (odd !== undefined) {
    throw new FileError({
      what: "A line has another number of fields than the first.",
      where: `${file}, line ${odd.line}`,
      got: `${odd.fields.length}: ${odd.fields.join(",").slice(0, 100)}`,
      expected: `${width}: ${records[0].fields.join(",").slice(0, 100)}`,
    });
  }
  return records;
}

function wrongQuotes(text: string, file: string, line: number): FileError {
  return new FileError({
    what: "The quotes of a field are not right.",
    where: `${file}, line ${line}`,
    got: text,
    expected: 'a field without quotes, or one in double quotes with "" for each quote in it',
  });
}
