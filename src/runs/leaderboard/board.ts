/** What a leaderboard keeps on disk, so that it goes on after any interruption: its settings, what is known of each entrant, and the samples drawn. */
import { mkdir, readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { FileError, UsageError } from "../../core/errors.ts";
import { fileError, readBytes, writeFileAtomic } from "../../core/node/files.ts";
import type { ImageShape } from "../../data/dataset.ts";
import type { Budget } from "./budget.ts";
import type { BoardRow } from "./row.ts";

const FORMAT = 1;

/** What must be the same for all rows. */
export interface BoardSettings {
  /** Name of the data, or the path of a folder. */
  data: string;
  /** Digest of the data. */
  integrity: string | undefined;
  /** [C, H, W] of the pictures that are learned and compared. */
  image: ImageShape;
  /** Training steps of each, in minutes. */
  minutes: number;
  /** Drawn of each. */
  samples: number;
  seed: string;
  /** What describes the pictures: a name of the library's assets, or an ONNX file. */
  features: string;
}

/** What is known of an entrant: everything that has been done for it. */
export interface Entry {
  name: string;
  budget?: Budget;
  /** The checkpoint that the samples are of. */
  checkpoint?: string;
  /** Batches drawn so far. */
  drawn: { seconds: number; compileSeconds: number }[];
  row?: BoardRow;
}

/** Words for a setting in errors. */
const shown = (value: unknown): string => (Array.isArray(value) ? value.join(" x ") : String(value));

/** The folder of a leaderboard, hidden beside the runs. Every file in it is written by renaming: a killed process leaves the old or the new one. */
export class Board {
  readonly name: string;
  readonly folder: string;
  readonly settings: BoardSettings;

  private constructor(name: string, folder: string, settings: BoardSettings) {
    this.name = name;
    this.folder = folder;
    this.settings = settings;
  }

  /**
   * Begin a leaderboard or go on with it.
   * @param home the folder of runs
   * @throws UsageError for a name that cannot be a folder's, and where it was begun with other settings; FileError when it cannot be read or written
   */
  static async open(name: string, settings: BoardSettings, home: string): Promise<Board> {
    if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/.test(name)) {
      throw new UsageError({
        what: "A leaderboard cannot have this name.",
        got: JSON.stringify(name),
        expected: "1 to 40 letters, digits, - and _, beginning with a letter or digit",
      });
    }
    const folder = path.join(home, `.${name}`);
    await mkdir(folder, { recursive: true }).catch((error: unknown) => {
      throw fileError(error, `Could not make the leaderboard's folder ${folder}.`);
    });
    const file = path.join(folder, "board.json");
    const stored = await readJson<{ format: number; settings: BoardSettings }>(file);
    if (stored === undefined) await writeFileAtomic(file, `${JSON.stringify({ format: FORMAT, settings }, null, 2)}\n`);
    else requireSame(name, folder, stored.settings, settings);
    return new Board(name, folder, settings);
  }

  /** What is known of an entrant; nothing yet for a new one. @throws FileError when its file is damaged */
  async entry(name: string): Promise<Entry> {
    return (await readJson<Entry>(this.#entryFile(name))) ?? { name, drawn: [] };
  }

  /** @throws FileError when it cannot be written */
  async save(entry: Entry): Promise<void> {
    await writeFileAtomic(this.#entryFile(entry.name), `${JSON.stringify(entry, null, 2)}\n`);
  }

  /** Every row measured so far. @throws FileError when a file is damaged */
  async rows(): Promise<BoardRow[]> {
    const names = (await readdir(this.folder)).filter((file) => file.endsWith(".json") && file !== "board.json" && !file.startsWith("."));
    const rows: BoardRow[] = [];
    for (const file of names) {
      const { row } = await this.entry(file.slice(0, -".json".length));
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  /** Keep a batch of samples, bytes [n, C, H, W]. @throws FileError when it cannot be written */
  async saveBatch(name: string, batch: number, images: Uint8Array): Promise<void> {
    await writeFileAtomic(this.#batchFile(name, batch), images);
  }

  /** The first `batches` batches of an entrant's samples, one after the other. @throws FileError when one is missing */
  async samples(name: string, batches: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let batch = 0; batch < batches; batch++) parts.push(await readBytes(this.#batchFile(name, batch)));
    return new Uint8Array(Buffer.concat(parts));
  }

  #entryFile(name: string): string {
    return path.join(this.folder, `${name}.json`);
  }

  #batchFile(name: string, batch: number): string {
    return path.join(this.folder, "samples", name, `${String(batch).padStart(4, "0")}.bin`);
  }
}

/** @throws UsageError naming the settings that differ */
function requireSame(name: string, folder: string, stored: BoardSettings, asked: BoardSettings): void {
  const keys = Object.keys(asked) as (keyof BoardSettings)[];
  const other = keys.filter((key) => JSON.stringify(stored[key]) !== JSON.stringify(asked[key]));
  if (other.length === 0) return;
  throw new UsageError({
    what: `The leaderboard "${name}" was begun with other settings, and rows can only be compared under the same.`,
    where: folder,
    got: other.map((key) => `${key} ${shown(asked[key])}`).join(", "),
    expected: other.map((key) => `${key} ${shown(stored[key])}`).join(", "),
    hint: "give the settings it was begun with, or another --name",
  });
}

async function readJson<T>(file: string): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw fileError(error, "The leaderboard cannot be read.", file);
  }
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new FileError({
      what: "A file of the leaderboard is damaged.",
      where: file,
      hint: "remove it: what it held is done again",
      cause,
    });
  }
}
