/** Uploads on their way: into a folder of their own that nothing else reads, and renamed when all is there and checked. */
import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileError, TEMPORARY_SUFFIX } from "../../core/node/files.ts";
import type { Task } from "../tasks.ts";
import { isUploadName, type Refused, sortFiles, type Upload, type UploadFile, type UploadResult, uploadKind } from "../uploads.ts";
import { StudioError } from "./errors.ts";
import { ABOUT, type OwnAbout, uploadsFolder } from "./own-data.ts";
import type { Tasks } from "./tasks.ts";
import type { CheckedUpload } from "./upload-check.ts";

/** An upload that nothing comes for is given up. */
const IDLE_MS = 600_000;
/** What a studio that was killed left behind is removed after so long. */
const STALE_MS = 24 * 3600_000;

interface Kept {
  upload: Upload;
  /** The temporary folder, and the data in it. */
  folder: string;
  data: string;
  /** Index of the file that is being written, bytes of it that are there, and where it is open. */
  file: number;
  written: number;
  handle: FileHandle | undefined;
  busy: boolean;
  timer: NodeJS.Timeout | undefined;
}

/** The uploads of a studio that are on their way. */
export class Uploads {
  readonly #runsFolder: string;
  readonly #kept = new Map<string, Kept>();

  constructor(runsFolder: string) {
    this.#runsFolder = runsFolder;
  }

