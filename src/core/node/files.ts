import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { FileError } from "../errors.ts";
import { processStart } from "./process-start.ts";

/** What ends the name of a file that is still being written; such files are safe to delete once their writer is gone. */
export const TEMPORARY_SUFFIX = ".partial";

/**
 * Write a file so that readers see either the old content or all of the new one, also after a crash: a temporary file in the same folder, flushed
 * to the disk, then renamed. The folder is made when missing. Pieces of an iterable are written one after the other (no big copy in memory). What a
 * killed process left of the same file is removed.
 * @throws FileError when the disk is full, the folder is not writable, ...; the temporary file is removed first.
 */
export async function writeFileAtomic(
  file: string,
  data: string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const folder = path.dirname(file);
  const prefix = `.${path.basename(file)}.`;
  const temporary = path.join(folder, `${prefix}${process.pid}-${randomUUID().slice(0, 8)}${TEMPORARY_SUFFIX}`);
  try {
    await mkdir(folder, { recursive: true });
    await removeAbandoned(folder, prefix);
    const handle = await open(temporary, "wx");
    try {
      await writeFile(handle, data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw fileError(error, `Could not write ${file}.`);
  }
  await syncFolder(folder);
}

/** Temporary files of this beginning whose writers, named by their process ids, live no more. */
async function removeAbandoned(folder: string, prefix: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix) || !name.endsWith(TEMPORARY_SUFFIX)) continue;
    const writer = Number.parseInt(name.slice(prefix.length), 10);
    if (writer > 0 && processStart(writer) === undefined) await rm(path.join(folder, name), { force: true });
  }
}

/** One read takes less than 2 GiB. */
const READ_BYTES = 2 ** 30;

/** A whole file of any size, in an array buffer of its own (so that views of any element type fit its start). @throws FileError when it cannot be read. */
export async function readBytes(file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const handle = await open(file, "r");
    try {
      const bytes = new Uint8Array((await handle.stat()).size);
      let filled = 0;
      while (filled < bytes.length) {
        const { bytesRead } = await handle.read(bytes, filled, Math.min(READ_BYTES, bytes.length - filled), filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError(error, `Could not read ${file}.`);
  }
}

/** Make the rename itself survive a power cut. Not every system can flush a folder (Windows cannot): there the rename alone has to do. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    await handle.sync().finally(() => handle.close());
  } catch {
    // The file is complete and in place; only its durability over a power cut is less sure.
  }
}

const hints: Record<string, string> = {
  ENOSPC: "the disk is full: free some space, or choose another folder with ATELIER_HOME (runs) or ATELIER_CACHE (data)",
  EDQUOT: "your disk quota is used up: free some space, or choose another folder with ATELIER_HOME (runs) or ATELIER_CACHE (data)",
  EACCES: "you have no permission there: check the folder's owner and mode, or choose another folder",
  EPERM: "the system does not permit it: check the folder's owner and mode, or choose another folder",
  EROFS: "the file system is read-only: choose another folder with ATELIER_HOME (runs) or ATELIER_CACHE (data)",
  ENOENT: "check the path: it, or a folder on the way to it, does not exist",
  ENOTDIR: "a part of the path is a file where a folder is needed",
  EEXIST: "a file stands where a folder is needed: move it, or choose another folder",
  EISDIR: "the path is a folder where a file is needed",
  EMFILE: "too many files are open: raise the limit (ulimit -n) or run fewer processes",
  ENAMETOOLONG: "choose a shorter name",
  EFBIG: "the file would be larger than the file system or a limit (ulimit -f) allows",
  EIO: "the disk reports an error: check its health, or choose another folder",
};

/** A FileError for a failed file operation, with what to do for the usual system errors. A FileError is passed through as it is. */
export function fileError(error: unknown, what: string, where?: string): FileError {
  if (error instanceof FileError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
  return new FileError({
    what,
    where,
    got: error instanceof Error ? error.message : String(error),
    hint: code === undefined ? undefined : hints[code],
    cause: error,
  });
}
