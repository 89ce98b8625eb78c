import { appendFileSync, statSync, truncateSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { FileError } from "../core/errors.ts";
import { fileError, writeFileAtomic } from "../core/node/files.ts";

/** One logged step: `step` counts from 1; loss terms, `epoch`, `seconds`, `learningRate` ... by name. Numbers may be infinite or NaN. */
export interface MetricsRow {
  step: number;
  [name: string]: number | string | boolean | null;
}

const FLUSH_MS = 1_000;

/** Appends rows to a run's metrics.jsonl: buffered, written at most a second later and whenever `flush` is called (before each checkpoint). */
export class MetricsLog {
  readonly file: string;
  readonly #now: () => number;
  #buffer = "";
  #written: number;

  constructor(file: string, now: () => number = Date.now) {
    this.file = file;
    this.#now = now;
    this.#written = now();
  }

  /** Add a row. @throws FileError when the file cannot be written. */
  append(row: MetricsRow): void {
    this.#buffer += `${JSON.stringify(row, nameNonFinite)}\n`;
    if (this.#now() - this.#written >= FLUSH_MS) this.flush();
  }

  /** Write what is buffered; what could not be written stays in the buffer. @throws FileError when the file cannot be written. */
  flush(): void {
    this.#written = this.#now();
    if (this.#buffer === "") return;
    const size = statSync(this.file, { throwIfNoEntry: false })?.size;
    try {
      appendFileSync(this.file, this.#buffer);
    } catch (error) {
      cutBack(this.file, size ?? 0);
      throw fileError(error, `Could not write the metrics to ${this.file}.`);
    }
    this.#buffer = "";
  }
}

/** A full disk may have taken half a line: the next flush must not continue it. */
function cutBack(file: string, size: number): void {
  try {
    if (statSync(file).size > size) truncateSync(file, size);
  } catch {
    // Nothing was written, or nothing can be: the error that led here is the one to tell.
  }
}

/** Every row of a metrics.jsonl, in order; none when there is no file. A last line that was cut short is left out. @throws FileError for a broken line. */
export async function readMetrics(file: string): Promise<MetricsRow[]> {
  return (await readLines(file)).map(({ row }) => row);
}

/**
 * Drop the rows after a step, and a last line that was cut short: what a run that goes on from the checkpoint of that step will write again.
 * The rows that stay keep their bytes. Returns how many rows were dropped.
 * @throws FileError for a broken line, or when the file cannot be written.
 */
export async function truncateAfter(file: string, step: number): Promise<number> {
  const lines = await readLines(file);
  const kept = lines.filter(({ row }) => row.step <= step);
  const text = kept.map(({ line }) => `${line}\n`).join("");
  if (text !== (await readText(file))) await writeFileAtomic(file, text);
  return lines.length - kept.length;
}

async function readLines(file: string): Promise<{ line: string; row: MetricsRow }[]> {
  const lines = (await readText(file)).split("\n");
  // A complete file ends with a line break: what follows the last one was cut short.
  lines.pop();
  return lines.map((line, index) => ({ line, row: parseRow(line, `${file}, line ${index + 1}`) }));
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw fileError(error, "The metrics cannot be read.", file);
  }
}

function parseRow(line: string, where: string): MetricsRow {
  let row: unknown;
  try {
    row = JSON.parse(line, readNonFinite);
  } catch (cause) {
    throw new FileError({ what: "A line of the metrics is not JSON.", where, got: excerpt(line), hint: "remove that line", cause });
  }
  if (typeof row === "object" && row !== null && "step" in row && Number.isSafeInteger(row.step)) return row as MetricsRow;
  throw new FileError({
    what: "A line of the metrics has no step.",
    where,
    got: excerpt(line),
    expected: '{"step": ..., ...}',
    hint: "remove that line",
  });
}

const nonFinite: ReadonlyMap<string, number> = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

/** JSON has no NaN and would make it null; a loss that went wrong must stay visible. */
function nameNonFinite(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

function readNonFinite(_: string, value: unknown): unknown {
  return typeof value === "string" ? (nonFinite.get(value) ?? value) : value;
}

function excerpt(line: string): string {
  return line.length <= 80 ? line : `${line.slice(0, 77)}...`;
}