  /**
   * Begin an upload: say what will be taken.
   * @throws StudioError (400) for a name that is not allowed or nothing to take, (409) for a name that is taken; FileError where the folder cannot be made
   */
  async begin(name: string, files: readonly UploadFile[]): Promise<Upload> {
    if (!isUploadName(name)) {
      throw new StudioError(400, {
        what: "Data cannot have this name.",
        got: JSON.stringify(name.slice(0, 80)),
        expected: "1 to 64 letters, digits, - and _, beginning with a letter or digit",
      });
    }
    await this.#requireFree(name);
    const kind = uploadKind(files.map((file) => file.path));
    const { accepted, refused } = kind === undefined ? { accepted: [], refused: [] } : sortFiles(files, kind);
    if (kind === undefined || accepted.length === 0) {
      const because = refused[0] === undefined ? "no pictures and no texts" : `${refused[0].path.slice(0, 120)}: ${refused[0].because}`;
      throw new StudioError(400, {
        what: "There is nothing to upload.",
        got: because,
        expected: "pictures (.png, .jpg, .webp) or texts (.txt, .md, .jsonl, .csv, .tsv)",
      });
    }
    const id = randomUUID();
    const folder = path.join(uploadsFolder(this.#runsFolder), `.${id}${TEMPORARY_SUFFIX}`);
    const data = path.join(folder, name);
    await mkdir(data, { recursive: true }).catch((error: unknown) => {
      throw fileError(error, "Could not make a folder for the upload.");
    });
    await this.#removeStale();
    const bytes = accepted.reduce((sum, file) => sum + file.bytes, 0);
    const upload: Upload = { id, name, kind, accepted, refused, bytes, received: 0 };
    const kept: Kept = { upload, folder, data, file: 0, written: 0, handle: undefined, busy: false, timer: undefined };
    this.#kept.set(id, kept);
    this.#touch(kept);
    return upload;
  }

  /** @throws StudioError (404) */
  get(id: string): Upload {
    return this.#find(id).upload;
  }

  /**
   * Take the next bytes of the stream.
   * @returns how many bytes are there now; a request that broke off may have brought some
   * @throws StudioError (409) where others are expected, (413) for more than was announced; FileError where they cannot be written: the upload is then over
   */
  async take(id: string, offset: number, bytes: AsyncIterable<Uint8Array>): Promise<number> {
    const kept = this.#find(id);
    this.#claim(kept);
    try {
      if (offset !== kept.upload.received) {
        throw new StudioError(409, {
          what: "These are not the next bytes of the upload.",
          got: String(offset),
          expected: String(kept.upload.received),
        });
      }
      for await (const part of bytes) await this.#write(kept, part);
      return kept.upload.received;
    } finally {
      kept.busy = false;
      this.#touch(kept);
    }
  }

  /** Check what has come, in a process of its own, and put it in its place. @throws StudioError (409) where bytes are missing */
  async finish(id: string, tasks: Pick<Tasks, "start">): Promise<Task> {
    const kept = this.#find(id);
    this.#claim(kept);
    const { bytes, received, name, kind, refused } = kept.upload;
    if (received < bytes) {
      kept.busy = false;
      throw new StudioError(409, { what: "The upload is not complete.", got: `${received} bytes`, expected: `${bytes} bytes` });
    }
    clearTimeout(kept.timer);
    const undo = () => this.#drop(kept);
    const finish = async (checked: unknown): Promise<UploadResult> => this.#publish(kept, checked as CheckedUpload, refused);
    try {
      return tasks.start({
        kind: "check",
        subject: `${name} (${id.slice(0, 8)})`,
        operation: "check",
        input: { folder: kept.data, kind },
        finish,
        undo,
      });
    } catch (error) {
      kept.busy = false;
      this.#touch(kept);
      throw error;
    }
  }

  /** Give an upload up; nothing of it is left. Harmless for one that is over. */
  async cancel(id: string): Promise<void> {
    const kept = this.#kept.get(id);
    if (kept !== undefined) await this.#drop(kept);
  }

  /** Give all up. */
  async close(): Promise<void> {
    await Promise.all([...this.#kept.values()].map((kept) => this.#drop(kept)));
  }

  #find(id: string): Kept {
    const kept = this.#kept.get(id);
    if (kept === undefined) throw new StudioError(404, "There is no such upload: it is over, or was given up.");
    return kept;
  }

  #claim(kept: Kept): void {
    if (kept.busy) throw new StudioError(409, "This upload is busy with another request.");
    kept.busy = true;
    clearTimeout(kept.timer);
  }

  #touch(kept: Kept): void {
    clearTimeout(kept.timer);
    kept.timer = setTimeout(() => void this.#drop(kept), IDLE_MS).unref();
  }

  async #requireFree(name: string): Promise<void> {
    const place = path.join(uploadsFolder(this.#runsFolder), name);
    if ((await stat(place).catch(() => undefined)) === undefined) return;
    throw new StudioError(409, {
      what: `There are uploaded data named "${name}" already.`,
      hint: "choose another name, or remove them first",
    });
  }

  async #write(kept: Kept, part: Uint8Array): Promise<void> {
    const { upload, data } = kept;
    if (upload.received + part.length > upload.bytes) throw new StudioError(413, "More bytes came than were announced.");
    try {
      for (let at = 0; at < part.length; ) {
        const { path: name, bytes } = upload.accepted[kept.file];
        if (kept.handle === undefined) {
          const file = path.join(data, ...name.split("/"));
          await mkdir(path.dirname(file), { recursive: true });
          kept.handle = await open(file, "wx");
        }
        const some = part.subarray(at, at + bytes - kept.written);
        await kept.handle.writeFile(some);
        at += some.length;
        kept.written += some.length;
        kept.upload = { ...kept.upload, received: kept.upload.received + some.length };
        if (kept.written === bytes) await this.#nextFile(kept);
      }
    } catch (error) {
      await this.#drop(kept);
      throw fileError(error, "The upload could not be written.");
    }
  }

  async #nextFile(kept: Kept): Promise<void> {
    await kept.handle?.close();
    kept.handle = undefined;
    kept.file++;
    kept.written = 0;
  }

  async #publish(kept: Kept, checked: CheckedUpload, before: readonly Refused[]): Promise<UploadResult> {
    const { name } = kept.upload;
    const { kind, kept: files, bytes, classes, attributes, notes } = checked;
    const about: OwnAbout = { format: 1, kind, created: new Date().toISOString(), files, bytes, classes, attributes, notes };
    await this.#requireFree(name);
    try {
      await writeFile(path.join(kept.folder, ABOUT), `${JSON.stringify(about, null, 2)}\n`);
      await rename(kept.folder, path.join(uploadsFolder(this.#runsFolder), name));
    } catch (error) {
      throw fileError(error, "The upload could not be put in its place.");
    }
    this.#kept.delete(kept.upload.id);
    return { name: `own:${name}`, kept: files, refused: [...before, ...checked.refused], notes };
  }

  async #drop(kept: Kept): Promise<void> {
    clearTimeout(kept.timer);
    this.#kept.delete(kept.upload.id);
    await kept.handle?.close().catch(() => undefined);
    kept.handle = undefined;
    await rm(kept.folder, { recursive: true, force: true }).catch(() => undefined);
  }

  async #removeStale(): Promise<void> {
    const parent = uploadsFolder(this.#runsFolder);
    for (const name of await readdir(parent).catch(() => [])) {
      if (!name.startsWith(".") || !name.endsWith(TEMPORARY_SUFFIX)) continue;
      const info = await stat(path.join(parent, name)).catch(() => undefined);
      if (info !== undefined && Date.now() - info.mtimeMs > STALE_MS) await rm(path.join(parent, name), { recursive: true, force: true });
    }
  }
}
