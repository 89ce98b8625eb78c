/** The metrics of runs, read as they grow: a look at a run costs what has been added since the last. */
import { open, stat } from "node:fs/promises";
import { fileError } from "../../core/node/files.ts";
import type { Table } from "../metrics.ts";

/** Bytes read and parsed at once: in between the server answers others. */
const CHUNK = 2 ** 20;
/** Tables kept. */
const KEPT = 12;

const notFinite = new Set(["NaN", "Infinity", "-Infinity"]);

/** A table that grows, and which file it was read from. */
class GrowingTable implements Table {
  rows = 0;
  steps = new Float64Array(1024);
  readonly columns = new Map<string, Float64Array>();
  /** The file that was read, and how far. */
  file = 0;
  offset = 0;
  /** Raised whenever the table begins anew. */
  readonly generation: number;
  /** Lines that could not be read. */
  damaged = 0;
  #cut = "";

  constructor(generation: number) {
    this.generation = generation;
  }

  /** Take in the next piece of the file's text. */
  add(text: string): void {
    const lines = (this.#cut + text).split("\n");
    this.#cut = lines.pop()!;
    for (const line of lines) this.#addLine(line);
  }

  #addLine(line: string): void {
    let row: Record<string, unknown>;
    try {
      row = JSON.parse(line);
    } catch {
      this.damaged++;
      return;
    }
    if (row === null || typeof row !== "object" || typeof row.step !== "number") {
      this.damaged++;
      return;
    }
    if (this.rows === this.steps.length) this.#grow();
    this.steps[this.rows] = row.step;
    for (const name in row) {
      if (name === "step") continue;
      const value = row[name];
      const isNumber = typeof value === "number";
      if (!isNumber && !(typeof value === "string" && notFinite.has(value))) continue;
      let column = this.columns.get(name);
      if (column === undefined) {
        column = new Float64Array(this.steps.length).fill(Number.NaN);
        this.columns.set(name, column);
      }
      column[this.rows] = isNumber ? value : Number.POSITIVE_INFINITY;
    }
    this.rows++;
  }

  #grow(): void {
    const length = this.steps.length * 2;
    const wider = (values: Float64Array, fill: number) => {
      const all = new Float64Array(length).fill(fill, values.length);
      all.set(values);
      return all;
    };
    this.steps = wider(this.steps, 0);
    for (const [name, values] of this.columns) this.columns.set(name, wider(values, Number.NaN));
  }
}

/** A table as of now. */
export interface ReadTable extends Table {
  readonly generation: number;
  readonly damaged: number;
}

export class MetricsStore {
  readonly #tables = new Map<string, Promise<GrowingTable>>();
  #generations = 0;

  /**
   * The metrics of a file as they are now; an empty table where there is no file. It grows by later calls.
   * @throws FileError when it cannot be read
   */
  read(file: string): Promise<ReadTable> {
    const before = this.#tables.get(file);
    const next = (before ?? Promise.resolve(undefined))
      .catch(() => undefined)
      .then((table) => this.#update(file, table))
      .catch((error: unknown) => {
        this.#tables.delete(file);
        throw fileError(error, "The metrics cannot be read.");
      });
    this.#tables.delete(file);
    this.#tables.set(file, next);
    for (const name of [...this.#tables.keys()].slice(0, -KEPT)) this.#tables.delete(name);
    return next;
  }

  async #update(file: string, known: GrowingTable | undefined): Promise<GrowingTable> {
    const about = await stat(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (about === undefined) return known?.rows === 0 ? known : new GrowingTable(++this.#generations);
    // A run that goes on from a checkpoint writes its metrics anew: another file, or a shorter one.
    const same = known !== undefined && (known.file === about.ino || known.file === 0) && about.size >= known.offset;
    const table = same ? known : new GrowingTable(++this.#generations);
    table.file = about.ino;
    if (about.size > table.offset) await readOn(file, table, about.size);
    return table;
  }
}

async function readOn(file: string, table: GrowingTable, size: number): Promise<void> {
  const handle = await open(file, "r");
  // A character may be cut between two pieces.
  const decoder = new TextDecoder();
  try {
    const buffer = new Uint8Array(Math.min(CHUNK, size - table.offset));
    while (table.offset < size) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, size - table.offset), table.offset);
      if (bytesRead === 0) break;
      table.offset += bytesRead;
      table.add(decoder.decode(buffer.subarray(0, bytesRead), { stream: true }));
    }
  } finally {
    await handle.close();
  }
}
