/** A file that was dropped or chosen, with its path inside what was dropped. */
export interface Chosen {
  readonly path: string;
  readonly file: File;
}

/** Everything under what was dropped, folders walked. */
export async function droppedFiles(transfer: DataTransfer): Promise<Chosen[]> {
  // Entries must be taken before the first wait: after it, the browser has emptied the list.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry !== null && entry !== undefined);
  if (entries.length === 0) return [...transfer.files].map((file) => ({ path: file.name, file }));
  const found: Chosen[] = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

/** The files of a file input, with their paths where a folder was chosen. */
export function chosenFiles(list: FileList): Chosen[] {
  return [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

async function walk(entry: FileSystemEntry, found: Chosen[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    found.push({ path: entry.fullPath.replace(/^\//, ""), file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A reader gives a hundred at a time, and none at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    for (const one of some) await walk(one, found);
  }
}
